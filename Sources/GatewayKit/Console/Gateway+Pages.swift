// What the gateway itself has to say: the status page, and the list of agents for programs.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

extension Gateway {
    /// Answers with a page of our own, to GET and HEAD, if the visitor may see it.
    mutating func ownPage(
        _ id: ConnectionID, _ request: VisitorRequest, isProtected: Bool = true, _ now: Moment, _ outputs: inout Outputs,
        _ make: (Gateway, HTTPRequestHead) -> OwnAnswer
    ) {
        let page = configuration.statusPage
        guard page.isEnabled || !isProtected else { return answer(id, .notFound, to: request, now, &outputs) }
        guard request.head.method == "GET" || request.head.method == "HEAD" else {
            return answer(id, .methodNotAllowed(allow: "GET, HEAD"), to: request, now, &outputs)
        }
        if isProtected, !page.authTokens.isEmpty {
            guard let token = Authorization.bearerToken(request.head.fields),
                Authorization.accepts(token, among: page.authTokens)
            else { return answer(id, .unauthorized, to: request, now, &outputs) }
        }
        answer(id, make(self, request.head), to: request, now, &outputs)
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
