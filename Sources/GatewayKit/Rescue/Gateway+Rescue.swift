// Where a page of a service asks for `/style.css`, the service's address is `/web/{id}/style.css`, and nothing of ours is at the former.
// With `web.rescuesAbsolutePaths` such a request belongs to the agent whose page sent it (Docs/Decisions/0014):
//
//   - the one beneath whose prefix its `Referer` is, at this host;
//   - else the one that the browser's cookie names (`PageCookie`, set with each page that came from beneath a prefix), unless its
//     `Referer` is a page of the gateway's own or of another host. Of a WebSocket, and of a page that hides where it comes from, there
//     is only the cookie.
//
// Where the browser says more (`Sec-Fetch-Site`, `Origin`) it must agree. Pages are sent to their address beneath the prefix (307), so
// that what they ask for next says where it comes from; everything else goes on inside, as if its address had had the prefix: by the same
// access policy, to the same loop, counted and recorded alike. Never what is ours, and never a service worker, which would stand between
// the browser and all that is at this host.

import HTTPCodec
import MachineCore
import TunnelLink

extension Gateway {
    /// Deals with a request that a page of a service may have sent; false: none did.
    mutating func rescue(
        _ id: ConnectionID, _ request: VisitorRequest, isFormerlyOwn: Bool = false, _ now: Moment, _ outputs: inout Outputs
    ) -> Bool {
        guard configuration.web.rescues, let route = rescuedRoute(id, request.head, isFormerlyOwn) else { return false }
        guard request.head.isNavigation else {
            beginExchange(id, request, route, now, &outputs)
            return true
        }
        var location = Array(route.prefix.utf8) + route.path
        if let query = route.query { location += [UInt8(ascii: "?")] + query }
        var page = OwnAnswer.text(307, "This belongs to a web service, which is elsewhere.\n")
        // A target may hold a byte that no field may.
        guard (try? page.fields.append(.location, bytes: location[...])) != nil else { return false }
        try? page.fields.append(.vary, "Referer, Cookie")
        answer(id, page, to: request, now, &outputs)
        return true
    }

    /// The service that the request is meant for. `isFormerlyOwn`: the gateway answers it too, so that it must be a page's beyond doubt.
    private func rescuedRoute(_ id: ConnectionID, _ head: HTTPRequestHead, _ isFormerlyOwn: Bool) -> WebRoute? {
        guard let (path, query) = Router.pathAndQuery(of: head.target), !router.isReserved(path), !head.asksForServiceWorker,
            !router.isAgentHost(head.fields)
        else { return nil }
        let visitor = provenance(id, head)
        let isTyped: Bool
        switch head.fields["sec-fetch-site"] {
        case nil, "same-origin": isTyped = false
        case "none" where head.isNavigation: isTyped = true
        default: return nil
        }
        // Where a proxy in front takes a prefix off, what has none never comes here.
        guard isFromHere(visitor), visits.outerPrefix.of(head.fields, isByTrustedProxy: visitor.isByTrustedProxy).isEmpty
        else { return nil }
        let agentID: String?
        switch router.referrer(head.fields, hosts: hosts(visitor)) {
        case .page(let id): agentID = id
        case .own, .elsewhere: agentID = nil
        case .outside: agentID = PageCookie.agentID(in: head.fields, isSecure: isSecure(visitor))
        case .none:
            let isByPage = !isTyped && (head.fields.contains("sec-fetch-site") || head.fields.contains(.origin))
            guard isByPage || !isFormerlyOwn else { return nil }
            agentID = PageCookie.agentID(in: head.fields, isSecure: isSecure(visitor))
        }
        guard let agentID else { return nil }
        return WebRoute(
            agentID: agentID, path: path, query: query, prefix: "\(configuration.web.pathPrefix)/\(agentID)", isByHost: false,
            isRescued: true)
    }

    /// What the visitor must be told beside what the service said: to a page whose it is, for later; and to caches, of an address outside
    /// the prefix, that to another page it is another service's.
    func addRescueFields(_ id: ConnectionID, _ exchange: WebExchange, _ status: Int, to fields: inout HTTPFields) {
        guard exchange.isRescuable, configuration.web.rescues else { return }
        if exchange.isRescued { try? fields.append(.vary, "Referer, Cookie, Service-Worker") }
        guard isPage(exchange.request, status, fields) else { return }
        let isSecure = isSecure(provenance(id, exchange.request))
        guard PageCookie.agentID(in: exchange.request.fields, isSecure: isSecure) != exchange.agentID else { return }
        try? fields.append(.setCookie, PageCookie.setCookie(exchange.agentID, isSecure: isSecure))
    }

    /// The path that the service saw, if it is also asked without the prefix: what its cookies need.
    func rescuedPath(_ exchange: WebExchange) -> ArraySlice<UInt8>? {
        exchange.isRescuable && configuration.web.rescues ? exchange.route?.path : nil
    }

    /// Whether a person sees the response: the browser shows it, or what it has of it already (304).
    private func isPage(_ request: HTTPRequestHead, _ status: Int, _ fields: HTTPFields) -> Bool {
        let type = fields.first(.contentType)
        let isHTML = type.map { Self.isHTML($0) } ?? (status == 304 && request.isByBrowser)
        return isHTML && (request.fields["sec-fetch-mode"].map { $0 == "navigate" } ?? true)
    }

    private static func isHTML(_ type: ArraySlice<UInt8>) -> Bool { isNamed(type, html) || isNamed(type, xhtml) }

    private static let html = Array("text/html".utf8)
    private static let xhtml = Array("application/xhtml+xml".utf8)

    private static func isNamed(_ type: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        type.prefix(name.count).elementsEqual(name) { $0 | 0x20 == $1 || $0 == $1 }
    }
}

extension WebConfiguration {
    /// Whether what pages ask for outside the prefix goes to their service. Where the prefix is the root nothing is outside.
    var rescues: Bool { rescuesAbsolutePaths && routesByPath && isEnabled && !pathPrefix.isEmpty }
}
