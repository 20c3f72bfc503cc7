// The visitors' side of a gateway: requests are taken from connections one by one, and each goes where it belongs: to an
// exchange with an agent, to the console, or to another loop.

import HTTPCodec
import MachineCore
import TunnelLink

final class Frontend: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private let visitors: Visitors
    private let agents: Agents
    private let exchanges: Exchanges
    private let waiting: WaitingRequests
    private let access: AccessControl
    private let shares: AddressShares
    private let console: Console
    private let streams: EventStreams
    private let registry: Registry
    private let peers: PeerLoops
    private let arrivals: Arrivals

    init(
        _ environment: Environment, _ visitors: Visitors, _ agents: Agents, _ exchanges: Exchanges, _ waiting: WaitingRequests,
        _ access: AccessControl, _ shares: AddressShares, _ console: Console, _ streams: EventStreams, _ registry: Registry,
        _ peers: PeerLoops, _ arrivals: Arrivals
    ) {
        self.environment = environment
        self.visitors = visitors
        self.agents = agents
        self.exchanges = exchanges
        self.waiting = waiting
        self.access = access
        self.shares = shares
        self.console = console
        self.streams = streams
        self.registry = registry
        self.peers = peers
        self.arrivals = arrivals
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    // MARK: Connections

    var nextDeadline: Moment? { visitors.nextDeadline.earlier(arrivals.nextDeadline) }

    /// Bytes came. The connection on which requests are to be looked for now; nil: none.
    func receive(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ turn: inout Turn) -> VisitorConnection? {
        guard let visitor = visitors[id] else { return arrivals.receive(id, bytes, &turn) }
        if visitor.receive(bytes, &turn) { return visitor }
        if visitor.phase == .upgraded, let exchange = exchanges[visitor.exchange] { exchanges.forward(bytes, exchange, &turn) }
        return nil
    }

    /// The visitor will send no more. On an upgraded connection that is half of the conversation; otherwise it is gone.
    func finished(_ id: ConnectionID, _ turn: inout Turn) {
        guard let visitor = visitors[id] else { return arrivals.finished(id, &turn) }
        if let exchange = exchanges[visitor.exchange] { return exchanges.visitorFinished(exchange, &turn) }
        _ = waiting.take(of: visitor)
        visitor.close(&turn)
    }

    /// The connection is gone.
    func closed(_ id: ConnectionID, _ turn: inout Turn) {
        guard let visitor = visitors[id] else { return arrivals.closed(id) }
        if let exchange = exchanges[visitor.exchange] { exchanges.abandon(exchange, &turn) }
        _ = waiting.take(of: visitor)
        stopWatching(visitor)
        exchanges.inspector.endReplay(by: id)
        agents.bodies.visitorRead(id, leaving: 0)
        remove(visitor)
    }

    func remove(_ visitor: VisitorConnection) {
        shares.uncount(visitor)
        visitors.remove(visitor)
        exchanges.forget(visitor)
    }

    /// The socket took bytes.
    func wrote(_ id: ConnectionID, _ count: Int, _ turn: inout Turn) {
        guard let visitor = visitors[id] else { return }
        visitor.took(count, turn.now)
        agents.bodies.visitorRead(id, leaving: visitor.queuedBytes)
        if let exchange = exchanges[visitor.exchange] { return exchanges.visitorRead(exchange, turn.now) }
        if visitor.phase == .watching { streams.visitorRead(visitor, &turn) }
    }

    // MARK: Time

    /// Those that paused in the last turn and go on in this one.
    func resumePaused(_ turn: inout Turn) -> [VisitorConnection] { visitors.takeDue().filter { $0.resume(&turn) } }

    /// Handles a time limit that has passed. The connection to look for requests on now; nil: no limit has passed.
    func expire(_ turn: inout Turn) -> VisitorConnection? {
        arrivals.expire(&turn)
        guard let visitor = visitors.popExpired(turn.now) else { return nil }
        switch visitor.phase {
        case .receivingHead where visitor.hasBegun, .collecting: refuse(.requestTimedOut, nil, of: visitor, &turn)
        case .receivingHead, .discarding: visitor.close(&turn)
        case .awaitingAgent: waitIsOver(visitor, &turn)
        case .exchanging:
            if let exchange = exchanges[visitor.exchange] { exchanges.timedOut(exchange, &turn) } else { visitor.close(&turn) }
        case .watching: streams.keepAlive(visitor, &turn)
        case .paused, .upgraded, .closing: visitor.abort(&turn)
        }
        return visitor
    }

    /// No more connections; those that never end do now.
    func beginDrain(_ turn: inout Turn) {
        dismissWatchers(&turn)
        arrivals.abortAll(&turn)
        visitors.beginDrain(turn.now)
    }

    // MARK: Requests

    /// Handles all that came on a connection. The request, if one is an agent's handshake.
    func pump(_ visitor: VisitorConnection, _ turn: inout Turn) -> VisitorRequest? {
        while let event = visitor.next(&turn) {
            switch event {
            case .request(let request):
                if route(request, of: visitor, &turn) { return request }
            case .body(let bytes):
                if let exchange = exchanges[visitor.exchange] { exchanges.forward(bytes, exchange, &turn) }
            case .end(let trailers):
                if let exchange = exchanges[visitor.exchange] { exchanges.endRequest(exchange, trailers, &turn) }
            case .collected(let collected):
                respond(to: collected.request, collected.route, body: collected.body, of: visitor, &turn)
            case .refused(let error, let request): refuse(error, request, of: visitor, &turn)
            }
        }
        return nil
    }

    /// What came is no request, or one that is not taken.
    private func refuse(_ error: GatewayError, _ request: VisitorRequest?, of visitor: VisitorConnection, _ turn: inout Turn) {
        exchanges.inspector.endReplay(by: visitor.id)
        let exchange = exchanges[visitor.exchange]
        if let exchange { exchanges.abandon(exchange, &turn) }
        if exchange?.status != nil { return visitor.close(&turn) }
        visitor.respond(.error(error, to: request), to: request, &turn)
    }

    /// Sends a request to where it belongs. True: it is an agent's handshake.
    private func route(_ request: VisitorRequest, of visitor: VisitorConnection, _ turn: inout Turn) -> Bool {
        if UpgradeRules.isRefused(request.head.method) {
            refuse(.methodNotAllowed(allow: UpgradeRules.usualMethods), request.closing, of: visitor, &turn)
            return false
        }
        if let response = arrivals.redirection(of: request, on: visitor) {
            visitor.respond(response, to: request, &turn)
            return false
        }
        let destination = visitor.route(request, by: environment.router)
        if shares.limitsRate, destination != .tunnel, let wait = shares.charge(request, of: visitor, &turn) {
            refuse(.tooManyRequests(wait), request, of: visitor, &turn)
            return false
        }
        switch destination {
        case .tunnel: return true
        case .web(let route): begin(PendingRequest(request: request, route: route), of: visitor, &turn)
        case .addSlash(let route): visitor.respond(.addSlash(to: route), to: request, &turn)
        case .own(let route): serve(request, route, to: visitor, &turn)
        case .formerlyOwn(let route):
            if !rescue(request, isFormerlyOwn: true, of: visitor, &turn) { serve(request, route, to: visitor, &turn) }
        case .notFound:
            if !rescue(request, isFormerlyOwn: false, of: visitor, &turn) { refuse(.notFound, request, of: visitor, &turn) }
        }
        return false
    }

    /// Deals with a request that a page of a service may have sent; false: none did.
    private func rescue(
        _ request: VisitorRequest, isFormerlyOwn: Bool, of visitor: VisitorConnection, _ turn: inout Turn
    ) -> Bool {
        switch PrefixRescue(environment).rescue(request, from: visitor.peer, isFormerlyOwn: isFormerlyOwn) {
        case .route(let route): begin(PendingRequest(request: request, route: route), of: visitor, &turn)
        case .response(let response): visitor.respond(response, to: request, &turn)
        case nil: return false
        }
        return true
    }

    // MARK: Requests for agents

    /// Gives a request to its agent, or to the agent's owning loop, or lets it wait.
    func begin(_ pending: PendingRequest, of visitor: VisitorConnection, _ turn: inout Turn) {
        let (request, route) = (pending.request, pending.route)
        if let error = route.objection(isEnabled: exchanges.isEnabled) { return refuse(error, request, of: visitor, &turn) }
        let (entry, agentID) = registry.entryAndID(for: route)
        guard case .granted(let grant) = admit(request, to: agentID, of: visitor, &turn) else { return }
        do throws(GatewayError) {
            guard let entry else { throw .unknownAgent(route.agentID) }
            if entry.record.loop != environment.loop { return move(visitor, .web(pending), to: entry.record.loop, &turn) }
            let agent = try agents.tunnel(for: route, entry, besides: pending.refusedBy)
            try exchanges.begin(pending, of: visitor, to: agentID, agent, grant, &turn)
        } catch {
            if !visitors.isDraining, waiting.hold(pending, of: visitor, error, &turn) { return }
            refuse(error, request, of: visitor, &turn)
        }
    }

    /// What the request may do with the agent; if it may not, it has its response.
    private func admit(
        _ request: VisitorRequest, to agentID: String, of visitor: VisitorConnection, _ turn: inout Turn
    ) -> Admission {
        let admission = access.admit(request, from: visitor.peer, to: agentID, &turn)
        if case .refused(let response) = admission { visitor.respond(response, to: request, &turn) }
        return admission
    }

    /// A request that waited is taken up again. Requests are to be looked for on its connection afterwards.
    func resume(_ request: WaitingRequests.Waiting, _ turn: inout Turn) {
        request.visitor.release(&turn)
        begin(request.pending, of: request.visitor, &turn)
    }

    private func waitIsOver(_ visitor: VisitorConnection, _ turn: inout Turn) {
        guard let held = waiting.take(of: visitor) else { return }
        visitor.release(&turn)
        refuse(held.error, held.pending.request, of: visitor, &turn)
    }

    // MARK: Requests for the gateway itself

    private func serve(_ request: VisitorRequest, _ route: OwnRoute, to visitor: VisitorConnection, _ turn: inout Turn) {
        if let response = console.refusal(of: request, route, from: visitor.peer, &turn) {
            return visitor.respond(response, to: request, &turn)
        }
        let owner = console.owningLoop(of: route)
        if owner != environment.loop { return move(visitor, .own(request, route), to: owner, &turn) }
        if let error = console.inspectorObjection(to: request, route, by: visitor.id, context(visitor)) {
            return refuse(error, request, of: visitor, &turn)
        }
        guard request.head.method == "POST" else { return respond(to: request, route, body: [], of: visitor, &turn) }
        if case .length(let count) = request.framing, count > route.maximumBody {
            return refuse(.bodyTooLarge(limit: UInt64(route.maximumBody)), request, of: visitor, &turn)
        }
        visitor.collectBody(of: request, for: route, &turn)
    }

    private func respond(
        to request: VisitorRequest, _ route: OwnRoute, body: [UInt8], of visitor: VisitorConnection, _ turn: inout Turn
    ) {
        switch console.result(of: request, route, body: body, context(visitor), &turn) {
        case .response(let response): visitor.respond(response, to: request, &turn)
        case .events(let topic): watch(topic, request, visitor, &turn)
        case .replay(let agentID):
            do throws(GatewayError) {
                let record = registry[agentID]
                try exchanges.beginReplay(request, body: body, of: visitor, to: record, agentID, &turn)
            } catch {
                refuse(error, request, of: visitor, &turn)
            }
        }
    }

    private func context(_ visitor: VisitorConnection) -> ConsoleContext {
        ConsoleContext(peer: visitor.peer, visitors: visitors.count, isDraining: visitors.isDraining)
    }

    private func watch(_ topic: WatchTopic, _ request: VisitorRequest, _ visitor: VisitorConnection, _ turn: inout Turn) {
        if let error = visitors.isDraining ? .overloaded : streams.objection(to: request, of: visitor, &turn) {
            return refuse(error, request, of: visitor, &turn)
        }
        let first = console.firstEvents(of: topic, visitors: visitors.count, turn.now)
        streams.begin(topic, request, of: visitor, first: first, &turn)
        if case .exchanges(let agentID) = topic, streams.isWatched(topic) { exchanges.inspector.watch(agentID) }
    }

    private func stopWatching(_ visitor: VisitorConnection) {
        if case .exchanges(let agentID) = streams.remove(visitor) { exchanges.inspector.unwatch(agentID) }
    }

    /// Ends all responses that would never end: browsers come back by themselves.
    func dismissWatchers(_ turn: inout Turn) {
        for visitor in streams.visitors {
            stopWatching(visitor)
            visitor.close(&turn)
        }
    }

    // MARK: Other loops

    /// Gives a visitor, whose request begins, to another loop: whole, between two requests.
    func move(_ visitor: VisitorConnection, _ reason: MovedVisitor.Reason, to loop: Int, _ turn: inout Turn) {
        agents.bodies.visitorRead(visitor.id, leaving: 0)
        remove(visitor)
        peers.visitorLeft()
        let moved = MovedVisitor(state: visitor.handOver(&turn), reason: reason)
        turn.emit(.loop(LoopNote(.move(visitor.id, moved, toLoop: loop))))
    }

    /// A visitor came from another loop: its request goes on here, unless it is an agent's handshake, which is the caller's.
    /// `isOver`: it is too late for anything.
    func adopt(_ id: ConnectionID, _ moved: MovedVisitor, isOver: Bool, _ turn: inout Turn) -> VisitorConnection {
        peers.visitorCame()
        let visitor = visitors.adopt(id, moved.state)
        shares.countMoved(visitor)
        if isOver {
            visitor.abort(&turn)
            return visitor
        }
        switch moved.reason {
        case .web(let pending): begin(pending, of: visitor, &turn)
        case .own(let request, let route): serve(request, route, to: visitor, &turn)
        case .handshake: break
        }
        return visitor
    }
}
