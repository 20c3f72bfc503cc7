// One request and its response, on their way through a tunnel, whatever the visitor's HTTP version. No decisions here:
// `Exchanges` makes them.
//
// The object of an exchange that is over serves another one: `Exchanges` keeps those, once nobody holds them any more.

import HTTPCodec
import MachineCore
import TunnelLink

final class Exchange {
    // Unchecked: it is changed between calls of others, never during one.
    @exclusivity(unchecked) private(set) var id: ExchangeID
    @exclusivity(unchecked) private(set) var agentID: String
    @exclusivity(unchecked) private(set) var visitor: VisitorConnection
    @exclusivity(unchecked) private(set) var agent: AgentConnection
    @exclusivity(unchecked) private(set) var stream: StreamID
    @exclusivity(unchecked) private(set) var request: VisitorRequest
    /// Whose share of the agent it is.
    @exclusivity(unchecked) private(set) var client: NetworkAddress
    /// When the agent was asked.
    @exclusivity(unchecked) private(set) var started: Moment

    /// How the agent was found; nil: by whoever replays it.
    @exclusivity(unchecked) var route: WebRoute?
    /// The tunnels that refused the request unprocessed, and how long it may wait for another.
    @exclusivity(unchecked) var refusedBy: [ConnectionID] = []
    @exclusivity(unchecked) var waitUntil: Moment?
    /// What the gateway took off the path, with what a proxy in front did.
    @exclusivity(unchecked) var prefix = ""
    /// Set if a person asked for it: the request that gets what came of it, and not the agent's response.
    @exclusivity(unchecked) var replay: VisitorRequest?
    /// The number that the inspector knows it by; nil: its agent is not inspected.
    @exclusivity(unchecked) var capture: UInt64?
    /// The visitor asks to leave HTTP for this protocol: the request's end is not the end of its bytes.
    @exclusivity(unchecked) var upgrade: String?
    @exclusivity(unchecked) var requestEnded = false
    /// The visitor holds its body back until it is told to go on (RFC 9110 §10.1.1).
    @exclusivity(unchecked) var awaitsContinue = false
    /// Bytes of the request's body so far.
    @exclusivity(unchecked) var requestBytes: UInt64 = 0
    /// The status, once the head of the response is out, and when that was.
    @exclusivity(unchecked) var status: Int?
    @exclusivity(unchecked) var respondedAt: Moment?
    /// After the response, if both sides can.
    @exclusivity(unchecked) var keepsAlive = false
    /// Set while the response is a stream of events that is to be kept open.
    @exclusivity(unchecked) var eventStream: EventStreamTail?
    @exclusivity(unchecked) var responseEnded = false
    @exclusivity(unchecked) var responseBytes: UInt64 = 0
    /// Body bytes of the response that the visitor's socket has not taken: credit that is not yet returned.
    @exclusivity(unchecked) var heldBytes = 0

    init(
        _ id: ExchangeID, _ request: VisitorRequest, of visitor: VisitorConnection, _ client: NetworkAddress,
        to agentID: String, _ agent: AgentConnection, _ stream: StreamID, _ now: Moment
    ) {
        self.id = id
        self.request = request
        self.visitor = visitor
        self.client = client
        self.agentID = agentID
        self.agent = agent
        self.stream = stream
        started = now
        keepsAlive = request.head.keepsAlive
    }

    /// Begins another exchange in the memory of one that is over.
    func begin(
        _ id: ExchangeID, _ request: VisitorRequest, of visitor: VisitorConnection, _ client: NetworkAddress,
        to agentID: String, _ agent: AgentConnection, _ stream: StreamID, _ now: Moment
    ) {
        self.id = id
        self.request = request
        if self.visitor !== visitor { self.visitor = visitor }
        self.client = client
        self.agentID = agentID
        if self.agent !== agent { self.agent = agent }
        self.stream = stream
        started = now
        (waitUntil, prefix) = (nil, "")
        if !refusedBy.isEmpty { refusedBy = [] }
        if replay != nil { replay = nil }
        if upgrade != nil { upgrade = nil }
        if eventStream != nil { eventStream = nil }
        capture = nil
        (requestEnded, awaitsContinue, responseEnded) = (false, false, false)
        (requestBytes, responseBytes, heldBytes) = (0, 0, 0)
        (status, respondedAt) = (nil, nil)
        keepsAlive = request.head.keepsAlive
    }

    /// Lets go of its request: it is over, and whoever came to know of it has returned.
    func clear() {
        request = .over
        route = nil
    }

    var isUpgrade: Bool { upgrade != nil }

    /// What its pages ask for without the prefix comes here too, and is theirs (`PrefixRescue`): the agent was found by path,
    /// and no proxy in front takes anything off.
    var isRescuable: Bool {
        guard let address = route?.address else { return false }
        return !address.isByHost && prefix.utf8.count == address.prefix.utf8.count
    }

    /// Microseconds from the request's arrival to `now`.
    func microseconds(until now: Moment) -> Int64 { now.since(request.received).wholeNanoseconds / 1_000 }
}
