// Authorities, certificates and pairs of engines for the tests of TLS. Without OpenSSL on the machine these tests are left out,
// and each suite says so.

import MachineCore
import Testing
import X509

@testable import SocketKit

/// Whether TLS can be tested here.
let hasOpenSSL = TLSLibrary.problem == nil
/// What is said of suites that are left out.
let withoutOpenSSL: Comment = "left out: there is no OpenSSL on this machine, or MIAGENT_OPENSSL is `none`"

/// Seconds of a day.
let day: Int64 = 86_400
/// A time at which certificates of the tests are valid: 2020 to 2099.
let firstSecond: Int64 = 1_577_836_800
let lastSecond: Int64 = 4_102_358_400

/// An authority that signs what a test needs.
struct TestAuthority: Sendable {
    let template: CertificateTemplate
    let key: String
    /// Its own certificate.
    let pem: [UInt8]

    /// The authority of most tests.
    static let usual = Result { try TestAuthority("Test authority") }

    init(_ name: String) throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        template = CertificateTemplate(
            commonName: name, names: [], notBefore: firstSecond, notAfter: lastSecond, purposes: [.authority])
        let der = try template.certificate(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        pem = Array(PEMBlock(label: "CERTIFICATE", bytes: der).text.utf8)
        self.key = key
    }

    /// A credential for these names with a new key.
    func credential(
        _ names: [String], subject: String = "", purposes: Set<CertificateTemplate.Purpose> = [.server],
        from notBefore: Int64 = firstSecond, to notAfter: Int64 = lastSecond
    ) throws -> TLSCredential {
        let keys = try OpenSSLKeys()
        let own = try keys.makePrivateKey()
        let leaf = CertificateTemplate(
            commonName: subject, names: names, notBefore: notBefore, notAfter: notAfter, purposes: purposes)
        let der = try leaf.certificate(point: try keys.publicPoint(ofKey: own), issuer: template) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: own)
    }
}

/// A credential that signs itself.
func selfSigned(_ names: [String], subject: String = "self", challengeDigest: [UInt8]? = nil) throws -> TLSCredential {
    let keys = try OpenSSLKeys()
    let key = try keys.makePrivateKey()
    var template = CertificateTemplate(commonName: subject, names: names, notBefore: firstSecond, notAfter: lastSecond)
    template.challengeDigest = challengeDigest
    let der = try template.certificate(point: try keys.publicPoint(ofKey: key)) { info throws(TLSError) in
        try keys.encodedSignature(of: info, byKey: key)
    }
    return TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: key)
}

/// The pin of a credential's key.
func pin(of credential: TLSCredential) throws -> TLSPin {
    TLSPin(ofPublicKey: try OpenSSLKeys().publicKey(ofKey: String(decoding: credential.key, as: UTF8.self)))
}

/// One end of a wire, with what it read.
final class TLSEnd {
    let engine: TLSEngine
    /// Ciphertext that waits to be carried to the other end.
    var outgoing: [UInt8] = []
    var received: [UInt8] = []
    var error: TLSError?

    init(_ engine: TLSEngine) { self.engine = engine }

    func receive(_ bytes: ArraySlice<UInt8>) {
        do throws(TLSError) {
            try engine.receive(bytes, plaintext: &received, ciphertext: &outgoing)
        } catch {
            if let before = self.error { #expect(before == error) }
            self.error = error
        }
    }

    func send(_ bytes: [UInt8]) throws { try engine.send(bytes[...], into: &outgoing) }
}

/// Two engines back to back.
final class TLSPair {
    let client: TLSEnd
    let server: TLSEnd
    /// Bytes carried, to the server and to the client.
    var carried = (toServer: 0, toClient: 0)

    init(_ clientContext: TLSContext, _ serverContext: TLSContext, host: String = "gw.example.com") throws {
        client = TLSEnd(try TLSEngine(client: clientContext, host: host))
        server = TLSEnd(try TLSEngine(server: serverContext))
        try client.engine.start(into: &client.outgoing)
    }

    /// A pair of the usual authority, for one name.
    convenience init(
        _ clientSettings: TLSClientSettings? = nil, _ serverSettings: TLSServerSettings? = nil, host: String = "gw.example.com"
    ) throws {
        let authority = try TestAuthority.usual.get()
        let clientSettings = clientSettings ?? TLSClientSettings(trust: .authorities(authority.pem))
        let serverSettings = try serverSettings ?? TLSServerSettings([authority.credential(["gw.example.com"])])
        try self.init(TLSContext(client: clientSettings), TLSContext(server: serverSettings), host: host)
    }

    /// Carries what waits, in pieces of `length` bytes, until nothing waits.
    func carry(pieces length: Int = .max) {
        while !client.outgoing.isEmpty || !server.outgoing.isEmpty {
            carried.toServer += Self.carry(client, server, length)
            carried.toClient += Self.carry(server, client, length)
        }
    }

    private static func carry(_ from: TLSEnd, _ to: TLSEnd, _ length: Int) -> Int {
        let bytes = from.outgoing
        from.outgoing = []
        for start in stride(from: 0, to: bytes.count, by: length) {
            to.receive(bytes[start..<start + min(length, bytes.count - start)])
        }
        return bytes.count
    }

    /// The phases of both ends.
    var phases: [TLSEngine.Phase] { [client.engine.phase, server.engine.phase] }
}

extension TLSContext {
    /// Offers these signature algorithms alone.
    func limit(toSignatures names: String) -> Bool {
        var text = Array(names.utf8CString)
        return text.withUnsafeMutableBytes { library.ssl.controlContext(pointer, 98, 0, $0.baseAddress) == 1 }
    }
}

/// A credential of another kind, which signs itself: RSA, 2048 bits, for gw.example.com. Its key is known to everybody.
let rsaCredential = TLSCredential(chainPEM: rsaCertificate, keyPEM: rsaKey)

private let rsaCertificate = """
    -----BEGIN CERTIFICATE-----
    MIIDGjCCAgKgAwIBAgIUGZm4RAICbshX1NPPVSstwGdPTqwwDQYJKoZIhvcNAQEL
    BQAwDjEMMAoGA1UEAwwDcnNhMCAXDTI2MTEyNzE2NTQyMVoYDzIxMjYxMTAzMTY1
    NDIxWjAOMQwwCgYDVQQDDANyc2EwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK
    AoIBAQCmIYWN2qN4qRGP8P08T/9sYELwsnqFkDC8vgC4sDcvH44dJCbHV6Il0xoY
    ZIVJ3DlKKnGbnRIanr+9mslv6rfM1LowM6+CS8tOn6Dp6E4ttP0sLAv0kvId7mD+
    z7JCgDukETxPFvoxIQV8eMJ1gsMmu+CUEgpTChAXW5evMVqtvyfRVaK5Mdaq97Wf
    jNrHdzyHCcwbpxDo07SnSM93cHKJCoU/WldYLW/zbeqjydQmg3ksJg9rpNlbGFOH
    DzWSguXNHjj2lCjk8uJGJB+a+VHEev5t0N5JZsKx/s1yLSJWjIjoje9TEWhAGc2N
    mb4qrXP7HUQ9rtrqrwoqQ58ZladDAgMBAAGjbjBsMB0GA1UdDgQWBBT9zy7RA4gt
    3Wu9NRz0/JTQ6J7cSzAfBgNVHSMEGDAWgBT9zy7RA4gt3Wu9NRz0/JTQ6J7cSzAP
    BgNVHRMBAf8EBTADAQH/MBkGA1UdEQQSMBCCDmd3LmV4YW1wbGUuY29tMA0GCSqG
    SIb3DQEBCwUAA4IBAQAMOt5riilMZsEsiduDPGulbGzAayWs9TfFIUpShDa6SRO1
    7yXRGkOyIsN2I4x1iewzC9njEeop++9XjteZrXTcA95gi2MSFXFkewJaiWEc6RSm
    sTue7D2hxNxipeenXs0Zbsiwf/82coc0yfsr3zxh2QK/IPNnmeKvhYGFvi3pPijC
    Gqwlaw90lk2M6kIPE/BX/FmfLv76KcuWsP1N/KRStSqaHTWDWIjADWdXa5c5yt50
    SgfIOoLtSTAq1UX4gfiHZESOt8hz+5+6vIr89jD63JEtkpZZ1jBZF+9ULGOl8Gph
    /88go1KYrmVozKlCDbVg/eCvw959vayRtDVCjaku
    -----END CERTIFICATE-----
    """

private let rsaKey = """
    -----BEGIN PRIVATE KEY-----
    MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQCmIYWN2qN4qRGP
    8P08T/9sYELwsnqFkDC8vgC4sDcvH44dJCbHV6Il0xoYZIVJ3DlKKnGbnRIanr+9
    mslv6rfM1LowM6+CS8tOn6Dp6E4ttP0sLAv0kvId7mD+z7JCgDukETxPFvoxIQV8
    eMJ1gsMmu+CUEgpTChAXW5evMVqtvyfRVaK5Mdaq97WfjNrHdzyHCcwbpxDo07Sn
    SM93cHKJCoU/WldYLW/zbeqjydQmg3ksJg9rpNlbGFOHDzWSguXNHjj2lCjk8uJG
    JB+a+VHEev5t0N5JZsKx/s1yLSJWjIjoje9TEWhAGc2Nmb4qrXP7HUQ9rtrqrwoq
    Q58ZladDAgMBAAECggEAH1bVheQH0Hw8VuYEL3t72Kr0FcnleQqxVvmU00JStq4C
    NhcaxaIPcYk4M//KcRt9JzOIiO2Be8oUq6TmeRlTIO3ETdGCO1cm/Cb6yQVMsiyh
    UdLhUnrh96l/XLI7k3XzSkkCEn1oJxpumYOCU36eZ9ErVWNt1SphzLY3kBIEZCAM
    TK2UiE80CrRH93ZWZ73nUMGaXisJDCGxEVvjYkATWazYeqQ4xIzdiSS5IGk2ABrQ
    16qjCtahdXFHhM1tlKD6qO3A+0t5Oiswmy2WNnFzzoptN6i70Fqsh4ogmGsU+9Sw
    Yn2DX7hXCVDvlw+QAWeAvgRgWZFiJoe6ODL82/ZsUQKBgQDe8xGAI7Dz60gnxFAP
    sKJzWJh/6QLZCFT2NAwcpsMWnUuccT+zCacBTLWry1ANYUWDVms0TEUweuw8r3G9
    cxIilz1s9oBv3mgUS9CbdCMbJy1skTuQC0xCeyBgNaOQXpBS9yuUaVDaaaZv3mbY
    K8Bt9+cwu08YHqOueK0thpoC2QKBgQC+wjClP0O1y8BQF8c+IqYB94eIyoTCjEO+
    55chjZPAujs7EE907xgqe9nY5wvgS6zjdTR0A0f2+xNy4ggkvBkAIdiOr58B8S9I
    2GIweWxKyH4sinCVGZZKFPqLQBByacGF05wWwv6jdn7HBUuPHDHpl4MOmlZoP1KN
    yQtalyjxewKBgQCRLBEvMQ5eJcw8KLZBITEGjp/uWhmCnMxF7KoeVfAeX5oGai+i
    MxzN2ddJ3/9mVvpehP0VdrxuzvvYoB0d0Tnz0CstMm17aoS3Ao75Smw5mA8Z7I+u
    Qc0MVQRF4Wd58Dll7JAx+UmujrDTkyvAguywLoYZ0z2zZPAMAYQyar0KMQKBgQCR
    OrjcZjD/rHLqx1+qf6iRoMlwLHcswqslIZ5fLjGKLn6/teg4Z3unhIlTaHwTNKoY
    tffMR183uumQsmNuzEHgZuQ/pZdSXDQaqpr+usLmoIPnFzMlYMiZ+CTTdV/QK5Hp
    eDTC44wIGUPl87MV7mpVpENkD76vOV55kdFyE9lZFwKBgQDQI+qAr0y98NK1Uph9
    +7lKD1XsIbMFj0QEfgtw3FNjPKvo+C4U614uuExR7inlEdgj2st7SPwEs+O27H79
    +JmPlvw3iIn29eWcQ5u9myEgpqQLfoktTNM9DQ/t4sSLpAJtpxx5uRbrEuYyWTaU
    mj4ReDeQvF5OuQ26Mcvoeo9wYA==
    -----END PRIVATE KEY-----
    """
