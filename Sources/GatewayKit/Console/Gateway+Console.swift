// What the gateway itself has to say: pages for people, lists for programs. A request to one of our own addresses is checked here,
// goes to the loop that can answer it, and when its body is here, if it has one, to whoever makes the answer.

import HTTPCodec
import MachineCore
import RPCCore
import WebConsole
import TunnelLink

extension Gateway {
    /// Deals with a request to one of our own addresses, up to its body.
    mutating func console(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: OwnRoute, _ now: Moment, _ outputs: inout Outputs
    ) {
        if let error = objection(to: request.head, route) { return answer(id, error, to: request, now, &outputs) }
        if route.isProtected, !access.console.isOpen,
            pass(id, request, access.console, agentID: nil, now, &outputs) == nil
        {
            return
        }
        guard mayInspect(id, request, route, now, &outputs) else { return }
        let home = home(of: route)
        if home != loop { return move(id, request, .own(route), to: home, &outputs) }
        if let error = inspectorObjection(id, request, route) { return answer(id, error, to: request, now, &outputs) }
        if request.head.method == "POST" { return collect(id, request, route, now, &outputs) }
        answerOwn(id, request, route, body: [], now, &outputs)
    }

    /// Why the request gets no answer of the route's own.
    private func objection(to head: HTTPRequestHead, _ route: OwnRoute) -> GatewayError? {
        let page = configuration.statusPage
        guard page.isEnabled || !route.isProtected else { return .notFound }
        guard configuration.metrics.isEnabled || route != .metrics else { return .notFound }
        guard route.methods.split(separator: ", ").contains(head.method[...]) else {
            return .methodNotAllowed(allow: route.methods)
        }
        return nil
    }

    private func home(of route: OwnRoute) -> Int {
        switch route.home {
        case .anywhere: loop
        case .firstLoop: 0
        case .loopOf(let agentID): registry.records[agentID]?.loop ?? loop
        }
    }

    /// Makes the answer: each route is a line, and its owner's function elsewhere.
    mutating func answerOwn(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: OwnRoute, body: [UInt8], _ now: Moment,
        _ outputs: inout Outputs
    ) {
        switch route {
        case .statusPage: answer(id, statusPage(id, request.head, now), to: request, now, &outputs)
        case .agents: answer(id, agentList(id, request.head), to: request, now, &outputs)
        case .series: answer(id, seriesList(now), to: request, now, &outputs)
        case .events: beginEvents(id, request, now, &outputs)
        case .metrics: answer(id, metrics(request.head), to: request, now, &outputs)
        case .openAPI: answer(id, .json(200, OpenAPI.document), to: request, now, &outputs)
        case .help: answer(id, helpPage(id, request.head, now), to: request, now, &outputs)
        case .health: answer(id, .text(200, "ok\n"), to: request, now, &outputs)
        case .readiness:
            answer(id, isDraining ? .text(503, "draining\n") : .text(200, "ready\n"), to: request, now, &outputs)
        case .inspectorPage(let agentID): answerInspector(id, request, agentID, now, &outputs) { $0.inspectorPage($1, agentID) }
        case .exchanges(let agentID): answerInspector(id, request, agentID, now, &outputs) { $0.exchangeList($1, agentID) }
        case .exchange(let agentID, let number): answerExchange(id, request, agentID, number, now, &outputs)
        case .exchangeEvents(let agentID): watchExchanges(id, request, agentID, now, &outputs)
        case .replay(let agentID): replay(id, request, agentID, body, now, &outputs)
        case .login: login(id, request, body: body, now, &outputs)
        case .logout: logout(id, request, body: body, now, &outputs)
        }
    }
}
