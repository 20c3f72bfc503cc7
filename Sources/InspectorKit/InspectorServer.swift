// The inspector of an agent's own machine: a small HTTP server as a state machine, with the recorded exchanges, a page, and the
// addresses that the page reads (Docs/Protocol.md, "The inspector"). Its host gives it what an agent captured, and passes on
// orders to send a request again.
//
// Meant for one person at a loopback address, who is asked for no password. So it refuses clients that are not that person's
// browser or programs (`InspectorRoute`), more than `maximumClients` connections, heads and bodies that are too large or too
// slow, and clients that do not read. One request for each connection: it need not be fast.

import HTTPCodec
import Inspection
import MachineCore

/// The local inspector's server.
public struct InspectorServer: Machine {
    /// What the host tells it.
    public enum Message: Sendable, Hashable {
        /// An exchange began or is over, under the agent's number; `call` names the replay that it is.
        case captured(CapturedExchange, call: UInt64?)
    }

    /// What it tells the host.
    public enum Note: Sendable, Hashable {
        /// Send this request, which repeats exchange `of`; the result is `captured` with the same `call`.
        case replay(ReplayedRequest, of: UInt64, call: UInt64)
    }

    /// The most connections at once, including those that are about to close.
    public static let maximumClients = 32
    /// How long a request may take to arrive, and a response to be taken.
    private static let transferTimeout = Duration.seconds(10)
    /// How long a client waits for a request that is sent again: longer than the agent gives it.
    private static let replayPatience = Duration.seconds(40)
    /// Between two events, so that many requests at once are a few messages.
    private static let eventPace = Duration.milliseconds(250)

    private let title: String
    private var store: InspectorStore
    /// The store's number of each exchange under way, by the agent's number.
    private var underWay: [UInt64: UInt64] = [:]
    private var clients = ConnectionTable<InspectorClient>()
    private var deadlines = Deadlines<TimerKey>()
    /// The client that waits for the end of a replay, by its call.
    private var replays: [UInt64: ConnectionID] = [:]
    private var lastCall: UInt64 = 0
    /// The store's numbers of exchanges that changed since the last event.
    private var changed: Set<UInt64> = []
    private var lastEvent: Moment?

    private enum TimerKey: Sendable, Hashable {
        /// The time of this client is over.
        case client(ConnectionID)
        /// The next event is due.
        case events
    }

    /// An empty inspector called `title`, mostly the agent's id. It holds at most `maximumBytes`, of each body
    /// `maximumBodyBytes`.
    public init(title: String, maximumBytes: Int, maximumBodyBytes: Int = 64 * 1024) {
        self.title = title
        store = InspectorStore(maximumBytes: maximumBytes, maximumBodyBytes: maximumBodyBytes)
    }

    /// Connections now.
    var clientCount: Int { clients.count }
    /// Clients that wait for the end of a replay.
    var replayCount: Int { replays.count }

    // MARK: Machine

    /// Takes one input and appends what is to be done to `outputs`.
    public mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Note>]) {
        var turn = Turn(now: now, taking: &outputs)
        switch input {
        case .transport(let event): handle(event, &turn)
        case .message(.captured(let exchange, let call)): record(exchange, call, &turn)
        case .tick:
            while let key = deadlines.popExpired(at: now) {
                switch key {
                case .client(let id): timedOut(id, &turn)
                case .events: sendEvents(&turn)
                }
            }
        }
        turn.end(into: &outputs)
    }

    /// Does nothing: nothing waits for the end of a turn.
    public mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Note>]) {}

    /// When it wants a tick.
    public var nextDeadline: Moment? { deadlines.next }

    // MARK: Exchanges

    /// Records the exchange under a number of its own, and responds to the client that waits for it.
    private mutating func record(_ exchange: CapturedExchange, _ call: UInt64?, _ turn: inout Turn<Note>) {
        let isOver = exchange.totalMicroseconds != nil
        var exchange = exchange
        if let number = underWay[exchange.number] {
            if isOver { underWay[exchange.number] = nil }
            exchange.number = number
            store.update(exchange)
        } else {
            let number = store.add(exchange)
            if !isOver { underWay[exchange.number] = number }
            exchange.number = number
        }
        scheduleEvent(of: exchange.number, turn.now)
        if isOver, let call, let id = replays.removeValue(forKey: call) {
            respond(to: id, .json(200, ExchangeJSON.full(exchange)), &turn)
        }
    }

    // MARK: Events

    private var followers: [ConnectionID] { clients.allIDs.filter { clients[$0]?.phase == .following } }

    /// Collects the exchange for the next event, if there are clients to send it to.
    private mutating func scheduleEvent(of number: UInt64, _ now: Moment) {
        guard !followers.isEmpty else { return }
        changed.insert(number)
        guard deadlines[.events] == nil else { return }
        let earliest = lastEvent.map { $0.advanced(by: Self.eventPace) } ?? now
        deadlines.set(.events, at: max(now, earliest))
    }

    private mutating func sendEvents(_ turn: inout Turn<Note>) {
        let exchanges = changed.sorted().compactMap { store[$0] }
        changed = []
        lastEvent = turn.now
        guard !exchanges.isEmpty else { return }
        let event = ExchangeJSON.event(exchanges)
        for id in followers {
            guard let client = clients[id], client.events.admits(unread: client.unwritten) else { continue }
            write(event, to: id, client, &turn)
        }
    }

    // MARK: Connections

    private mutating func handle(_ event: TransportEvent, _ turn: inout Turn<Note>) {
        switch event {
        case .accepted(let id, _, _):
            guard clients.count < Self.maximumClients else { return turn.emit(.abort(id)) }
            clients[id] = InspectorClient()
            deadlines.set(.client(id), at: turn.now.advanced(by: Self.transferTimeout))
        case .received(let id, let bytes): receive(bytes, from: id, &turn)
        case .receivedEOF(let id):
            // A client that waits for a response may close its half; one whose request is incomplete is gone.
            if clients[id]?.phase == .reading { cut(id, &turn) }
        case .wrote(let id, let count): wrote(count, to: id, &turn)
        case .closed(let id, _): remove(id)
        case .connected(_, let id): turn.emit(.abort(id))  // it never dials
        case .secured, .dialFailed: break
        }
    }

    private mutating func receive(_ bytes: ArraySlice<UInt8>, from id: ConnectionID, _ turn: inout Turn<Note>) {
        guard let client = clients[id], client.phase == .reading else { return }
        do throws(HTTPDecodeError) {
            try client.receive(bytes)
            while let step = try client.next(bodyLimit: ReplayRequest.maximumJSONBytes) {
                switch step {
                case .head(let head):
                    if let refusal = InspectorRoute.refusal(of: head) { respond(to: id, refusal, &turn) }
                case .bodyTooLarge: respond(to: id, .bodyTooLarge, &turn)
                case .end: carryOut(client, id, &turn)
                case .closed: cut(id, &turn)
                }
            }
        } catch {
            respond(to: id, .error(400, "malformed-request", "This is no request: \(error)".asSentence), &turn)
        }
    }

    /// The request is complete.
    private mutating func carryOut(_ client: InspectorClient, _ id: ConnectionID, _ turn: inout Turn<Note>) {
        guard let head = client.head else { return }
        switch InspectorAction(head, body: client.body, title: title, store) {
        case .respond(let response): respond(to: id, response, &turn)
        case .follow(let start):
            guard client.advance(.beganEvents) else { return }
            write(start.bytes(isWhole: false), to: id, client, &turn)
        case .replay(let request, let number):
            lastCall += 1
            guard client.advance(.sentAgain(call: lastCall)) else { return }
            replays[lastCall] = id
            deadlines.set(.client(id), at: turn.now.advanced(by: Self.replayPatience))
            turn.emit(.replay(request, of: number, call: lastCall))
        }
    }

    private mutating func wrote(_ count: Int, to id: ConnectionID, _ turn: inout Turn<Note>) {
        guard let client = clients[id] else { return }
        client.took(count)
        guard client.phase == .following, client.unwritten == 0 else { return }
        deadlines.set(.client(id), at: turn.now.advanced(by: EventSubscription.keepAlive))
        if let resync = client.events.caughtUp() { write(resync, to: id, client, &turn) }
    }

    private mutating func timedOut(_ id: ConnectionID, _ turn: inout Turn<Note>) {
        guard let client = clients[id] else { return }
        switch client.phase {
        case .reading: respond(to: id, .error(408, "request-timed-out", "The request took too long to come."), &turn)
        case .replaying: respond(to: id, .error(504, "replay-cut", "The response did not come in time."), &turn)
        case .following where client.unwritten == 0: write(ServerSentEvent.comment, to: id, client, &turn)
        case .following, .closing: cut(id, &turn)
        }
    }

    /// Writes the whole response and closes.
    private mutating func respond(to id: ConnectionID, _ response: InspectorResponse, _ turn: inout Turn<Note>) {
        guard let client = clients[id], client.advance(.responded) else { return }
        let isHead = client.head?.method == "HEAD"
        write(response.bytes(withBody: !isHead), to: id, client, &turn)
        turn.emit(.close(id))
    }

    private mutating func write(_ bytes: [UInt8], to id: ConnectionID, _ client: InspectorClient, _ turn: inout Turn<Note>) {
        client.wrote(bytes.count)
        deadlines.set(.client(id), at: turn.now.advanced(by: Self.transferTimeout))
        turn.emit(.write(id, bytes[...]))
    }

    private mutating func cut(_ id: ConnectionID, _ turn: inout Turn<Note>) {
        guard clients[id] != nil else { return }
        remove(id)
        turn.emit(.abort(id))
    }

    private mutating func remove(_ id: ConnectionID) {
        guard let client = clients[id] else { return }
        if case .replaying(let call) = client.phase { replays[call] = nil }
        clients[id] = nil
        deadlines.cancel(.client(id))
    }
}
