// Invariant: whatever comes instead of TLS, or in the middle of it, an engine ends with one error and never traps; that error
// does not depend on how the bytes are cut; nothing is taken for plaintext that no peer encrypted; and what is written in reply
// stays small. Between two engines, what one sends the other receives, however it is cut.
//
// The first byte chooses: bits 0–1 what the input is (0: what a client sends, 1: what a server sends, 2: what follows a
// handshake, 3: plaintext to be carried), bits 2–7 the length of the pieces of the second reading. Without OpenSSL nothing is
// done.

import SocketKit
import X509

/// What an engine made of its input.
private struct TLSReading: Equatable {
    var error: TLSError?
    var received: [UInt8] = []
}

/// The contexts of a process; each is used by one thread alone.
private struct TLSContexts {
    let client: TLSContext
    let server: TLSContext

    init() throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        let template = CertificateTemplate(
            commonName: "fuzz", names: ["gw.example.com"], notBefore: 1_577_836_800, notAfter: 4_102_358_400)
        let der = try template.certificate(point: keys.publicPoint(ofKey: key)) { info throws(TLSError) in
            try keys.encodedSignature(of: info, byKey: key)
        }
        let credential = TLSCredential(chainPEM: PEMBlock(label: "CERTIFICATE", bytes: der).text, keyPEM: key)
        server = try TLSContext(server: TLSServerSettings([credential], protocols: ["http/1.1"]))
        try server.setChallenge(for: "new.example.com", credential)
        client = try TLSContext(
            client: TLSClientSettings(trust: .authorities(credential.chain), protocols: ["http/1.1"]))
    }

    func makeClient() -> TLSEngine? { try? TLSEngine(client: client, host: "gw.example.com") }
    func makeServer() -> TLSEngine? { try? TLSEngine(server: server) }
}

// A fuzzer has one thread, and so has a process that runs seeds.
private nonisolated(unsafe) let contexts = try? TLSContexts()

/// Feeds `bytes` to an engine; stops the process if the invariant above does not hold.
public func fuzzTLS(_ bytes: [UInt8]) {
    guard let choice = bytes.first, let contexts else { return }
    let input = bytes.dropFirst()
    let length = Int(choice >> 2) + 1
    switch choice & 3 {
    case 0: readStart(input, length) { contexts.makeServer() }
    case 1:
        readStart(input, length) {
            let client = contexts.makeClient()
            var hello: [UInt8] = []
            try? client?.start(into: &hello)
            return client
        }
    case 2: disturb(contexts, input, length)
    default: carry(contexts, Array(input), length)
    }
}

/// Garbage instead of a handshake.
private func readStart(_ input: ArraySlice<UInt8>, _ length: Int, make: () -> TLSEngine?) {
    let whole = read(input, max(1, input.count), by: make())
    precondition(whole.received.isEmpty, "plaintext before the end of a handshake")
    precondition(whole.error != nil, "an end that is taken for one")
    precondition(read(input, length, by: make()) == whole, "the cut changes what is read")
    precondition(read(input, 1, by: make()) == whole, "byte by byte something else is read")
}

private func read(_ input: ArraySlice<UInt8>, _ length: Int, by engine: TLSEngine?) -> TLSReading {
    var reading = TLSReading()
    guard let engine else { preconditionFailure("no engine") }
    var replies: [UInt8] = []
    for start in stride(from: input.startIndex, to: input.endIndex, by: length) {
        do throws(TLSError) {
            try engine.receive(
                input[start..<min(start + length, input.endIndex)], plaintext: &reading.received, ciphertext: &replies)
            precondition(reading.error == nil, "something follows an error")
        } catch {
            precondition(reading.error == nil || reading.error == error, "another error")
            reading.error = error
        }
    }
    if reading.error == nil {
        do throws(TLSError) { try engine.receiveEOF() } catch { reading.error = error }
    }
    precondition(replies.count < 32 * 1024 + input.count, "too long a reply")
    precondition((reading.error == nil) == (engine.phase == .ended), "neither an end nor an error")
    precondition(engine.failure == reading.error, "the error is forgotten")
    return reading
}

/// An open pair, and garbage that comes to either end.
private func disturb(_ contexts: TLSContexts, _ input: ArraySlice<UInt8>, _ length: Int) {
    guard let (client, server) = open(contexts) else { preconditionFailure("no handshake") }
    for engine in [client, server] {
        let reading = read(input, length, by: engine)
        precondition(reading.received.isEmpty, "plaintext that nobody encrypted")
    }
}

/// Two engines whose handshake is over.
private func open(_ contexts: TLSContexts) -> (client: TLSEngine, server: TLSEngine)? {
    guard let client = contexts.makeClient(), let server = contexts.makeServer() else { return nil }
    var (toServer, toClient, plaintext): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
    do {
        try client.start(into: &toServer)
        while !toServer.isEmpty {
            try server.receive(toServer[...], plaintext: &plaintext, ciphertext: &toClient)
            toServer = []
            try client.receive(toClient[...], plaintext: &plaintext, ciphertext: &toServer)
            toClient = []
        }
    } catch {
        return nil
    }
    return client.phase == .open && server.phase == .open ? (client, server) : nil
}

/// The input as plaintext, in pieces, over an open pair.
private func carry(_ contexts: TLSContexts, _ input: [UInt8], _ length: Int) {
    guard let (client, server) = open(contexts) else { preconditionFailure("no handshake") }
    var (wire, received, replies): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
    do {
        for start in stride(from: 0, to: input.count, by: length) {
            try client.send(input[start..<min(start + length, input.count)], into: &wire)
        }
        client.close(into: &wire)
        for start in stride(from: 0, to: wire.count, by: 2 * length + 1) {
            let piece = wire[start..<min(start + 2 * length + 1, wire.count)]
            try server.receive(piece, plaintext: &received, ciphertext: &replies)
        }
        try server.receiveEOF()
    } catch {
        preconditionFailure("\(error)")
    }
    precondition(received == input && server.phase == .ended, "something else was received")
}
