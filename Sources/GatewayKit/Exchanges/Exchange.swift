// One request and its response, on their way through a tunnel, whatever the visitor's HTTP version. No decisions here:
// `Exchanges` makes them.

import HTTPCodec
import MachineCore
import TunnelLink

final class Exchange {
    let id: ExchangeID
    let agentID: String
    let visitor: VisitorConnection
    let agent: AgentConnection
    let stream: StreamID
    let request: VisitorRequest
    /// How the agent was found; nil: by whoever replays it.
    let route: WebRoute?
    /// What the gateway took off the path.
    let prefix: String
    /// Whose share of the agent it is.
    let client: NetworkAddress
    /// The tunnels that refused the request unprocessed, and how long it may wait for another.
    let refusedBy: [ConnectionID]
    let waitUntil: Moment?
    /// When the agent was asked.
    let started: Moment
    /// Set if a person asked for it: the request that gets what came of it, and not the agent's response.
    let replay: VisitorRequest?
    /// The number that the inspector knows it by; nil: its agent is not inspected.
    var capture: UInt64?
    /// The visitor asks to leave HTTP for this protocol: the request's end is not the end of its bytes.
    var upgrade: String?
    var requestEnded = false
    /// The visitor holds its body back until it is told to go on (RFC 9110 §10.1.1).
    var awaitsContinue = false
    /// Bytes of the request's body so far.
    var requestBytes: UInt64 = 0
    /// The status, once the head of the response is out, and when that was.
    var status: Int?
    var respondedAt: Moment?
    /// After the response, if both sides can.
    var keepsAlive: Bool
    /// Set while the response is a stream of events that is to be kept open.
    @exclusivity(unchecked) var eventStream: EventStreamTail?
    var responseEnded = false
    var responseBytes: UInt64 = 0
    /// Body bytes of the response that the visitor's socket has not taken: credit that is not yet returned.
    var heldBytes = 0

    /// Where an exchange comes from.
    struct Origin {
        let visitor: VisitorConnection
        let request: VisitorRequest
        let route: WebRoute?
        let prefix: String
        let client: NetworkAddress
        var refusedBy: [ConnectionID] = []
        var waitUntil: Moment?
        var upgrade: String?
        var replay: VisitorRequest?
    }

    init(_ id: ExchangeID, _ origin: Origin, to agentID: String, _ agent: AgentConnection, _ stream: StreamID, _ now: Moment) {
        self.id = id
        self.agentID = agentID
        self.agent = agent
        self.stream = stream
        visitor = origin.visitor
        request = origin.request
        route = origin.route
        prefix = origin.prefix
        client = origin.client
        refusedBy = origin.refusedBy
        waitUntil = origin.waitUntil
        upgrade = origin.upgrade
        replay = origin.replay
        started = now
        keepsAlive = origin.request.head.keepsAlive
    }

    var isUpgrade: Bool { upgrade != nil }

    /// What its pages ask for without the prefix comes here too, and is theirs (`PrefixRescue`): the agent was found by path,
    /// and no proxy in front takes anything off.
    var isRescuable: Bool { route.map { !$0.isByHost && prefix.utf8.count == $0.prefix.utf8.count } ?? false }

    /// Microseconds from the request's arrival to `now`.
    func microseconds(until now: Moment) -> Int64 { now.since(request.received).wholeNanoseconds / 1_000 }
}
