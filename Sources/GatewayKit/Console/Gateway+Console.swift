// What the gateway itself has to say: pages for people, lists for programs. A request to one of our own addresses is checked here,
// goes to the loop that can answer it, and when its body is here, if it has one, to whoever makes the answer.

import HTTPCodec
import MachineCore
import RPCCore
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

/// Times as pages and programs see them, in UTC.
enum UTCTime {
    /// `2026-04-10T05:21:22Z` (RFC 3339).
    static func text(_ unixSeconds: Int64) -> String {
        let remainder = unixSeconds % 86_400
        let second = remainder < 0 ? remainder + 86_400 : remainder
        let days = unixSeconds / 86_400 - (remainder < 0 ? 1 : 0)
        let (year, month, day) = civil(days)
        return "\(year)-\(two(month))-\(two(day))T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// The proleptic Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
