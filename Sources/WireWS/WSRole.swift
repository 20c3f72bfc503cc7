// Which end of a WebSocket this is (RFC 6455 §1.3, §5.1) and how much memory its peer may claim.
//
// A client masks every frame that it sends and refuses masked ones; a server does the reverse. Both rules follow from the
// role alone, so that neither can be switched off by mistake; `WSConnection.masksBinaryWithZero` is about the key alone. Every
// limit is enforced on the declared length, before the bytes come.

/// Which end of the connection a `WSConnection` is.
public enum WSRole: Sendable, Hashable {
    /// The end that accepted the handshake: expects masked frames, sends unmasked ones (RFC 6455 §5.1).
    case server
    /// The end that opened the connection: masks with keys drawn from `KeyStream(seed:)`, expects unmasked frames. The seed
    /// must be unpredictable to others and used for one connection only (RFC 6455 §5.3); 16 random bytes are enough.
    case client(seed: [UInt8])
}

/// What a peer may make this end hold in memory.
public struct WSLimits: Sendable, Hashable {
    /// The longest payload of one data frame, in bytes. Control frames have their own limit of 125 (RFC 6455 §5.5). A longer
    /// frame is refused with 1009 when its header comes. Default 1 MiB.
    public var maximumFrameBytes: Int
    /// The longest message over all its frames, in bytes. A connection holds at most this much of an unfinished message, in
    /// storage that grows with what has really come. Default 1 MiB.
    public var maximumMessageBytes: Int

    /// Limits in bytes; without arguments 1 MiB each.
    public init(maximumFrameBytes: Int = 1 << 20, maximumMessageBytes: Int = 1 << 20) {
        self.maximumFrameBytes = maximumFrameBytes
        self.maximumMessageBytes = maximumMessageBytes
    }
}
