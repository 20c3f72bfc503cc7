// What the gateway itself serves: pages for people, lists for programs. A request goes in, a response comes out; each
// address is a line of one table.
//
// An open status page must not show what visitors send: without a token of its own the inspector has to be opened on purpose.
// And whoever may not visit an agent may neither see nor repeat what it exchanged, whatever opens the inspector.

import HTTPCodec
import Inspection
import MachineCore
import WebConsole

/// What becomes of a request to one of the gateway's own addresses.
enum ConsoleResult {
    case response(OwnResponse)
    /// A response that does not end, with events.
    case events(WatchTopic)
    /// An exchange of this agent is sent again, as the body says.
    case replay(agentID: String)
}

/// What is known elsewhere of the gateway at the moment of a request.
struct ConsoleContext {
    /// The connection's other end.
    let peer: String
    /// Visitors' connections on this loop.
    let visitors: Int
    let isDraining: Bool
}

final class Console: Reconfigurable {
    @exclusivity(unchecked) private(set) var environment: Environment
    let access: AccessControl
    let registry: Registry
    let metrics: Metrics
    let views: AgentViews
    /// What the host says of certificates.
    @exclusivity(unchecked) var certificates: [CertificateStatus] = []
    private let inspector: Inspector
    private let feed: StatusFeed

    init(
        _ environment: Environment, _ access: AccessControl, _ registry: Registry, _ metrics: Metrics, _ inspector: Inspector
    ) {
        self.environment = environment
        self.access = access
        self.registry = registry
        self.metrics = metrics
        self.inspector = inspector
        views = AgentViews(environment, registry, metrics)
        feed = StatusFeed(views, registry, metrics)
    }

    func reconfigure(_ environment: Environment) {
        self.environment = environment
        views.reconfigure(environment)
    }

    // MARK: Before the body

    /// What the request gets instead of a response of the route's own, on whatever loop it came; nil: it may go on.
    func refusal(of request: VisitorRequest, _ route: OwnRoute, from peer: String, _ turn: inout Turn) -> OwnResponse? {
        if let error = objection(to: request.head, route) { return .error(error, to: request) }
        let policies = environment.access
        if route.isProtected, !policies.console.isOpen,
            case .refused(let response) = access.admit(request, from: peer, by: policies.console, agentID: nil, &turn)
        {
            return response
        }
        guard policies.guardsAgents, let agentID = route.inspectedAgent else { return nil }
        let policy = policies.policy(for: agentID)
        guard !policy.isOpen,
            case .refused(let response) = access.admit(request, from: peer, by: policy, agentID: agentID, &turn)
        else { return nil }
        return response
    }

    private func objection(to head: HTTPRequestHead, _ route: OwnRoute) -> GatewayError? {
        let configuration = environment.configuration
        guard configuration.statusPage.isEnabled || !route.isProtected else { return .notFound }
        guard configuration.metrics.isEnabled || route != .metrics else { return .notFound }
        guard route.methods.split(separator: ", ").contains(head.method[...]) else {
            return .methodNotAllowed(allow: route.methods)
        }
        return nil
    }

    /// The loop that has what the response is made of.
    func owningLoop(of route: OwnRoute) -> Int {
        switch route.owner {
        case .anyLoop: environment.loop
        case .firstLoop: 0
        case .loopOf(let agentID): registry[agentID]?.loop ?? environment.loop
        }
    }

    /// Why a request that may see the status page gets nothing from the inspector; nil: it does, or does not ask for it. A
    /// replay counts from now on.
    func inspectorObjection(
        to request: VisitorRequest, _ route: OwnRoute, by visitor: ConnectionID, _ context: ConsoleContext
    ) -> GatewayError? {
        guard route.inspectedAgent != nil else { return nil }
        let configuration = environment.configuration
        guard configuration.inspector.mode != .off else { return .inspectorOff("inspector.mode is off") }
        guard configuration.inspector.isPublic || !configuration.statusPage.authTokens.isEmpty else {
            return .inspectorOff("set statusPage.authToken, or inspector.public to let everybody see exchanges")
        }
        guard case .replay = route else { return nil }
        guard configuration.inspector.allowsReplay else { return .replayOff }
        let origin = environment.forwarding.provenance(context.peer, of: request)
        guard environment.forwarding.isFromHere(origin) else { return .crossSite }
        guard ReplayRequest.accepts(contentType: request.head.fields[.contentType]) else {
            return .badReplay("Content-Type must be application/json")
        }
        guard !context.isDraining, inspector.beginReplay(by: visitor) else { return .overloaded }
        return nil
    }

    // MARK: The response

    /// What becomes of a request that nothing stands against and whose body is here.
    func result(
        of request: VisitorRequest, _ route: OwnRoute, body: [UInt8], _ context: ConsoleContext, _ turn: inout Turn
    ) -> ConsoleResult {
        switch route {
        case .statusPage: .response(statusPage(request, context, turn.now))
        case .agents: .response(agentList(request, context))
        case .series: .response(.json(200, metrics.history().series(at: environment.clock.unixSeconds(at: turn.now)).json))
        case .events: .events(.status)
        case .metrics: .response(prometheus(request, context))
        case .openAPI: .response(.json(200, OpenAPI.document))
        case .help: .response(helpPage(request, context, turn.now))
        case .health: .response(.text(200, "ok\n"))
        case .readiness: .response(context.isDraining ? .text(503, "draining\n") : .text(200, "ready\n"))
        case .inspectorPage(let agentID): inspection(of: agentID, request) { .response(inspectorPage($0, request)) }
        case .exchanges(let agentID): inspection(of: agentID, request) { .response(exchangeList($0, request)) }
        case .exchange(let agentID, let number): .response(exchange(number, of: agentID, request))
        case .exchangeEvents(let agentID): inspection(of: agentID, request) { .events(.exchanges($0)) }
        case .replay(let agentID): .replay(agentID: agentID)
        case .login: .response(access.login(request, from: context.peer, body: body, &turn))
        case .logout: .response(access.logout(request, from: context.peer, body: body))
        }
    }

    // MARK: Events

    /// The first events of a new event stream.
    func firstEvents(of topic: WatchTopic, visitors: Int, _ now: Moment) -> [UInt8] {
        switch topic {
        case .status: feed.firstEvent(visitors: visitors, now)
        case .exchanges: Array(": watching\n\n".utf8)
        }
    }

    /// When the status page's event streams get their next event; nil: there are none.
    var eventDue: Moment? { feed.due }

    /// The events that are due now.
    func nextEvent(isWatched: Bool, visitors: Int, _ now: Moment) -> [UInt8]? {
        feed.nextEvent(isWatched: isWatched, visitors: visitors, now)
    }

    // MARK: The inspector

    private func inspection(of agentID: String, _ request: VisitorRequest, _ make: (String) -> ConsoleResult) -> ConsoleResult {
        registry[agentID] == nil ? .response(.error(.unknownAgent(agentID), to: request)) : make(agentID)
    }

    private func exchangeList(_ agentID: String, _ request: VisitorRequest) -> OwnResponse {
        var filter = ExchangeFilter(query: request.query)
        filter.agentID = agentID
        let isRecording = registry[agentID].map { environment.inspects($0.description) } ?? false
        let found = inspector.store.exchanges(matching: filter)
        return .json(200, ExchangeJSON.list(found, of: inspector.store, isRecording: isRecording))
    }

    private func exchange(_ number: UInt64, of agentID: String, _ request: VisitorRequest) -> OwnResponse {
        guard let exchange = inspector.store[number], exchange.agentID == agentID else {
            return .error(.unknownExchange, to: request)
        }
        return .json(200, ExchangeJSON.full(exchange))
    }

    private func inspectorPage(_ agentID: String, _ request: VisitorRequest) -> OwnResponse {
        let configuration = environment.configuration.inspector
        var view = InspectorView(title: agentID, api: "\(OwnRoute.root)agents/\(agentID)")
        view.agentID = agentID
        view.canReplay = configuration.allowsReplay
        view.home = "/"
        return .page(InspectorPage.render(view, .of(request)), for: request)
    }
}
