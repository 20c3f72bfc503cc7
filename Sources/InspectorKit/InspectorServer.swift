// The inspector of an agent's own machine: a small HTTP server as a state machine, with a memory of exchanges, a page, and the
// addresses that the page reads (Docs/Protocol.md, "The inspector"). Its host gives it what an agent captured, and passes its
// wishes to send a request again on.
//
// Meant for one person at a loopback address, who is asked for no password. So it refuses whoever is not that person's browser
// or program: names that are not of this machine (a page that rebinds its name to 127.0.0.1), orders from pages of others,
// more than `maximumClients` connections, heads and bodies that are too large or too slow, and readers that do not read.
// One request for each connection; this is no server for crowds.

import HTTPCodec
import Inspection
import MachineCore

/// The local inspector's server.
public struct InspectorServer: Machine {
    /// What the host says to it.
    public enum Message: Sendable, Hashable {
        /// An exchange began or is over, under the agent's number; `call` names the replay that it is.
        case captured(CapturedExchange, call: UInt64?)
    }

    /// What it says to the host.
    public enum Note: Sendable, Hashable {
        /// Send this request, which repeats exchange `of`; the answer is `captured` with the same `call`.
        case replay(ReplayedRequest, of: UInt64, call: UInt64)
    }

    /// Connections at once, those included that are about to close.
    public static let maximumClients = 32
    /// For a request to be here whole, and for an answer to be taken.
    static let patience = Duration.seconds(10)
    /// For a request that is sent again: longer than the agent gives it.
    static let replayPatience = Duration.seconds(40)
    /// Between two events, so that a storm of requests is a few messages.
    static let eventPace = Duration.milliseconds(250)

    let title: String
    var store: InspectorStore
    /// By the agent's number: those under way, under the store's.
    private var underWay: [UInt64: UInt64] = [:]
    var clients = ConnectionTable<InspectorClient>()
    var deadlines = Deadlines<TimerKey>()
    /// Who waits for the end of a replay.
    var replays: [UInt64: ConnectionID] = [:]
    var lastCall: UInt64 = 0
    /// The store's numbers of what watchers are to be told.
    var news: Set<UInt64> = []
    /// When watchers were told something.
    var lastEvent: Moment?

    enum TimerKey: Sendable, Hashable {
        /// This client has had its time.
        case client(ConnectionID)
        /// The next event is due.
        case events
    }

    /// An empty inspector called `title`, mostly the agent's id.
    public init(title: String, maximumBytes: Int, maximumBodyBytes: Int = 64 * 1024) {
        self.title = title
        store = InspectorStore(maximumBytes: maximumBytes, maximumBodyBytes: maximumBodyBytes)
    }

    // MARK: Machine

    /// Takes one input and appends what is to be done to `outputs`.
    public mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Note>]) {
        switch input {
        case .transport(let event): handle(event, now, &outputs)
        case .message(.captured(let exchange, let call)): take(exchange, call, now, &outputs)
        case .tick:
            while let key = deadlines.popExpired(at: now) {
                switch key {
                case .client(let id): timedOut(id, now, &outputs)
                case .events: tellNews(now, &outputs)
                }
            }
        }
    }

    /// Nothing waits for the end of a turn.
    public mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Note>]) {}

    /// When it wants a tick.
    public var nextDeadline: Moment? { deadlines.next }

    // MARK: Exchanges

    /// Remembers the exchange under a number of its own, and tells those who wait for it.
    private mutating func take(
        _ exchange: CapturedExchange, _ call: UInt64?, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
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
        tellSoon(exchange.number, now)
        if isOver, let call, let id = replays.removeValue(forKey: call) {
            respond(to: id, .json(200, ExchangeJSON.full(exchange)), now, &outputs)
        }
    }

    // MARK: Connections

    private mutating func handle(_ event: TransportEvent, _ now: Moment, _ outputs: inout [MachineOutput<Note>]) {
        switch event {
        case .accepted(let id, _, _):
            guard clients.count < Self.maximumClients else { return outputs.append(.transport(.abort(id))) }
            clients[id] = InspectorClient()
            deadlines.set(.client(id), at: now.advanced(by: Self.patience))
        case .received(let id, let bytes): receive(bytes, from: id, now, &outputs)
        case .receivedEOF(let id):
            // Half of a connection that waits for an answer is no farewell; before the request it is one.
            if clients[id]?.phase == .reading { cut(id, &outputs) }
        case .wrote(let id, let count): wrote(count, to: id, now, &outputs)
        case .closed(let id, _): forget(id)
        case .connected(_, let id): outputs.append(.transport(.abort(id)))  // it dials nobody
        case .dialFailed: break
        }
    }

    private mutating func receive(
        _ bytes: ArraySlice<UInt8>, from id: ConnectionID, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
        guard let client = clients[id], client.phase == .reading else { return }
        do throws(HTTPDecodeError) {
            client.decoder.receive(bytes)
            while client.phase == .reading, let event = try client.decoder.next() {
                switch event {
                case .head(let head, _):
                    client.head = head
                    if let refusal = Self.refusal(of: head) { respond(to: id, refusal, now, &outputs) }
                case .body(let piece):
                    let room = ReplayRequest.maximumJSONBytes - client.body.count
                    guard piece.count <= room else { return respond(to: id, .bodyTooLarge, now, &outputs) }
                    client.body.append(contentsOf: piece)
                case .end: answer(id, client, now, &outputs)
                case .closed: cut(id, &outputs)
                }
            }
            // One request for each connection: what was sent beyond it is nobody's.
            if client.phase != .reading { client.decoder = HTTPRequestDecoder() }
        } catch {
            respond(to: id, .error(400, "malformed-request", "This is no request: \(error)".asSentence), now, &outputs)
        }
    }

    private mutating func wrote(
        _ count: Int, to id: ConnectionID, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
        guard let client = clients[id] else { return }
        client.unwritten = max(0, client.unwritten - count)
        guard client.phase == .watching, client.unwritten == 0 else { return }
        deadlines.set(.client(id), at: now.advanced(by: EventSubscription.keepAlive))
        if let resync = client.events.caughtUp() { write(resync, to: id, client, now, &outputs) }
    }

    private mutating func timedOut(_ id: ConnectionID, _ now: Moment, _ outputs: inout [MachineOutput<Note>]) {
        guard let client = clients[id] else { return }
        switch client.phase {
        case .reading: respond(to: id, .error(408, "request-timed-out", "The request took too long to come."), now, &outputs)
        case .replaying: respond(to: id, .error(504, "replay-cut", "The answer did not come in time."), now, &outputs)
        case .watching where client.unwritten == 0: write(ServerSentEvent.comment, to: id, client, now, &outputs)
        case .watching, .closing: cut(id, &outputs)
        }
    }

    /// Gives the whole answer, and closes.
    mutating func respond(
        to id: ConnectionID, _ response: InspectorResponse, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
        guard let client = clients[id], client.phase != .closing else { return }
        client.phase = .closing
        client.body = []
        let isHead = client.head?.method == "HEAD"
        write(response.bytes(withBody: !isHead), to: id, client, now, &outputs)
        outputs.append(.transport(.close(id)))
    }

    mutating func write(
        _ bytes: [UInt8], to id: ConnectionID, _ client: InspectorClient, _ now: Moment,
        _ outputs: inout [MachineOutput<Note>]
    ) {
        client.unwritten += bytes.count
        deadlines.set(.client(id), at: now.advanced(by: Self.patience))
        outputs.append(.transport(.write(id, bytes[...])))
    }

    private mutating func cut(_ id: ConnectionID, _ outputs: inout [MachineOutput<Note>]) {
        guard clients[id] != nil else { return }
        forget(id)
        outputs.append(.transport(.abort(id)))
    }

    private mutating func forget(_ id: ConnectionID) {
        guard let client = clients[id] else { return }
        if case .replaying(let call) = client.phase { replays[call] = nil }
        clients[id] = nil
        deadlines.cancel(.client(id))
    }
}

/// Somebody who asked something.
final class InspectorClient {
    enum Phase: Sendable, Hashable {
        /// The request comes. Next: any other.
        case reading
        /// A request is being sent again. Next: closing.
        case replaying(UInt64)
        /// The answer is events without end. Next: none.
        case watching
        /// The answer was given.
        case closing
    }

    var phase = Phase.reading
    var decoder = HTTPRequestDecoder()
    var head: HTTPRequestHead?
    var body: [UInt8] = []
    /// Bytes that were given to the transport and not taken by the client.
    var unwritten = 0
    /// Of a client that watches.
    var events = EventSubscription()
}
