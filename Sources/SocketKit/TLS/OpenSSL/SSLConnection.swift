// One connection of OpenSSL: the unsafe half of TLSEngine. Every call is given the bytes that it may read and an array to write
// behind, and returns what it came to; nothing is kept here between calls but the connection itself.
//
// Unsafe here: an `SSL *`, which is freed with the connection; bytes that are lent for one call and forgotten at its end; and
// the connection behind the `SSL *`, unowned, since it owns that itself. Callbacks run within its calls alone.

import Primitives

/// An `SSL *` over bytes in memory.
@safe final class SSLConnection {
    /// What a call came to.
    enum Step: Equatable {
        case done
        /// All that was lent is read, and more is needed.
        case needsBytes
        /// The peer's `close_notify` was read.
        case ended
        case failed
    }

    let context: TLSContext
    /// The host that a client dials, which the certificate must be for.
    let host: String?
    /// What the client's hello asks for; at a server, once it is read.
    var hello: ClientHello?
    /// The credential of the challenge that the hello asks for.
    var challenge: LoadedCredential?
    /// Why the verification of the peer's certificate failed, or a callback refused.
    var refusal: TLSError?
    /// Where the BIO writes; swapped with the caller's array for the time of a call.
    var output: [UInt8] = []
    private var lent = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    let pointer: OpaquePointer
    let library: OpenSSL

    init(_ context: TLSContext, host: String?) throws(TLSError) {
        self.context = context
        self.host = host
        library = context.library
        guard let pointer = unsafe library.ssl.newConnection(context.pointer) else {
            throw .internalFailure("cannot make a connection: \(library.takeError().text)")
        }
        unsafe self.pointer = unsafe pointer
        guard let transport = unsafe library.transport.make(for: self) else {
            throw .internalFailure("cannot make a transport: \(library.takeError().text)")
        }
        unsafe library.ssl.setTransport(pointer, transport, transport)
        _ = unsafe library.ssl.setData(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
        if let host {
            unsafe library.ssl.beClient(pointer)
            try prepare(for: host)
        } else {
            unsafe library.ssl.beServer(pointer)
        }
    }

    deinit {
        // Otherwise OpenSSL would take a session that was not closed in both directions for one that cannot be resumed.
        unsafe library.ssl.setShutdown(pointer, SSLShutdown.sent)
        unsafe library.ssl.freeConnection(pointer)
    }

    /// The connection of a callback's `SSL *`.
    static func of(_ pointer: OpaquePointer?, _ library: OpenSSL) -> SSLConnection? {
        unsafe library.ssl.data(pointer, 0).map { unsafe Unmanaged<SSLConnection>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Asks for `host` (RFC 6066 §3 has no literal addresses) and has the certificate compared with it.
    private func prepare(for host: String) throws(TLSError) {
        let parameters = unsafe library.ssl.verificationParameters(pointer)
        unsafe library.ssl.setHostFlags(pointer, X509NameCheck.neverSubject | X509NameCheck.noPartialWildcards)
        if IPAddress(host) != nil {
            guard unsafe library.x509.setAddress(parameters, host) == 1 else { throw .settings("`\(host)` is no address") }
        } else {
            let isSet = unsafe host.withCString { unsafe library.ssl.setHost(pointer, $0) == 1 }
            var name = Array(host.utf8CString)
            let isSaid = unsafe name.withUnsafeMutableBytes {
                unsafe library.ssl.control(pointer, SSLControl.serverName, 0, $0.baseAddress) == 1
            }
            guard isSet, isSaid else { throw .settings("`\(host)` cannot be a server's name") }
        }
        if let session = context.sessions?.take(for: host) {
            _ = unsafe library.ssl.setSession(pointer, session.pointer)
        }
    }

    // MARK: Steps

    /// What is still lent and not read.
    var lentCount: Int { unsafe lent.count }

    /// Moves the first bytes of what is lent into `memory`, which is not longer.
    func takeLent(_ memory: UnsafeMutableRawBufferPointer) {
        unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: lent.prefix(memory.count)))
        unsafe lent = UnsafeRawBufferPointer(rebasing: lent.dropFirst(memory.count))
    }

    /// Runs `body` while `bytes` are lent and what is written goes behind `output`.
    func lending<Result>(_ bytes: ArraySlice<UInt8>, into output: inout [UInt8], _ body: () -> Result) -> Result {
        swap(&self.output, &output)
        library.crypto.clearErrors()
        let result = unsafe bytes.withUnsafeBytes { memory in
            unsafe lent = memory
            defer { unsafe lent = UnsafeRawBufferPointer(start: nil, count: 0) }
            return body()
        }
        swap(&self.output, &output)
        return result
    }

    /// Goes on with the handshake. To be called within `lending`, like all that follow.
    func handshake() -> Step { step(unsafe library.ssl.handshake(pointer)) }

    /// Reads one record at most and appends what it holds.
    func read(into plaintext: inout [UInt8]) -> Step {
        var result: Int32 = 0
        plaintext.append(addingCapacity: SSLConnection.recordBytes) { span in
            unsafe span.withUnsafeMutableBufferPointer { memory, count in
                result = unsafe library.ssl.read(pointer, memory.baseAddress, Int32(truncatingIfNeeded: memory.count))
                count = max(0, Int(result))
            }
        }
        return step(result)
    }

    /// The most that a record holds (RFC 8446 §5.1).
    static let recordBytes = 16 * 1024

    /// Writes all of `plaintext`, which is not empty.
    func write(_ plaintext: ArraySlice<UInt8>) -> Step {
        unsafe plaintext.withUnsafeBytes { memory in
            var rest = unsafe memory[...]
            while unsafe !rest.isEmpty {
                let count = Int32(truncatingIfNeeded: unsafe min(rest.count, 1 << 30))
                let result = unsafe library.ssl.write(pointer, UnsafeRawBufferPointer(rebasing: rest).baseAddress, count)
                if result <= 0 { return step(result) }
                unsafe rest = unsafe rest.dropFirst(Int(result))
            }
            return .done
        }
    }

    /// Writes `close_notify`.
    func shutDown() { _ = unsafe library.ssl.shutdown(pointer) }

    private func step(_ result: Int32) -> Step {
        if result > 0 { return .done }
        switch unsafe library.ssl.result(pointer, result) {
        case SSLResult.wantsRead: return .needsBytes
        case SSLResult.peerClosed: return .ended
        default: return .failed
        }
    }

    /// Why the last step failed; the stack of errors is empty afterwards.
    func takeError() -> OpenSSLError { library.takeError() }
}

// MARK: What a handshake came to

extension SSLConnection {
    /// `TLSv1.3`.
    var versionName: String { unsafe library.ssl.versionName(pointer).map { unsafe String(cString: $0) } ?? "" }

    /// `TLS_AES_128_GCM_SHA256`.
    var cipherName: String {
        unsafe library.ssl.cipherName(library.ssl.cipher(pointer)).map { unsafe String(cString: $0) } ?? ""
    }

    /// Whether an earlier session was resumed.
    var wasResumed: Bool { unsafe library.ssl.wasResumed(pointer) == 1 }

    /// The protocol that was agreed on (RFC 7301).
    var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe library.ssl.chosenProtocol(pointer, &start, &count)
        guard let start = unsafe start, count > 0 else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    /// The peer's certificate in DER.
    var peerCertificate: [UInt8]? {
        guard let certificate = unsafe library.ssl.peerCertificate(pointer) else { return nil }
        defer { unsafe library.x509.free(certificate) }
        return unsafe library.encodedCertificate(certificate)
    }
}

// MARK: For callbacks

extension SSLConnection {
    /// An extension of the hello that is being read.
    func helloExtension(_ number: UInt32) -> [UInt8]? {
        var start: UnsafePointer<UInt8>?
        var count = 0
        guard unsafe library.ssl.helloExtension(pointer, number, &start, &count) == 1, let start = unsafe start else {
            return nil
        }
        return unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }

    /// Presents this credential and no other.
    func present(_ credentials: [LoadedCredential]) -> Bool {
        unsafe library.ssl.clearCertificates(pointer)
        for credential in credentials {
            let isUsed = unsafe library.ssl.useCertificate(
                pointer, credential.leaf.pointer, credential.key.pointer, credential.chain, 1)
            guard isUsed == 1 else { return false }
        }
        return true
    }
}
