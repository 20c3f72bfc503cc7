// TLS on one connection, without I/O: bytes in, bytes out, like every codec. What comes from the socket goes in as ciphertext,
// and what is to go to the socket is appended to an array of the caller's; nothing is kept here between calls but at most one
// record that is not whole. An end without `close_notify` is an error, never an end (RFC 8446 §6.1).

import MachineCore
import X509

/// One end of a TLS connection. To be used by one thread, that of its context.
public final class TLSEngine {
    /// How far a connection is.
    public enum Phase: Sendable, Hashable {
        /// The handshake is under way. (open, failed)
        case handshaking
        /// Bytes can be read and written. (ended, failed)
        case open
        /// The peer has said that it sends no more; what it sends nevertheless is ignored. Bytes can still be written. (failed)
        case ended
        /// There was an error; `failure` says which. What was written before it, an alert among it, should still be sent.
        case failed
    }

    /// How far the connection is.
    public private(set) var phase = Phase.handshaking
    /// Why it failed.
    public private(set) var failure: TLSError?
    /// Whether `close_notify` was written: nothing can be written any more.
    public private(set) var isClosed = false
    let connection: SSLConnection
    private var firstBytes: FirstBytes? = FirstBytes()

    /// The server's end of a new connection.
    public init(server context: TLSContext) throws(TLSError) {
        guard context.credentials != nil else { throw .settings("a context for clients cannot serve") }
        connection = try SSLConnection(context, host: nil)
    }

    /// The client's end of a new connection to `host`, a name or a literal address (brackets and a dot at the end are taken
    /// off). Its hello is written by `start`.
    public init(client context: TLSContext, host: String) throws(TLSError) {
        // A server's context verifies nobody.
        guard context.trust != nil else { throw .settings("a context for servers cannot dial") }
        var name = host[...]
        if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
        if name.hasSuffix(".") { name = name.dropLast() }
        // A zone (RFC 4007 §11) says which way, not who.
        if name.contains(":") { name = name.prefix { $0 != "%" } }
        guard !name.isEmpty, name.utf8.count <= 253, name.utf8.allSatisfy({ (0x21..<0x7f).contains($0) }) else {
            throw .settings("`\(host)` cannot be a server's name (beyond ASCII it is written as xn--…)")
        }
        connection = try SSLConnection(context, host: name.lowercased())
    }

    /// Writes a client's hello; a server has nothing to write yet.
    public func start(into ciphertext: inout [UInt8]) throws(TLSError) {
        guard connection.host != nil, phase == .handshaking, !isClosed else { return }
        var nothing: [UInt8] = []
        try advance(with: [], plaintext: &nothing, ciphertext: &ciphertext)
    }

    /// Takes what came from the socket, all of it, and appends what it holds to `plaintext` and what is to be sent in reply to
    /// `ciphertext`. What is appended to `plaintext` is never longer than what came by more than one record of 16 KiB.
    /// - Throws: the failure that ends the connection, also at each later call. What was appended before it counts: plaintext
    ///   that came whole, and an alert that should still be sent.
    public func receive(
        _ bytes: ArraySlice<UInt8>, plaintext: inout [UInt8], ciphertext: inout [UInt8]
    ) throws(TLSError) {
        switch phase {
        case .failed: throw failure ?? .notOpen
        case .ended: return
        case .handshaking:
            if isClosed { return }
            guard try judgeFirstBytes(bytes) else { return }
        case .open: break
        }
        if bytes.isEmpty { return }
        try advance(with: bytes, plaintext: &plaintext, ciphertext: &ciphertext)
    }

    /// Hears that nothing more comes from the socket.
    /// - Throws: `endedInHandshake`, or `truncated` if the peer did not say that it was at the end.
    public func receiveEOF() throws(TLSError) {
        switch phase {
        case .failed: throw failure ?? .notOpen
        case .ended: return
        case .open: throw fail(.truncated)
        case .handshaking:
            if let bytes = firstBytes?.bytes, !bytes.isEmpty { throw fail(.notTLS(firstBytes: bytes)) }
            throw fail(.endedInHandshake)
        }
    }

    /// Appends what carries `bytes` to `ciphertext`: records of 16 KiB, each 22 bytes longer than what it holds.
    /// - Throws: `notOpen` before the end of the handshake and after `close`; the failure, if there was one.
    public func send(_ bytes: ArraySlice<UInt8>, into ciphertext: inout [UInt8]) throws(TLSError) {
        if phase == .failed { throw failure ?? .notOpen }
        guard phase != .handshaking, !isClosed else { throw .notOpen }
        if bytes.isEmpty { return }
        switch connection.lending([], into: &ciphertext, { connection.write(bytes) }) {
        case .done: break
        case .needsBytes, .ended, .failed: throw fail(connection.reasonOfFailure(inHandshake: false))
        }
    }

    /// Says that no more will be written. What comes can still be read.
    public func close(into ciphertext: inout [UInt8]) {
        guard !isClosed else { return }
        isClosed = true
        guard phase == .open || phase == .ended else { return }
        connection.lending([], into: &ciphertext) { connection.shutDown() }
    }

    /// What the handshake came to; nil before its end and after a failure.
    public var facts: TLSFacts? {
        guard phase == .open || phase == .ended else { return nil }
        let peer = connection.peerCertificate.flatMap(Certificate.init(der:))
        return TLSFacts(
            serverName: connection.host ?? connection.hello?.serverName, applicationProtocol: connection.applicationProtocol,
            version: connection.versionName, cipher: connection.cipherName, peerSubject: peer?.subject,
            peerNames: peer?.names ?? [], peerPin: peer?.pin, isResumed: connection.wasResumed)
    }

    // MARK: Steps

    /// Whether the peer speaks TLS, so that what came is to be given to OpenSSL. The first byte of TLS decides, so nothing is
    /// held back of it.
    private func judgeFirstBytes(_ bytes: ArraySlice<UInt8>) throws(TLSError) -> Bool {
        guard var first = firstBytes else { return true }
        let verdict = first.add(bytes)
        firstBytes = verdict == .isTLS ? nil : first
        switch verdict {
        case .isTLS: return true
        case .undecided: return false
        case .isPlainHTTP: throw fail(.plainHTTP)
        case .isOther: throw fail(.notTLS(firstBytes: first.bytes))
        }
    }

    /// Goes on as far as `bytes` lead.
    private func advance(
        with bytes: ArraySlice<UInt8>, plaintext: inout [UInt8], ciphertext: inout [UInt8]
    ) throws(TLSError) {
        let wasHandshaking = phase == .handshaking
        let last = connection.lending(bytes, into: &ciphertext) {
            if phase == .handshaking {
                let step = connection.handshake()
                guard step == .done else { return step }
                phase = .open
                connection.hello?.protocols = []  // of no more use while the connection idles
            }
            while true {
                let step = connection.read(into: &plaintext)
                if step != .done { return step }
            }
        }
        switch last {
        case .done, .needsBytes: return
        case .ended:
            if phase == .handshaking { throw fail(.endedInHandshake) }
            phase = .ended
        case .failed: throw fail(connection.reasonOfFailure(inHandshake: wasHandshaking))
        }
    }

    private func fail(_ error: TLSError) -> TLSError {
        phase = .failed
        failure = error
        return error
    }
}

extension Certificate {
    /// The pin of its key.
    var pin: TLSPin { TLSPin(ofPublicKey: publicKey) }
}
