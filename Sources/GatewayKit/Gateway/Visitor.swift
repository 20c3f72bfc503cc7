// One connection of a visitor, or of an agent before its first request has said so. No decisions here: the machine makes them.

import HTTPCodec
import MachineCore
import TunnelLink

final class Visitor {
    enum Phase: Sendable, Hashable {
        /// Between requests or in a head. → paused, awaitingAgent, exchanging, discarding, closing
        case receivingHead
        /// Something of the next request is here, and waits for responses to be read, or for the next turn. → receivingHead, closing
        case paused
        /// The head is here, its agent is not, and may come yet. → exchanging, discarding, closing
        case awaitingAgent
        /// A request is on its way to an agent or back. → receivingHead, upgraded, discarding, closing
        case exchanging
        /// The body of a request to the gateway itself is coming. → receivingHead, exchanging, watching, discarding, closing
        case collecting
        /// An answer of the gateway's own that never ends. → closing
        case watching
        /// The answer is out and the rest of the request is of no interest. → receivingHead, closing
        case discarding
        /// Raw bytes both ways after a 101. → closing
        case upgraded
        /// The last bytes are queued. Whatever comes is ignored.
        case closing
    }

    let peer: String
    /// The same, read; who has none that makes sense comes from this machine.
    let peerAddress: NetworkAddress
    /// It is among the connections that its address has.
    var isCounted = false
    // Unchecked: nothing that runs during an access could reach the same property, and the checks cost a twentieth of a request.
    @exclusivity(unchecked) var decoder: HTTPRequestDecoder
    var phase = Phase.receivingHead
    @exclusivity(unchecked) var exchange: WebExchange?
    /// Set while awaitingAgent.
    var waiting: WaitingRequest?
    /// Bytes of whole responses that it has not read, and of whose agent (v1).
    var bodyBytes = 0
    var bodyOwner: AgentLink?
    /// The tunnels that refused its request unprocessed.
    var refusedBy: [ConnectionID] = []
    /// Set while collecting.
    var collected: CollectedRequest?
    /// Set while watching.
    var watching: Watching?
    /// Given to the transport and not yet written.
    var queuedBytes = 0
    var isReading = true
    /// Responses of the gateway's own in this turn.
    var ownResponses = 0
    /// It is among those that go on in the next turn.
    var isDue = false
    /// Something of the next request has come (so the head timeout counts, not the idle one).
    var hasBegun = false
    /// What the deadline below is for is told by the phase. `armed <= deadline` in the machine's heap, so that moving the
    /// deadline away, which happens with every request, costs nothing.
    var deadline: Moment?
    var armed: Moment?

    /// Whether what comes is HTTP, and now is the time to look at it.
    var takesRequests: Bool {
        switch phase {
        case .receivingHead, .exchanging, .collecting, .discarding: true
        case .paused, .awaitingAgent, .upgraded, .watching, .closing: false
        }
    }

    init(peer: String, limits: HTTPLimits) {
        self.peer = peer
        peerAddress = NetworkAddress(peer) ?? .local
        decoder = HTTPRequestDecoder(limits: limits)
    }

    /// The visitor as it left another loop, after a head.
    init(_ moved: MovedVisitor) {
        peer = moved.peer
        peerAddress = NetworkAddress(peer) ?? .local
        decoder = moved.decoder
        waiting = moved.waiting
        queuedBytes = moved.queuedBytes
        isReading = moved.isReading
        hasBegun = true
    }
}

/// One request and its answer, on their way through a tunnel.
final class WebExchange {
    let agentID: String
    /// Whose share of the agent it is.
    let client: NetworkAddress
    let connection: ConnectionID
    let stream: StreamID
    let request: HTTPRequestHead
    /// How the request's body is framed.
    let framing: HTTPBodyFraming
    /// What ties its lines in the log together.
    let requestID: String
    /// When the request's head was here.
    let received: Moment
    /// What the gateway took off the path.
    let prefix: String
    /// When the agent was asked.
    let started: Moment
    /// The number that the inspector knows it by; nil: its agent is not inspected.
    var capture: UInt64?
    /// Set if a person asked for it: the request that is answered with what came of it, and not with the agent's answer.
    var replay: VisitorRequest?
    /// How the agent was found; nil: by whoever replays it.
    let route: WebRoute?
    /// The visitor asks to leave HTTP for this protocol: the request's end is not the end of its bytes.
    var upgrade: String?
    var isUpgrade: Bool { upgrade != nil }
    var requestEnded = false
    /// The visitor holds its body back until it is told to go on (RFC 9110 §10.1.1).
    var awaitsContinue = false
    /// Bytes of the request's body so far.
    var requestBytes: UInt64 = 0
    /// The status, once the head of the answer is out, and when that was.
    var status: Int?
    var answeredAt: Moment?
    /// After the answer, if both sides can.
    var keepsAlive: Bool
    @exclusivity(unchecked) var encoder = HTTPBodyEncoder(.none)
    /// Set while the answer is a stream of events that is to be kept open.
    @exclusivity(unchecked) var eventStream: EventStreamTail?
    var responseEnded = false
    var responseBytes: UInt64 = 0
    /// What is counted of its agent.
    @exclusivity(unchecked) var tally: AgentTally?
    /// Body bytes of the answer that the visitor's socket has not taken: credit that is not yet returned.
    var heldBytes = 0

    /// What its pages ask for without the prefix comes here too, and is theirs (`Gateway.rescue`): the agent was found by path, and no
    /// proxy in front takes anything off.
    var isRescuable: Bool { route.map { !$0.isByHost && prefix.utf8.count == $0.prefix.utf8.count } ?? false }
    /// The request's address had no prefix: a page of the agent's sent it.
    var isRescued: Bool { route?.isRescued ?? false }

    /// The request as it came.
    var asked: VisitorRequest { VisitorRequest(head: request, framing: framing, id: requestID, received: received) }

    /// Where the visitor believes itself to be.
    var host: String? { request.fields[.host] }

    init(
        agentID: String, client: NetworkAddress, connection: ConnectionID, stream: StreamID, request: VisitorRequest,
        route: WebRoute?, prefix: String, started: Moment, upgrade: String?
    ) {
        self.agentID = agentID
        self.client = client
        self.connection = connection
        self.stream = stream
        self.request = request.head
        framing = request.framing
        requestID = request.id
        received = request.received
        self.route = route
        self.prefix = prefix
        self.started = started
        self.upgrade = upgrade
        keepsAlive = request.head.keepsAlive
    }
}

/// A request's head and how its body is framed.
struct VisitorRequest: Sendable {
    var head: HTTPRequestHead
    var framing: HTTPBodyFraming
    /// What ties its lines in the log together, and those of others (`X-Request-ID`).
    var id: String
    /// When its head was here.
    var received: Moment
    /// The agent that was to answer, once that is known.
    var agentID: String?
    /// The body has come whole and was taken care of.
    var isOver = false

    /// Whether there is a body and the visitor waits before it sends it. One that may hold back nothing need not be told.
    var expectsContinue: Bool { framing != .none && framing != .length(0) && head.expectsContinue }

    /// Whether what is left of the body may be read and thrown away to keep the connection.
    func canDiscard(upTo limit: UInt64) -> Bool {
        if isOver { return true }
        guard !head.expectsContinue else { return false }
        switch framing {
        case .none: return true
        case .length(let count): return count <= limit
        case .chunked, .untilClose: return false
        }
    }
}
