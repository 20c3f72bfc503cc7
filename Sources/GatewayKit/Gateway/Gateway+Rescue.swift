// Where a page of a service asks for `/style.css`, the service's address is `/web/{id}/style.css`, and nothing is at the
// former. If `web.rescuesAbsolutePaths` is on, the page that asked (`Referer`, RFC 9110 §10.1.3) tells which agent is meant,
// and the visitor is sent there.
//
// Only GET and HEAD, only from a page at this very host, only for an agent that is known and that this visitor may speak to;
// never for the gateway's own addresses. The target always begins with the prefix, so it cannot lead elsewhere. What it cannot
// help: pages that send no Referer, WebSockets, forms that post, and scripts that look at `location`. A subdomain for each
// agent is the full answer.

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    /// Sends a visitor who asks for a path of a service's page to that service, or says that nothing is here.
    mutating func answerUnknownPath(_ id: ConnectionID, _ request: VisitorRequest, _ now: Moment, _ outputs: inout Outputs) {
        guard configuration.web.rescuesAbsolutePaths, configuration.web.routesByPath, configuration.web.isEnabled,
            let location = rescue(id, request.head, now)
        else {
            return answer(id, .notFound, to: request, now, &outputs)
        }
        var page = OwnAnswer.text(307, "This belongs to a web service, which is elsewhere.\n")
        do {
            try page.fields.append(.location, bytes: location[...])
            try page.fields.append(.vary, "Referer")
        } catch {
            return answer(id, .notFound, to: request, now, &outputs)  // a byte that no field may have
        }
        answer(id, page, to: request, now, &outputs)
    }

    /// Where the request should have gone.
    private mutating func rescue(_ id: ConnectionID, _ head: HTTPRequestHead, _ now: Moment) -> [UInt8]? {
        guard head.method == "GET" || head.method == "HEAD", router.isForeign(head.target), let host = head.fields[.host],
            let referer = head.fields.first(.referer), head.fields.count(of: .referer) == 1,
            let agentID = router.agentID(ofPage: referer, at: host), registry.records[agentID] != nil
        else { return nil }
        if access.guardsAgents, case .refused = permission(id, head, access.door(of: agentID), now) { return nil }
        return Array("\(configuration.web.pathPrefix)/\(agentID)".utf8) + head.target
    }
}

extension Router {
    /// Whether a target is a path, and one that is not ours nor could be: what begins with `//` or `/\` some clients take for a
    /// host.
    func isForeign(_ target: [UInt8]) -> Bool {
        guard target.first == UInt8(ascii: "/"), target.count > 1, target[1] != UInt8(ascii: "/"),
            target[1] != UInt8(ascii: "\\")
        else { return false }
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        return !(OwnRoute.reservedPaths + [String(decoding: webPrefix.dropLast(), as: UTF8.self)]).contains { reserved in
            path.starts(with: reserved.utf8)
                && (path.count == reserved.utf8.count || path[reserved.utf8.count] == UInt8(ascii: "/"))
        }
    }

    /// The agent among whose pages `referer` is, if that is an address at `host` beneath the prefix.
    func agentID(ofPage referer: ArraySlice<UInt8>, at host: String) -> String? {
        let text = String(decoding: referer, as: UTF8.self)
        guard let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty, authority.lowercased() == host.lowercased() else { return nil }
        let path = Array(rest.dropFirst(authority.count).utf8)
        guard path.starts(with: webPrefix) else { return nil }
        let tail = path.dropFirst(webPrefix.count)
        guard let slash = tail.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        let id = String(decoding: tail[..<slash], as: UTF8.self)
        return AgentDescription.isValidID(id) ? id : nil
    }
}
