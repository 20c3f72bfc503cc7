// The vocabulary between a machine and whoever owns the sockets: identifiers and values, never descriptors or closures.
//
// Order is part of it. For one connection the events are: `accepted` or `connected`, then any number of `received` and `wrote`,
// at most one `receivedEOF`, and exactly one `closed` at the end, also after the machine's own `close`. Nothing follows
// `closed`. Bytes are what the peers say to each other; that they may be encrypted on the way is the transport's affair, and
// `secured` says that they are: directly after `accepted`, or some time after `startTLS`.

/// A connection for as long as it lasts. The slot (low 32 bits) is small and reused, the generation (high 32 bits) tells the
/// users of a slot apart, so a table can be an array and a late event finds no entry.
public struct ConnectionID: Sendable, Hashable {
    /// Generation and slot.
    public var rawValue: UInt64

    /// The connection with this raw value.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The connection in `slot`, told apart from earlier ones there by `generation`.
    public init(slot: UInt32, generation: UInt32) { rawValue = UInt64(generation) << 32 | UInt64(slot) }

    /// The place in a table.
    public var slot: Int { Int(truncatingIfNeeded: rawValue & 0xffff_ffff) }
}

/// An attempt to connect, named by the machine that asked for it.
public struct DialID: Sendable, Hashable {
    /// Chosen by the machine, never reused by it.
    public var rawValue: UInt64
    /// The attempt with this raw value.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Where to connect to, or where to listen.
public enum Endpoint: Sendable, Hashable {
    /// A host name or a literal address (IPv6 without brackets), and a port. A name is resolved and its addresses tried in
    /// turn; `localhost` stands for 127.0.0.1 and ::1, without asking a resolver (RFC 6761 §6.3).
    case tcp(host: String, port: UInt16)
    /// The path of a Unix socket.
    case unix(path: String)
}

/// Something that happened to a connection.
public enum TransportEvent: Sendable, Hashable {
    /// A client connected to the listener with this index; `peer` is the literal address without port, or "unix".
    case accepted(ConnectionID, peer: String, listener: Int)
    /// TLS is spoken on the connection, and the handshake is over. At a listener with TLS it follows `accepted` at once, and a
    /// client whose handshake failed is never heard of.
    indirect case secured(ConnectionID, TLSFacts)
    /// The dial succeeded.
    case connected(DialID, ConnectionID)
    /// The dial failed, or was cancelled too late to matter; `reason` is for people.
    case dialFailed(DialID, reason: String)
    /// Bytes came. They are lent: a machine that keeps them beyond this call copies them.
    case received(ConnectionID, ArraySlice<UInt8>)
    /// The peer will send no more.
    case receivedEOF(ConnectionID)
    /// The transport took this many bytes of what was written: the only source of new credit.
    case wrote(ConnectionID, Int)
    /// The connection is gone, and what was not yet written is lost. `error` is nil after an orderly end.
    case closed(ConnectionID, error: String?)
}

/// Something that a machine wants done to a connection.
public enum TransportCommand: Sendable, Hashable {
    /// Connect, and report `connected` or `dialFailed` under the same id.
    case dial(DialID, Endpoint)
    /// Give the attempt up; no event follows, and a connection that came anyway is closed unseen.
    case cancelDial(DialID)
    /// Speak TLS from now on, as a client; `secured` follows, or `closed` with the reason. What is written meanwhile waits for
    /// the handshake. What was written before must have been taken (`wrote`): it is not encrypted.
    indirect case startTLS(ConnectionID, TLSPeer)
    /// Write these bytes after those written before.
    case write(ConnectionID, ArraySlice<UInt8>)
    /// Whether to read: false lets the peer's bytes wait in the kernel (back-pressure).
    case setReading(ConnectionID, Bool)
    /// Write what is queued, then tell the peer that no more will come (half-close).
    case finishWriting(ConnectionID)
    /// Write what is queued, half-close, discard what still comes for a moment so that the peer can read it all, and close.
    case close(ConnectionID)
    /// Write what is queued, and close at once: for a peer that has said that it sends no more. Bytes that came nevertheless
    /// would reset the connection, and might take our last bytes with them.
    case closeAtOnce(ConnectionID)
    /// Close at once, drop what is queued, and reset the connection so that the peer cannot take it for a whole message.
    case abort(ConnectionID)
}
