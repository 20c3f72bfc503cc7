// SocketKit's engine as what encrypts connections of the simulated network.

import MachineCore
import SocketKit
import TestSupport
import X509

/// One end of TLS. If there is no engine, the connection fails with the reason.
final class EngineCipher: ConnectionCipher {
    private let made: Result<TLSEngine, any Error>

    init(_ make: () throws -> TLSEngine) { made = Result { try make() } }

    private var engine: TLSEngine { get throws { try made.get() } }
    var facts: TLSFacts? { try? engine.facts }
    var hasEnded: Bool { (try? engine.phase) == .ended }

    func start() throws -> [UInt8] {
        var ciphertext: [UInt8] = []
        try engine.start(into: &ciphertext)
        return ciphertext
    }

    func receive(_ bytes: ArraySlice<UInt8>) throws -> (plaintext: [UInt8], reply: [UInt8]) {
        var (plaintext, reply): ([UInt8], [UInt8]) = ([], [])
        try engine.receive(bytes, plaintext: &plaintext, ciphertext: &reply)
        return (plaintext, reply)
    }

    func receiveEOF() throws { try engine.receiveEOF() }

    func send(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        var ciphertext: [UInt8] = []
        try engine.send(bytes, into: &ciphertext)
        return ciphertext
    }

    func close() -> [UInt8] {
        var ciphertext: [UInt8] = []
        try? engine.close(into: &ciphertext)
        return ciphertext
    }
}

/// A certificate that signs itself, from 2020 to 2099.
func selfSigned(_ name: String) throws -> (credential: TLSCredential, pin: TLSPin) {
    let keys = try OpenSSLKeys()
    let key = try keys.makePrivateKey()
    let template = CertificateTemplate(
        commonName: name, names: [name], notBefore: 1_577_836_800, notAfter: 4_102_358_400)
    let certificate = try template.certificate(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
        try keys.encodedSignature(of: info, byKey: key)
    }
    let credential = TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: certificate).text, keyPEM: key)
    return (credential, TLSPin(ofPublicKey: try keys.publicKey(ofKey: key)))
}
