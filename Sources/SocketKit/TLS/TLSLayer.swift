// TLS on a connection of a loop: the engine, the ciphertext that waits for the socket, and how much of what a machine wrote is
// in it. The loop gives it what it read and takes what it is to write; a machine sees neither.

import MachineCore

/// What a connection with TLS has besides.
final class TLSLayer {
    let engine: TLSEngine
    /// Ciphertext that waits for the socket.
    var outgoing = SendQueue()
    /// Bytes of plaintext that are in `outgoing` at most, and not yet said to be written.
    private var plaintextCount = 0

    init(_ engine: TLSEngine) { self.engine = engine }

    /// Whether plaintext can be written now.
    var isOpen: Bool { engine.phase == .open || engine.phase == .ended }

    /// Appends `bytes` to `ciphertext`, encrypted.
    func seal(_ bytes: ArraySlice<UInt8>, into ciphertext: inout [UInt8]) throws(TLSError) {
        if bytes.isEmpty { return }  // also after the end
        try engine.send(bytes, into: &ciphertext)
        plaintextCount += bytes.count
    }

    /// How many bytes of plaintext the socket has taken since the last time. A record is longer than what it holds: of what was
    /// sealed no more is under way than there are bytes in `outgoing`.
    func takeWritten() -> Int {
        let underWay = min(plaintextCount, outgoing.count)
        defer { plaintextCount = underWay }
        return plaintextCount - underWay
    }
}

/// The beginning of TLS on a connection that was accepted: what is to be said of it once the handshake is over.
struct TLSAcceptance {
    var peer: String
    var listener: Int
}

/// A handshake that came to nothing, for whoever counts and logs them.
public struct TLSHandshakeFailure: Sendable, Hashable {
    /// The client's literal address without port, or "unix".
    public var peer: String
    /// The index of the listener.
    public var listener: Int
    /// What went wrong.
    public var error: TLSError
}
