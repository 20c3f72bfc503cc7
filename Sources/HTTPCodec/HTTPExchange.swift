// Which steps are legal on one connection, for both parties (RFC 9112 §9): requests and responses in turn, persistence,
// half-close, and leaving HTTP by an upgrade or CONNECT (RFC 9110 §7.8, §9.3.6). The design is that of h11's `_state.py`.
//
// All transitions stand in the tables at the end. They do not know which party is us: both are tracked by the same rules, and
// an illegal step blames the party that took it.

/// The state of both parties on one connection.
public struct HTTPExchange: Sendable, Hashable {
    /// One end of the connection.
    public enum Party: Sendable, Hashable, CaseIterable {
        /// Sends requests.
        case client
        /// Sends responses.
        case server
    }

    /// Where a party is in its message.
    public enum State: Int, Sendable, Hashable, CaseIterable {
        /// Nothing of this exchange was sent. (sendBody; server: sendResponse; closed, mustClose)
        case idle
        /// The head was sent, the body is being sent. (done)
        case sendBody
        /// The server owes a response. (sendBody, switched)
        case sendResponse
        /// The message is complete, the connection will live on. (idle with the next exchange; mustClose, closed, mightSwitch)
        case done
        /// Complete, and nothing may follow but the end of the connection. (closed)
        case mustClose
        /// The party has ended its half of the connection.
        case closed
        /// The client asked for another protocol and waits for the answer. (switched, done)
        case mightSwitch
        /// Both speak another protocol now.
        case switched
        /// The party broke the rules, or ended within a message.
        case error
    }

    /// What a party may do.
    public enum Step: Int, Sendable, Hashable, CaseIterable {
        /// A request head.
        case request
        /// A 1xx head, but not 101.
        case informational
        /// 101, or 2xx to CONNECT.
        case switching
        /// Any other response head.
        case response
        /// Bytes of a body.
        case data
        /// The end of a message.
        case end
        /// The end of the party's half of the connection.
        case eof
    }

    private var client = State.idle
    private var server = State.idle
    /// Whether the connection may serve another exchange, as far as is known.
    public private(set) var keepsAlive = true
    /// The client asked for another protocol, and the server has not refused.
    public private(set) var proposesSwitch = false

    /// Both parties idle.
    public init() {}

    /// The state of `party`.
    public subscript(party: Party) -> State {
        switch party {
        case .client: client
        case .server: server
        }
    }

    /// Takes a step if it is legal; otherwise returns false, and the party is in `error`.
    public mutating func apply(_ step: Step, by party: Party) -> Bool {
        guard let next = Self.successor(of: self[party], step, party), step != .switching || proposesSwitch else {
            fail(party)
            return false
        }
        set(next, party)
        if party == .client, step == .request, server == .idle { server = .sendResponse }
        if party == .server, step == .response { proposesSwitch = false }
        settle()
        return true
    }

    /// The request that was just begun asks for another protocol (`Upgrade`), or is CONNECT.
    public mutating func proposeSwitch() {
        proposesSwitch = true
        settle()
    }

    /// One of the heads does not let the connection live on.
    public mutating func disableKeepAlive() {
        keepsAlive = false
        settle()
    }

    /// `party` broke the rules in a way that no step expresses, for instance with an undecodable message.
    public mutating func fail(_ party: Party) {
        set(.error, party)
        settle()
    }

    /// Begins the next exchange if both parties are done; otherwise returns false and changes nothing.
    public mutating func startNextExchange() -> Bool {
        guard client == .done, server == .done, keepsAlive else { return false }
        self = HTTPExchange()
        return true
    }

    private mutating func set(_ state: State, _ party: Party) {
        switch party {
        case .client: client = state
        case .server: server = state
        }
    }

    /// Applies what one party's state means for the other, until nothing changes.
    private mutating func settle() {
        while true {
            let before = (client, server)
            if client == .done, proposesSwitch { client = .mightSwitch }
            if client == .mightSwitch, !proposesSwitch { client = .done }
            if !keepsAlive {
                if client == .done { client = .mustClose }
                if server == .done { server = .mustClose }
            }
            for rule in Self.consequences where rule.client == client && rule.server == server {
                (client, server) = rule.becomes
            }
            if before == (client, server) { return }
        }
    }

    // MARK: The tables

    private static let clientSteps: [State: [Step: State]] = [
        .idle: [.request: .sendBody, .eof: .closed],
        .sendBody: [.data: .sendBody, .end: .done],
        .sendResponse: [:],
        .done: [.eof: .closed],
        .mustClose: [.eof: .closed],
        .closed: [.eof: .closed],
        .mightSwitch: [:],
        .switched: [:],
        .error: [:],
    ]

    private static let serverSteps: [State: [Step: State]] = [
        // A server may answer what it could not read, or complain that nothing came (400, 408).
        .idle: [.response: .sendBody, .eof: .closed],
        .sendBody: [.data: .sendBody, .end: .done],
        .sendResponse: [.informational: .sendResponse, .switching: .switched, .response: .sendBody],
        .done: [.eof: .closed],
        .mustClose: [.eof: .closed],
        .closed: [.eof: .closed],
        .mightSwitch: [:],
        .switched: [:],
        .error: [:],
    ]

    /// What a pair of states turns into by itself.
    private static let consequences: [(client: State, server: State, becomes: (State, State))] = [
        (.mightSwitch, .switched, becomes: (.switched, .switched)),
        (.closed, .done, becomes: (.closed, .mustClose)),
        (.closed, .idle, becomes: (.closed, .mustClose)),
        (.error, .done, becomes: (.error, .mustClose)),
        (.done, .closed, becomes: (.mustClose, .closed)),
        (.idle, .closed, becomes: (.mustClose, .closed)),
        (.done, .error, becomes: (.mustClose, .error)),
    ]

    private static func successor(of state: State, _ step: Step, _ party: Party) -> State? {
        let table = party == .client ? clientTable : serverTable
        return table[state.rawValue * Step.allCases.count + step.rawValue]
    }

    /// The dictionaries above as arrays: a lookup is an index, not two hashes.
    private static let clientTable = flattened(clientSteps)
    private static let serverTable = flattened(serverSteps)

    private static func flattened(_ steps: [State: [Step: State]]) -> [State?] {
        State.allCases.flatMap { state in Step.allCases.map { steps[state]?[$0] } }
    }
}
