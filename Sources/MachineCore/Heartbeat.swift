// Whether a peer is still there, by pings (RFC 6455 §5.5.2): what a ping carries, what its pong measures, and what it means
// that the time for it is over. Timers are the owner's: it sets one for the next ping, and one for the end of the wait.
//
// Any byte from the peer shows that it is alive, not only a pong: bulk that is ahead of the pong must not end the connection.

/// Liveness of one peer.
public struct Heartbeat: Sendable, Hashable {
    /// Where it stands.
    public enum State: Sendable, Hashable {
        /// The next ping is to come. Next: awaiting.
        case resting
        /// A ping was sent, and nothing came since. Next: alive, or the end.
        case awaiting
        /// A ping was sent, and something came. Next: resting.
        case alive
    }

    /// What is to be done now that the owner's timer has expired.
    public enum Verdict: Sendable, Hashable {
        /// It is time to ping.
        case ping
        /// The peer is alive; the next ping is due later.
        case rest
        /// Nothing came after the ping.
        case silent
    }

    /// Where it stands.
    public private(set) var state = State.resting
    /// Pings that were sent.
    public private(set) var count: UInt64 = 0
    /// When the last one was sent.
    public private(set) var sentAt = Moment()
    private var awaitsPong = false

    /// No ping was sent.
    public init() {}

    /// The payload of the last ping: its number in 8 bytes, the highest first.
    public var payload: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) } }

    /// A ping goes out now, with the payload that is returned.
    public mutating func ping(at now: Moment) -> [UInt8] {
        count &+= 1
        sentAt = now
        awaitsPong = true
        state = .awaiting
        return payload
    }

    /// Something came from the peer, whatever it is.
    @inlinable public mutating func received() {
        if state == .awaiting { isAlive() }
    }

    /// A pong came. The time since the last ping if it belongs to that one and is its first pong; else nil.
    public mutating func pong(_ payload: ArraySlice<UInt8>, at now: Moment) -> Duration? {
        guard awaitsPong, payload.elementsEqual(self.payload) else { return nil }
        awaitsPong = false
        received()
        return now.since(sentAt)
    }

    /// The timer has expired.
    public mutating func expired() -> Verdict {
        switch state {
        case .resting: return .ping
        case .awaiting: return .silent
        case .alive:
            state = .resting
            return .rest
        }
    }

    /// The peer is alive, and the next ping is to come.
    public mutating func rest() { state = .resting }

    @usableFromInline mutating func isAlive() { state = .alive }
}
