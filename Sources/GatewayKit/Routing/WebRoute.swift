// The web service behind an agent that a request names: by its path, by its host name, or by the page that sent it.

import HTTPCodec

/// What names an agent: the same for all requests that a connection sends to one service, and so found once for them.
final class WebAddress: Sendable {
    /// The agent's id as it stands in the path, or the host name's label in lower case.
    let agentID: String
    /// What the gateway takes off the path, without a trailing slash; empty when the host name chose the agent.
    let prefix: String
    /// The host name chose the agent, so its case does not matter.
    let isByHost: Bool
    /// The prefix and a slash, as a path begins with them.
    let pathStart: [UInt8]

    init(agentID: String, prefix: String, isByHost: Bool) {
        self.agentID = agentID
        self.prefix = prefix
        self.isByHost = isByHost
        pathStart = isByHost ? [] : Array("\(prefix)/".utf8)
    }
}

/// A web service behind an agent, as a request names it.
struct WebRoute {
    /// The agent's name, and what of the request it is.
    let address: WebAddress
    /// Begins with `/`.
    let path: ArraySlice<UInt8>
    /// What follows the first `?`; nil without one.
    let query: ArraySlice<UInt8>?
    /// The request's address has no prefix: a page of the agent's sent it (`PrefixRescue`).
    let isRescued: Bool

    init(_ address: WebAddress, path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?, isRescued: Bool = false) {
        self.address = address
        self.path = path
        self.query = query
        self.isRescued = isRescued
    }

    var agentID: String { address.agentID }
    var prefix: String { address.prefix }
    var isByHost: Bool { address.isByHost }

    /// Why no agent is asked, whoever it is; nil: one may be.
    func objection(isEnabled: Bool) -> GatewayError? {
        if !isEnabled { return .webServiceOff }
        // Whoever resolved it would find another agent, or a page of ours.
        guard !prefix.isEmpty, PathDots.climb(path) else { return nil }
        return .malformed(.badStartLine("the path leads out of \(prefix)/"))
    }
}

extension WebRoute: Equatable {
    static func == (a: WebRoute, b: WebRoute) -> Bool {
        (a.agentID, a.prefix, a.isByHost, a.isRescued) == (b.agentID, b.prefix, b.isByHost, b.isRescued)
            && a.path == b.path && a.query == b.query
    }
}

/// What the last request on a connection named, for the next, which mostly names the same.
final class KnownAddress {
    /// Who found it; another router may find something else.
    private let router: Router
    /// The `Host` field's value that it was found with.
    private let host: ArraySlice<UInt8>?
    let address: WebAddress

    init(_ address: WebAddress, by router: Router, host: ArraySlice<UInt8>?) {
        self.router = router
        self.host = host.map { Array($0)[...] }
        self.address = address
    }

    /// The route of a request, if it names the same; nil: that is to be found out.
    @inline(__always)
    func route(_ target: RequestTarget, by router: Router, host: @autoclosure () -> ArraySlice<UInt8>?) -> WebRoute? {
        guard router === self.router, !router.routesByHost || host() == self.host else { return nil }
        if address.isByHost {
            return OwnRoute.isReserved(target.path) ? nil : WebRoute(address, path: target.path, query: target.query)
        }
        guard target.path.starts(with: address.pathStart) else { return nil }
        return WebRoute(address, path: target.path.dropFirst(address.pathStart.count - 1), query: target.query)
    }
}
