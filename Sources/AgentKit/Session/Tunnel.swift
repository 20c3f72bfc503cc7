// One connection to a gateway, from the dial to its end: which stage it is in, and what belongs to it. An agent has one that is
// current, and beside it those that the gateway asked to be finished elsewhere. Transitions are in Agent+Gateway.
//
// The seam for TLS is here: all bytes of the connection pass through `Agent.receive(_:fromGateway:)` on their way in and
// through `Agent.write(_:toGateway:)` on their way out, and a sans-I/O engine stands between those and the handshake or the
// session.

import HTTPCodec
import MachineCore
import TunnelLink

/// Names a tunnel; never reused by one agent.
struct TunnelKey: Sendable, Hashable {
    var rawValue: UInt64
}

final class Tunnel {
    enum Stage: Sendable, Hashable {
        /// A connection is being made. Next: upgrading.
        case dialing(DialID)
        /// `handshake` awaits its answer. Next: registering.
        case upgrading
        /// `session` is there; the gateway has not said welcome. Next: serving.
        case registering
        case serving
    }

    /// What the ping timer stands for.
    enum Liveness: Sendable, Hashable {
        /// The next ping is to come. Next: awaiting.
        case resting
        /// A ping was sent, and nothing came since. Next: answered, or the end.
        case awaiting
        /// A ping was sent, and something came. Next: resting.
        case answered

        /// Any byte is one, not only a pong: bulk that is ahead of the pong must not kill the tunnel.
        mutating func sawLife() {
            if self == .awaiting { self = .answered }
        }
    }

    let key: TunnelKey
    var stage: Stage
    /// Set while upgrading.
    var handshake: Handshake?
    /// Set from registering on.
    // Unchecked: the session's own methods, which are all that runs during an access, know of no tunnel.
    @exclusivity(unchecked) var session: TunnelSession?
    /// Nil only while dialing.
    var connection: ConnectionID?
    @exclusivity(unchecked) var exchanges = ExchangeTable()

    /// When `agent.register` was written; its answer is the first measure of the road.
    var registeringSince = Moment()
    /// The gateway drains: no longer the agent's current tunnel, but served until the gateway closes it.
    var isRetiring = false
    /// The ping that went out behind the word that the agent leaves.
    private var leavingPing: UInt64?
    /// The gateway has heard that the agent leaves: what it sent before is here, and it has no reason to send more.
    private(set) var hasLeft = false
    /// So much waits for the gateway that no service is read.
    var holdsServices = false
    /// Served for `stableAfter`.
    var isStable = false

    /// Bytes of the upgrade that were given to the transport and not yet written; the session does not know of them.
    var unwrittenHandshakeBytes = 0
    var pingInterval: Duration
    var liveness = Liveness.resting
    private var pings: UInt64 = 0
    private var pingSentAt = Moment()

    init(_ key: TunnelKey, dial: DialID, pingInterval: Duration) {
        self.key = key
        stage = .dialing(dial)
        self.pingInterval = pingInterval
    }

    /// One that is never connected.
    init(pingInterval: Duration) {
        key = TunnelKey(rawValue: 0)
        stage = .serving
        self.pingInterval = pingInterval
    }

    /// Nothing is in flight: no exchange of ours, and nothing of a finished one waits for credit.
    var isIdle: Bool { exchanges.isEmpty && (session?.openStreams ?? 0) == 0 }

    /// Asks for a sign of life.
    func ping(at now: Moment) {
        pings += 1
        pingSentAt = now
        session?.ping(pingPayload)
        liveness = .awaiting
    }

    /// An answer to the last ping, and to none before it, measures the round trip; nil if it is another's.
    func pong(_ payload: ArraySlice<UInt8>, at now: Moment) -> Duration? {
        guard payload.elementsEqual(pingPayload) else { return nil }
        if leavingPing != nil { hasLeft = true }
        let measured = now.since(pingSentAt)
        let shortest = session?.roundTrip ?? .nanoseconds(Int64.max)
        session?.roundTrip = min(measured, shortest)
        return measured
    }

    /// Tells the gateway that the agent leaves. The answer to the ping behind it shows that it has been heard, also by a gateway that
    /// does not know the word.
    func leave(within duration: Duration, at now: Moment) {
        session?.leave(within: duration)
        ping(at: now)
        leavingPing = pings
    }

    private var pingPayload: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: pings >> (56 - 8 * $0)) } }

    /// The transport took `count` bytes.
    func wrote(_ count: Int) {
        let ofHandshake = min(count, unwrittenHandshakeBytes)
        unwrittenHandshakeBytes -= ofHandshake
        session?.wrote(count - ofHandshake)
    }
}
