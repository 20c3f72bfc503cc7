// Where a page of a service asks for `/style.css`, the service's address is `/web/{id}/style.css`, and nothing of ours is at
// the former. With `web.rescuesAbsolutePaths` such a request belongs to the agent whose page sent it (Docs/Decisions/0014):
//
//   - the one beneath whose prefix its `Referer` is, at this host;
//   - else the one that the browser's cookie names (`PageCookie`, set with each page that came from beneath a prefix), unless
//     its `Referer` is a page of the gateway's own or of another host. Of a WebSocket, and of a page that hides where it comes
//     from, there is only the cookie.
//
// Where the browser says more (`Sec-Fetch-Site`, `Origin`) it must agree. Pages are sent to their address beneath the prefix
// (307), so that what they ask for next says where it comes from; everything else goes on inside, as if its address had had the
// prefix: by the same access policy, to the same loop, counted and recorded alike. Never what is ours, and never a service
// worker, which would stand between the browser and all that is at this host.

import HTTPCodec
import MachineCore
import TunnelLink

struct PrefixRescue {
    /// What becomes of a request that a page of a service sent.
    enum Rescue {
        /// It goes on as if its address had had the prefix.
        case route(WebRoute)
        /// The browser is sent to the address beneath the prefix.
        case response(OwnResponse)
    }

    private let environment: Environment

    init(_ environment: Environment) { self.environment = environment }

    private var web: WebConfiguration { environment.configuration.web }

    /// What becomes of a request that a page of a service may have sent; nil: none did. `isFormerlyOwn`: the gateway has a
    /// response to it too, so that it must be a page's beyond doubt.
    func rescue(_ request: VisitorRequest, from peer: String, isFormerlyOwn: Bool) -> Rescue? {
        guard web.rescues, let route = rescuedRoute(request, peer, isFormerlyOwn) else { return nil }
        guard request.head.isNavigation else { return .route(route) }
        var location = Array(route.prefix.utf8) + route.path
        if let query = route.query { location += [UInt8(ascii: "?")] + query }
        var page = OwnResponse.text(307, "This belongs to a web service, which is elsewhere.\n")
        // A target may hold a byte that no field may.
        guard (try? page.fields.append(.location, bytes: location[...])) != nil else { return nil }
        try? page.fields.append(.vary, "Referer, Cookie")
        return .response(page)
    }

    /// The service that the request is meant for.
    private func rescuedRoute(_ request: VisitorRequest, _ peer: String, _ isFormerlyOwn: Bool) -> WebRoute? {
        let (head, router, forwarding) = (request.head, environment.router, environment.forwarding)
        guard let target = request.target, !router.isReserved(target.path), !head.asksForServiceWorker,
            !router.isAgentHost(head.fields)
        else { return nil }
        let visitor = forwarding.provenance(peer, of: request)
        let isTyped: Bool
        switch head.fields[.secFetchSite] {
        case nil, "same-origin": isTyped = false
        case "none" where head.isNavigation: isTyped = true
        default: return nil
        }
        // Where a proxy in front takes a prefix off, what has none never comes here.
        guard forwarding.isFromHere(visitor),
            forwarding.prefix(of: head.fields, isByTrustedProxy: visitor.isByTrustedProxy).isEmpty,
            let agentID = agentID(head, visitor, isTyped: isTyped, isFormerlyOwn)
        else { return nil }
        let address = WebAddress(agentID: agentID, prefix: "\(web.pathPrefix)/\(agentID)", isByHost: false)
        return WebRoute(address, path: target.path, query: target.query, isRescued: true)
    }

    /// The agent whose page sent the request.
    private func agentID(_ head: HTTPRequestHead, _ visitor: Provenance, isTyped: Bool, _ isFormerlyOwn: Bool) -> String? {
        let isSecure = environment.forwarding.isSecure(visitor)
        switch environment.router.referrer(head.fields, hosts: environment.forwarding.hosts(visitor)) {
        case .page(let id): return id
        case .own, .elsewhere: return nil
        case .outside: return PageCookie.agentID(in: head.fields, isSecure: isSecure)
        case .none:
            let isByPage = !isTyped && (head.fields.contains(.secFetchSite) || head.fields.contains(.origin))
            guard isByPage || !isFormerlyOwn else { return nil }
            return PageCookie.agentID(in: head.fields, isSecure: isSecure)
        }
    }

    /// Adds what the visitor must be told beside what the service said: with a page whose it is, for later; and to caches, of
    /// an address outside the prefix, that to another page it is another service's.
    func addFields(to head: inout ForwardedResponse, of exchange: Exchange) {
        guard exchange.isRescuable, web.rescues else { return }
        if exchange.route?.isRescued == true { head.vary = "Referer, Cookie, Service-Worker" }
        let request = exchange.request.head
        guard isPage(request, head) else { return }
        let visitor = environment.forwarding.provenance(exchange.visitor.peer, of: exchange.request)
        let isSecure = environment.forwarding.isSecure(visitor)
        guard PageCookie.agentID(in: request.fields, isSecure: isSecure) != exchange.agentID else { return }
        head.setCookie = PageCookie.setCookie(exchange.agentID, isSecure: isSecure)
    }

    /// Whether a person sees the response: the browser shows it, or what it has of it already (304).
    private func isPage(_ request: HTTPRequestHead, _ response: ForwardedResponse) -> Bool {
        let type = response.first(.contentType)
        let isHTML = type.map { Self.isHTML($0) } ?? (response.status == 304 && request.isByBrowser)
        return isHTML && (request.fields[.secFetchMode].map { $0 == "navigate" } ?? true)
    }

    private static func isHTML(_ type: ArraySlice<UInt8>) -> Bool {
        switch type.first {
        case UInt8(ascii: "t"), UInt8(ascii: "T"): isNamed(type, html)
        case UInt8(ascii: "a"), UInt8(ascii: "A"): isNamed(type, xhtml)
        default: false
        }
    }

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
