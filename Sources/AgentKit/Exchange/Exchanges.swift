// All exchanges of an agent: which service a request is for, who responds to it, and what it means that a step of that came to
// an end. The responders (connections to services, the host) do not know each other, nor which exchanges there are.
//
// Bodies pass through; only a v1 body, which comes whole, and one for the in-process handler are collected first. What the
// agent holds is its own to limit, whatever the gateway says of credit: requests by `TunnelLimits.maximumHeld`; responses by
// pausing each stream's service, and beyond a limit for all of them every service, until half of it is gone.

import HTTPCodec
import Inspection
import MachineCore
import RPCCore
import TunnelLink

struct Exchanges {
    private var services: ServiceTable
    private var responseHeadTimeout: Duration
    private var table = ExchangeTable()
    private var used = UsedExchanges()
    private var lastReplay: UInt32 = 0
    private var connections: LocalConnections
    private var calls: HandlerCalls
    private var captures: Captures?
    /// When the oldest exchange that waits for a head may be overdue; nil: none is watched.
    private var headsDue: Moment?
    /// Time limits of requests that are sent again.
    private var replayDeadlines = Deadlines<StreamID>()

    init(_ configuration: AgentConfiguration) {
        services = ServiceTable(configuration.service)
        responseHeadTimeout = configuration.responseHeadTimeout
        connections = LocalConnections(configuration)
        calls = HandlerCalls(maximumBodyBytes: configuration.maximumHandlerBodyBytes)
        captures = Captures(configuration)
    }

    /// Takes other settings from the next request on; `captures` and the pool stay as they were.
    mutating func use(_ configuration: AgentConfiguration, isOtherService: Bool) {
        if isOtherService { services.use(configuration.service) }
        responseHeadTimeout = configuration.responseHeadTimeout
        if responseHeadTimeout == .zero { headsDue = nil }
        connections.use(configuration, isOtherService: isOtherService)
        calls.use(maximumBodyBytes: configuration.maximumHandlerBodyBytes)
        captures?.agentID = configuration.description.agentID
    }

    /// Whether nothing of this tunnel is under way.
    func isIdle(_ tunnel: Tunnel) -> Bool { table.count(of: tunnel) == 0 }

    /// Adds what is held here.
    func count(into counters: inout AgentCounters) {
        counters.openExchanges += table.count
        connections.count(into: &counters)
        counters.openCalls += calls.count
        counters.capturedBytes += captures?.heldBytes ?? 0
        counters.timers += replayDeadlines.count + (headsDue == nil ? 0 : 1)
    }

    // MARK: The request

    mutating func begin(_ request: WebRequest, on stream: StreamID, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        guard let place = services.place(for: request.path) else {
            return refuse(stream, of: tunnel, .noWebService, "this agent serves nothing at this path")
        }
        if services.isLeft(by: request.path) {
            return refuse(stream, of: tunnel, .noWebService, "this path leads out of what this agent serves")
        }
        let service = services[place]
        if service == .none { return refuse(stream, of: tunnel, .noWebService, "this agent serves no web service") }
        let capture = captures?.begin(request, &turn)
        let exchange = used.next(stream, of: tunnel, request, service, place: place, capture, turn.now)
        table.insert(exchange)
        // One deadline serves all: the oldest that waits for a head is looked at in time.
        if responseHeadTimeout > .zero, headsDue == nil { headsDue = turn.now.advanced(by: responseHeadTimeout) }
        start(exchange, tunnel.session?.version ?? .v2, &turn)
    }

    /// The machine's call is over: nobody looks at what ended during it.
    mutating func settle() { used.settle() }

    /// Refuses a request before it is an exchange.
    func refuse(_ stream: StreamID, of tunnel: Tunnel, _ failure: TunnelFailure, _ message: String) {
        tunnel.session?.fail(stream, failure.failure(message), reason: .refused)
    }

    /// What can be done about the request before its body.
    private mutating func start(_ exchange: Exchange, _ version: TunnelVersion, _ turn: inout Turn<AgentNote>) {
        switch exchange.service {
        case .http(let service):
            switch version {
            case .v1: askForBody(exchange, turn.now)  // it follows at once, whole, and its length goes into the head
            case .v2: conclude(exchange, connections.serve(exchange, by: service, wholeBodyCount: nil, &turn), &turn)
            }
        case .handler:
            // The upgrade is ignored (RFC 9110 §7.8), and what would follow a 101 is no body.
            if exchange.request.upgrade != nil { calls.call(exchange, &turn) } else { askForBody(exchange, turn.now) }
        case .streamingHandler:
            askForBody(exchange, turn.now)
            calls.open(exchange, folder: nil, &turn)
        case .folder(let folder): calls.open(exchange, folder: folder, &turn)
        case .routes, .none: break
        }
    }

    /// Responds to `Expect: 100-continue` for those who want every body (RFC 9110 §10.1.1). A folder wants none.
    private func askForBody(_ exchange: Exchange, _ now: Moment) {
        guard exchange.request.hasBody, exchange.request.fields.contains(.expect) else { return }
        exchange.inform(WebInformational(status: 100), now)
    }

    mutating func take(_ bytes: ArraySlice<UInt8>, on stream: StreamID, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        if let exchange = table[stream, tunnel] { take(bytes, of: exchange, &turn) }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, of exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        exchange.received(bytes, turn.now)
        switch exchange.responder {
        case .connection(let id): conclude(exchange, connections.write(bytes, to: id, &turn), &turn)
        case .stream(let call): calls.show(bytes, to: call, for: exchange, &turn)
        case .dialing: exchange.hold(bytes)
        case .collecting: collect(bytes, of: exchange, &turn)
        case .handler, .discarding: exchange.consumed(bytes.count, turn.now)
        }
    }

    private mutating func collect(_ bytes: ArraySlice<UInt8>, of exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        switch exchange.service {
        case .http: exchange.hold(bytes)
        case .handler: conclude(exchange, calls.collect(bytes, for: exchange, turn.now), &turn)
        case .streamingHandler, .folder, .routes, .none: break
        }
    }

    mutating func end(_ trailers: HTTPFields, on stream: StreamID, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        if let exchange = table[stream, tunnel] { end(exchange, trailers, &turn) }
    }

    private mutating func end(_ exchange: Exchange, _ trailers: HTTPFields, _ turn: inout Turn<AgentNote>) {
        exchange.end(trailers)
        switch exchange.responder {
        case .connection(let id): conclude(exchange, connections.finishRequest(exchange, on: id, &turn), &turn)
        case .stream(let call): calls.endBody(of: call, for: exchange, &turn)
        case .dialing, .handler: break
        case .collecting: serveCollected(exchange, &turn)
        case .discarding: finish(exchange, &turn)
        }
    }

    private mutating func serveCollected(_ exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        switch exchange.service {
        case .http(let service):
            conclude(exchange, connections.serve(exchange, by: service, wholeBodyCount: exchange.heldCount, &turn), &turn)
        case .handler: calls.call(exchange, &turn)
        case .streamingHandler, .folder, .routes, .none: break
        }
    }

    // MARK: The service's transport

    /// Something happened to a connection that is no gateway's.
    mutating func handle(_ event: TransportEvent, _ turn: inout Turn<AgentNote>) {
        switch event {
        case .accepted(let id, _, _): turn.emit(.abort(id))  // an agent listens nowhere
        case .secured(let id, _): conclude(connections.secured(id, &turn), &turn)
        case .connected(let dial, let id): conclude(connections.connected(dial, id, &turn), &turn)
        case .dialFailed(let dial, let reason): conclude(connections.dialFailed(dial, reason, &turn), &turn)
        case .received(let id, let bytes): conclude(connections.receive(bytes, from: id, &turn), &turn)
        case .receivedEOF(let id): conclude(connections.receiveEOF(from: id, &turn), &turn)
        case .wrote(let id, let count): connections.wrote(count, on: id, turn.now)
        case .closed(let id, let error): conclude(connections.closed(id, error, &turn), &turn)
        }
    }

    // MARK: The host

    mutating func respond(to call: HandlerCall, _ response: HandlerResponse, _ turn: inout Turn<AgentNote>) {
        conclude(calls.respond(to: call, response, turn.now), &turn)
    }

    mutating func begin(_ call: HandlerCall, _ head: HandlerResponseHead, _ turn: inout Turn<AgentNote>) {
        conclude(calls.begin(call, head, &turn), &turn)
    }

    mutating func send(_ bytes: [UInt8], end: Bool, of call: HandlerCall, _ turn: inout Turn<AgentNote>) {
        conclude(calls.send(bytes, end: end, of: call, &turn), &turn)
    }

    func took(_ count: Int, of call: HandlerCall, _ now: Moment) { calls.took(count, of: call, now) }
    mutating func giveUp(_ call: HandlerCall, _ reason: String, _ turn: inout Turn<AgentNote>) {
        conclude(calls.giveUp(call, reason), &turn)
    }

    // MARK: Back-pressure

    /// The tunnel has room again for what the service or the host sends.
    mutating func resume(_ stream: StreamID, of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        if let exchange = table[stream, tunnel] { setReading(true, of: exchange, &turn) }
    }

    /// Stops reading the services while too much waits for the gateway, and goes on when there is room.
    mutating func reviewHold(of tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        guard let holds = tunnel.reviewHold() else { return }
        for exchange in table.all(of: tunnel) where holds || tunnel.session?.hasRoom(exchange.stream) == true {
            setReading(!holds, of: exchange, &turn)
        }
    }

    private mutating func setReading(_ isReading: Bool, of exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        switch exchange.responder {
        case .connection(let id):
            if !isReading || exchange.tunnel?.holdsServices != true { connections.setReading(isReading, on: id, &turn) }
        case .stream(let call): if isReading { calls.resume(call, &turn) }
        case .collecting, .dialing, .handler, .discarding: break
        }
    }

    // MARK: What a step came to

    private mutating func conclude(_ step: Step?, _ turn: inout Turn<AgentNote>) {
        if let step { conclude(step.exchange, step.progress, &turn) }
    }

    private mutating func conclude(_ exchange: Exchange, _ progress: Progress, _ turn: inout Turn<AgentNote>) {
        switch progress {
        case .open: break
        case .full: if let tunnel = exchange.tunnel, tunnel.session?.isFull == true { reviewHold(of: tunnel, &turn) }
        case .responded:
            exchange.discardRest(turn.now)
            if exchange.requestEnded { finish(exchange, &turn) }
        case .failed(let failure, let reason):
            exchange.tunnel?.session?.fail(exchange.stream, failure, reason: reason)
            finish(exchange, because: failure.message, outcome: Captures.outcome(of: failure), &turn)
        case .cut(let reason, let outcome): finish(exchange, because: reason, outcome: outcome, &turn)
        }
    }

    /// Takes the exchange away. Whoever still works on it stops at once. `outcome` is for an inspector.
    private mutating func finish(
        _ exchange: Exchange, because failure: String? = nil, outcome: String = CapturedExchange.done,
        _ turn: inout Turn<AgentNote>
    ) {
        guard !exchange.isOver else { return }
        exchange.finish()
        table.remove(exchange)
        switch exchange.responder {
        case .collecting, .discarding: break
        case .dialing(let dial): connections.cancel(dial, &turn)
        case .connection(let id): connections.abort(id, &turn)
        case .handler(let call), .stream(let call): calls.cancel(call, &turn)
        }
        if exchange.tunnel == nil { replayDeadlines.cancel(exchange.stream) }
        if let capture = exchange.capture {
            captures?.end(capture, outcome: outcome, after: turn.now.since(exchange.startedAt), &turn)
        }
        turn.emit(.exchange(exchange.record(at: turn.now, failure: failure)))
        used.ended(exchange)
    }

    // MARK: Ends that come from outside

    /// The gateway gave the exchange up.
    mutating func reset(_ stream: StreamID, of tunnel: Tunnel, _ reason: ResetReason, _ turn: inout Turn<AgentNote>) {
        guard let exchange = table[stream, tunnel] else { return }
        finish(exchange, because: "the gateway gave it up: \(reason)", outcome: "cancelled", &turn)
    }

    /// The tunnel is over: so are its exchanges.
    mutating func cut(_ tunnel: Tunnel, _ turn: inout Turn<AgentNote>) {
        for exchange in table.all(of: tunnel) {
            finish(exchange, because: "the connection to the gateway is lost", outcome: "gateway-lost", &turn)
        }
        table.forget(tunnel)
        used.forget(tunnel)
    }

    /// Without a tunnel there is no use for idle connections.
    mutating func rest(_ turn: inout Turn<AgentNote>) {
        connections.emptyPool(&turn)
        headsDue = nil
    }

    /// The agent stops.
    mutating func stop(_ turn: inout Turn<AgentNote>) {
        for exchange in table.all(of: nil) { finish(exchange, because: "the agent stops", outcome: "cancelled", &turn) }
        rest(&turn)
    }

    // MARK: Replays

    /// Sends a request to the service as if a visitor had: the same code, but no tunnel, so that its response goes nowhere but
    /// into the capture.
    mutating func replay(
        _ request: ReplayedRequest, of number: UInt64, call: UInt64, isStopping: Bool, _ turn: inout Turn<AgentNote>
    ) {
        guard let settings = captures?.settings else { return }
        lastReplay = lastReplay == .max ? 1 : lastReplay + 1
        let place = services.place(for: request.path[...]) ?? -1
        let (stream, request, body) = (StreamID(rawValue: lastReplay), WebRequest(request), request.body)
        let capture = captures?.begin(request, call: call, replayOf: number, &turn)
        let exchange = Exchange(
            stream, of: nil, request, service: services[place], place: place, capture, replayLimit: settings.replayBytes,
            at: turn.now)
        table.insert(exchange)
        if let (reason, outcome) = obstacle(to: exchange, isStopping: isStopping, settings) {
            return finish(exchange, because: reason, outcome: outcome, &turn)
        }
        replayDeadlines.set(stream, at: turn.now.advanced(by: settings.replayTime))
        start(exchange, .v1, &turn)  // the body is here, whole
        if !body.isEmpty { take(body[...], of: exchange, &turn) }
        if !exchange.isOver { end(exchange, HTTPFields(), &turn) }
    }

    /// Why a request is not sent again now: for people, and for an inspector.
    private func obstacle(to exchange: Exchange, isStopping: Bool, _ settings: CaptureSettings) -> (String, String)? {
        if isStopping { return ("the agent is shutting down", "cancelled") }
        if table.count(of: nil) > settings.maximumReplays {
            return ("too many requests are being sent again", "too-many-streams")
        }
        return exchange.service == .none ? ("this agent serves nothing at this path", "no-web-service") : nil
    }

    // MARK: Time

    var nextDeadline: Moment? { .earliest(connections.nextDeadline, .earliest(headsDue, replayDeadlines.next)) }

    /// Each expired deadline is taken off before it is acted on, and none is set anew at or before `now`, so this ends.
    mutating func fireTimers(_ turn: inout Turn<AgentNote>) {
        while let step = connections.fireTimer(&turn) { conclude(step, &turn) }
        while let stream = replayDeadlines.popExpired(at: turn.now) {
            guard let exchange = table[stream, nil], let settings = captures?.settings else { continue }
            finish(exchange, because: "cut after \(settings.replayTime)", outcome: "replay-cut", &turn)
        }
        if let due = headsDue, due <= turn.now { sweepHeads(&turn) }
    }

    private mutating func sweepHeads(_ turn: inout Turn<AgentNote>) {
        var next: Moment?
        for exchange in table.allOfTunnels where exchange.status == nil {
            let due = exchange.waitsSince.advanced(by: responseHeadTimeout)
            if due <= turn.now {
                let message = "the web service did not respond within \(responseHeadTimeout)"
                conclude(exchange, .failed(.serviceTimedOut, message, .timedOut), &turn)
            } else {
                next = min(next ?? due, due)
            }
        }
        headsDue = next
    }
}
