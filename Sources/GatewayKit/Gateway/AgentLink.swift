// One agent's connection, after the WebSocket handshake.

import MachineCore
import TunnelLink

final class AgentLink {
    let peer: String
    // Unchecked (as in Visitor): the session's own methods, which are all that runs during an access, know of no link.
    @exclusivity(unchecked) var session: TunnelSession
    /// The id in the URL, or the one it registered under.
    var agentID: String?
    /// What the handshake presented, until the agent is registered.
    var presentedToken: String?
    /// What stands for the token that it registered with; nil: it brought none.
    var credential: TokenDigest?
    /// The page that it is, if it is one that may be an agent.
    var origin: String?
    /// It is in the registry under `agentID`.
    var isRegistered = false
    /// It is among those that have not registered and shown no token.
    var isStranger = false
    /// What it says of itself, once it is registered.
    var description = AgentDescription(agentID: "")
    /// What is counted of the agent, once it is registered.
    var tally: AgentTally?
    /// The request inspector records what it exchanges.
    var isInspected = false
    /// It was told to dial again: what it has in flight here is finished, whoever registers under its id.
    var isRetiring = false
    /// It said that it leaves: it gets no new requests, and who registers under its id finds it in nobody's way.
    var isLeaving = false
    /// How many it had under way when it last refused one that waits: once there are fewer, that may be tried again.
    var refusedAt: Int?
    /// v1: what its session holds of bodies, as it was last counted, and what its visitors have not read.
    var sessionBytes = 0
    var unreadBytes = 0
    /// What it takes of the budget; and of that, what its responses do.
    var bodyBytes: Int { sessionBytes + unreadBytes }
    var responseBytes: Int { session.unfinishedBytes + unreadBytes }
    /// It is not read until there is room for what it sends.
    var isPaused = false
    /// When it registered, in seconds since 1970.
    var registeredAt: Int64 = 0
    /// The number of the last request that it was given: of tunnels that are equally busy, the one that waited longest is next.
    var lastExchange: UInt64 = 0
    /// The visitor of each open stream.
    @exclusivity(unchecked) var visitors = StreamTable<ConnectionID>()
    /// Where it dialled from, be it through a proxy; nil if that is not known.
    var client: NetworkAddress?
    /// Where its handshake found the gateway, for the URL that it is told.
    var address = ""
    /// Output may be ready; the link is in the machine's list.
    var isDirty = false

    let connectedAt: Moment
    var lastHeard: Moment
    /// The ping that awaits its answer.
    var pingSentAt: Moment?
    var pingCount: UInt64 = 0
    var deadline: Moment

    init(peer: String, session: TunnelSession, agentID: String?, presentedToken: String?, now: Moment, deadline: Moment) {
        self.peer = peer
        self.session = session
        self.agentID = agentID
        self.presentedToken = presentedToken
        connectedAt = now
        lastHeard = now
        self.deadline = deadline
    }

    /// The payload of the current ping: an answer to an older one measures nothing.
    var pingPayload: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: pingCount >> (8 * UInt64($0))) } }
}
