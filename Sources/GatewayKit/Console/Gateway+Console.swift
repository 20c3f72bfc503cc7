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
        let home = home(of: route)
        if home != loop { return move(id, request, .own(route), to: home, &outputs) }
        if request.head.method == "POST" { return collect(id, request, route, now, &outputs) }
        answerOwn(id, request, route, body: [], now, &outputs)
    }

    /// Why the request gets no answer of the route's own.
    private func objection(to head: HTTPRequestHead, _ route: OwnRoute) -> GatewayError? {
        let page = configuration.statusPage
        guard page.isEnabled || !route.isProtected else { return .notFound }
        guard route.methods.split(separator: ", ").contains(head.method[...]) else {
            return .methodNotAllowed(allow: route.methods)
        }
        guard route.isProtected, !page.authTokens.isEmpty else { return nil }
        guard let token = Authorization.bearerToken(head.fields), Authorization.accepts(token, among: page.authTokens) else {
            return .unauthorized
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
        case .statusPage: answer(id, statusPage(request.head, now), to: request, now, &outputs)
        case .agents: answer(id, agentList(), to: request, now, &outputs)
        case .health: answer(id, .text(200, "ok\n"), to: request, now, &outputs)
        case .readiness:
            answer(id, isDraining ? .text(503, "draining\n") : .text(200, "ready\n"), to: request, now, &outputs)
        case .help, .login, .logout, .metrics, .openAPI, .events, .series, .inspectorPage, .exchanges, .exchange,
            .exchangeEvents, .replay:
            answer(id, .notFound, to: request, now, &outputs)
        }
    }

    func statusPage(_ head: HTTPRequestHead, _ now: Moment) -> OwnAnswer {
        let address = configuration.publicURL ?? "http://\(head.fields[.host] ?? "localhost")"
        return .html(
            200,
            StatusPage.html(address: address, agents: agentRecords, registry.webServiceCount) { agentID in
                webURL(of: agentID, host: head.fields[.host])
            })
    }

    func agentList() -> OwnAnswer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("connected")
        writer.integer(Int64(registry.onlineCounts.reduce(0, +)))
        writer.name("webServices")
        writer.integer(Int64(registry.webServiceCount))
        writer.name("agents")
        writer.beginArray()
        for record in agentRecords { record.write(to: &writer, pathPrefix: configuration.web.pathPrefix) }
        writer.endArray()
        writer.endObject()
        return .json(200, writer.finish())
    }
}

extension AgentRecord {
    fileprivate func write(to writer: inout JSONWriter, pathPrefix: String) {
        writer.beginObject()
        let texts: [(StaticString, String)] = [
            ("agentId", description.agentID), ("status", isOnline ? description.status : "offline"), ("type", description.type),
            ("host", description.host), ("model", description.model), ("version", description.version),
            ("remoteAddress", remoteAddress), ("connectedAt", UTCTime.text(connectedAt)),
        ]
        for (name, value) in texts {
            writer.name(name)
            writer.string(value)
        }
        writer.name("online")
        writer.bool(isOnline)
        writer.name("tunnels")
        writer.integer(Int64(connections.count))
        writer.name("webEntry")
        if isOnline, description.servesWeb { writer.string("\(pathPrefix)/\(description.agentID)/") } else { writer.null() }
        writer.name("lastSeen")
        if let lastSeen { writer.string(UTCTime.text(lastSeen)) } else { writer.null() }
        writer.name("roundTripMs")
        if let roundTrip { writer.double(Double(roundTrip.wholeNanoseconds) / 1_000_000) } else { writer.null() }
        writer.endObject()
    }
}
