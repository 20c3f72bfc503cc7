// The numbers of one loop. Each names the memory or the time that it stands for.

/// Limits of one loop; the defaults suit a gateway as well as an agent.
public struct LoopLimits: Sendable, Hashable {
    /// Bytes read at once from one connection in one turn: one buffer of this size serves the whole loop. Default 256 KiB.
    public var readBytes = 256 * 1024
    /// Connections at the same time, after which accepting waits until one ends. The table costs about 100 bytes for each that
    /// was ever open at once. Default 1,000,000; the descriptor limit of the process usually comes first and is handled alike.
    public var maximumConnections = 1_000_000
    /// After `close`, once all is written: how long the peer's bytes are still read and discarded, so that it gets to read our
    /// last bytes before a reset could overtake them (RFC 9112 §9.6). Milliseconds, default 1000.
    public var lingerMs = 1000
    /// After `close`, with bytes still queued: how long the peer may take none of them. Default 30 s.
    public var flushTimeout = Duration.seconds(30)
    /// How long one address of a dial may take to connect. Default 10 s.
    public var connectTimeout = Duration.seconds(10)
    /// How long an address of a dial is waited for before the next is tried beside it (RFC 8305 §5). Default 250 ms.
    public var attemptDelay = Duration.milliseconds(250)
    /// How long a TLS handshake may take. Default 10 s.
    public var handshakeTimeout = Duration.seconds(10)
    /// TLS handshakes of clients at the same time; with one more, the oldest is given up. Default 1,000.
    public var maximumHandshakes = 1000
    /// Connections accepted from one listener in one turn before others get their share. Default 64.
    public var acceptsPerTurn = 64

    /// The defaults.
    public init() {}
}

/// What a loop has done so far; counters only grow, except `queuedBytes`.
public struct LoopStatistics: Sendable, Hashable {
    /// Turns, which is waits for events.
    public var turns = 0
    /// Calls that read from a connection.
    public var reads = 0
    /// Calls that wrote to a connection.
    public var writes = 0
    /// Bytes read from connections.
    public var bytesRead = 0
    /// Bytes that connections' sockets took.
    public var bytesWritten = 0
    /// Connections accepted.
    public var accepted = 0
    /// TLS handshakes that came to a connection, as a server or as a client.
    public var handshakes = 0
    /// TLS handshakes of clients that did not.
    public var failedHandshakes = 0
    /// Times that accepting paused because descriptors, memory or room ran out.
    public var acceptPauses = 0
    /// Changes of what the poller watches.
    public var interestChanges = 0
    /// Bytes that machines wrote and sockets have not taken yet, now.
    public var queuedBytes = 0

    /// Nothing done.
    public init() {}
}
