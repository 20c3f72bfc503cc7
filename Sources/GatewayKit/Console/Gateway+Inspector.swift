// The request inspector's addresses: an agent's page, its exchanges, one of them, and those to come. All are answered by the loop
// that the agent lives on, from memory.
//
// An open status page must not show what visitors send: without a token of its own the inspector has to be opened on purpose. And
// whoever may not visit an agent may neither see nor repeat what it exchanged, whatever opens the inspector.

import HTTPCodec
import MachineCore
import WebConsole

extension OwnRoute {
    /// The agent whose exchanges it shows or sends again; nil: it does neither.
    fileprivate var inspectedAgent: String? {
        switch self {
        case .inspectorPage(let id), .exchanges(let id), .exchange(let id, _), .exchangeEvents(let id), .replay(let id): id
        case .statusPage, .help, .login, .logout, .health, .readiness, .metrics, .openAPI, .agents, .events, .series: nil
        }
    }
}

extension Gateway {
    /// Whether the visitor may visit the agent whose exchanges the route is about; if not, it was answered. Without such an agent, or
    /// where its door is open, there is nothing to ask.
    mutating func mayInspect(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: OwnRoute, _ now: Moment, _ outputs: inout Outputs
    ) -> Bool {
        guard access.guardsAgents, let agentID = route.inspectedAgent else { return true }
        let door = access.door(of: agentID)
        return door.isOpen || pass(id, request, door, agentID: agentID, now, &outputs) != nil
    }

    /// Why a request that may see the status page gets nothing from the inspector; nil: it does, or does not ask for it.
    mutating func inspectorObjection(_ id: ConnectionID, _ request: VisitorRequest, _ route: OwnRoute) -> GatewayError? {
        guard route.inspectedAgent != nil else { return nil }
        guard configuration.inspector.mode != .off else { return .inspectorOff("inspector.mode is off") }
        guard configuration.inspector.isPublic || !configuration.statusPage.authTokens.isEmpty else {
            return .inspectorOff("set statusPage.authToken, or inspector.public to let everybody see exchanges")
        }
        guard case .replay = route else { return nil }
        return objection(toReplayBy: id, request)
    }

    /// Answers with what `make` says of an agent that is or was here.
    mutating func answerInspector(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ now: Moment, _ outputs: inout Outputs,
        _ make: (Gateway, HTTPRequestHead) -> OwnAnswer
    ) {
        guard registry.records[agentID] != nil else {
            return answer(id, .unknownAgent(agentID), to: request, now, &outputs)
        }
        answer(id, make(self, request.head), to: request, now, &outputs)
    }

    func exchangeList(_ head: HTTPRequestHead, _ agentID: String) -> OwnAnswer {
        var filter = ExchangeFilter(query: Router.pathAndQuery(of: head.target)?.query)
        filter.agentID = agentID
        let isRecording = registry.records[agentID].map { isInspected($0.description) } ?? false
        return .json(
            200,
            ExchangeJSON.list(inspector.store.exchanges(matching: filter), of: inspector.store, isRecording: isRecording))
    }

    mutating func answerExchange(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ number: UInt64, _ now: Moment,
        _ outputs: inout Outputs
    ) {
        guard let exchange = inspector.store[number], exchange.agentID == agentID else {
            return answer(id, .unknownExchange, to: request, now, &outputs)
        }
        answer(id, .json(200, ExchangeJSON.full(exchange)), to: request, now, &outputs)
    }

    mutating func watchExchanges(
        _ id: ConnectionID, _ request: VisitorRequest, _ agentID: String, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard registry.records[agentID] != nil else {
            return answer(id, .unknownAgent(agentID), to: request, now, &outputs)
        }
        beginWatching(id, request, .exchanges(agentID), first: Array(": watching\n\n".utf8), now, &outputs)
    }

    func inspectorPage(_ head: HTTPRequestHead, _ agentID: String) -> OwnAnswer {
        var view = InspectorView(
            title: agentID, api: "\(OwnRoute.root)agents/\(agentID)",
            limitMiB: configuration.inspector.maximumBytes / 1_048_576)
        view.agentID = agentID
        view.canReplay = configuration.inspector.allowsReplay
        view.home = "/"
        return .page(InspectorPage.render(view, language(of: head)), for: head)
    }
}
