// Where a request goes. Routing and authorisation use the same parsed target, and paths are compared byte for byte: nothing is
// decoded or normalised, so nothing can mean one thing here and another behind the tunnel.

import HTTPCodec
import TunnelLink

/// Where a request goes.
enum Route: Equatable {
    /// One of the gateway's own addresses.
    case own(OwnRoute)
    /// One that is the gateway's as long as no service claims it.
    case formerlyOwn(OwnRoute)
    /// The WebSocket of agents.
    case tunnel
    case web(WebRoute)
    /// `/web/{id}` without the slash that relative links need.
    case addSlash(WebRoute)
    case notFound
}

/// A web service behind an agent, as a request names it.
struct WebRoute: Equatable {
    /// The agent's id as it stands in the path, or the host name's label in lower case.
    var agentID: String
    /// Begins with `/`.
    var path: ArraySlice<UInt8>
    /// What follows the first `?`; nil without one.
    var query: ArraySlice<UInt8>?
    /// What the gateway took off the path, without a trailing slash; empty when the host name chose the agent.
    var prefix: String
    /// The host name chose the agent, so its case does not matter.
    var isByHost: Bool
    /// The request's address has no prefix: a page of the agent's sent it (`PrefixRescue`).
    var isRescued = false

    /// Why no agent is asked, whoever it is; nil: one may be.
    func objection(isEnabled: Bool) -> GatewayError? {
        if !isEnabled { return .webServiceOff }
        // Whoever resolved it would find another agent, or a page of ours.
        guard !prefix.isEmpty, PathDots.climb(path) else { return nil }
        return .malformed(.badStartLine("the path leads out of \(prefix)/"))
    }
}

final class Router: Sendable {
    /// With a trailing slash.
    let webPrefix: [UInt8]
    /// With a leading dot, in lower case.
    private let hostSuffix: String?
    private let routesByPath: Bool
    /// Labels before `hostSuffix` that are the gateway's own.
    private let reserved: ReservedNames

    init(_ configuration: GatewayConfiguration) {
        let web = configuration.web
        reserved = ReservedNames(configuration)
        webPrefix = Array(web.pathPrefix.utf8) + [UInt8(ascii: "/")]
        routesByPath = web.routesByPath
        hostSuffix = web.subdomainHost.map { "." + $0.lowercased() }
    }

    func route(_ request: VisitorRequest) -> Route {
        guard let target = request.target else { return .notFound }
        let (path, query) = (target.path, target.query)
        if let id = agentID(inHostOf: request.head.fields) {
            if path.starts(with: OwnRoute.root.utf8) { return Self.reservedRoute(path) }
            return .web(WebRoute(agentID: id, path: path, query: query, prefix: "", isByHost: true))
        }
        if routesByPath, path.starts(with: webPrefix) { return webRoute(path, query) }
        if path.elementsEqual("/agent".utf8) { return .tunnel }
        guard let address = OwnRoute.at(path) else { return .notFound }
        return address.isFormer ? .formerlyOwn(address.route) : .own(address.route)
    }

    private func webRoute(_ path: ArraySlice<UInt8>, _ query: ArraySlice<UInt8>?) -> Route {
        let rest = path.dropFirst(webPrefix.count)
        let slash = rest.firstIndex(of: UInt8(ascii: "/"))
        let label = rest[..<(slash ?? rest.endIndex)]
        guard AgentDescription.isValidID(utf8: label) else { return .notFound }
        let id = String(decoding: label, as: UTF8.self)
        let prefix = String(decoding: path[..<label.endIndex], as: UTF8.self)
        let route = WebRoute(agentID: id, path: slash.map { rest[$0...] } ?? [], query: query, prefix: prefix, isByHost: false)
        return slash == nil ? .addSlash(route) : .web(route)
    }

    /// The agent whose name stands before the configured host: port and trailing dot do not matter, nor does case. The
    /// gateway's own host names are no agent's.
    private func agentID(inHostOf fields: HTTPFields) -> String? {
        guard let hostSuffix, let host = fields[.host] else { return nil }
        var name = host.lowercased()[...]
        if let colon = name.lastIndex(of: ":"), name[colon...].dropFirst().allSatisfy(\.isNumber) { name = name[..<colon] }
        if name.hasSuffix(".") { name = name.dropLast() }
        guard name.hasSuffix(hostSuffix) else { return nil }
        let label = String(name.dropLast(hostSuffix.count))
        return reserved.contains(label) ? nil : label
    }

    /// Whether the host name in `fields` is an agent's own.
    func isAgentHost(_ fields: HTTPFields) -> Bool { agentID(inHostOf: fields) != nil }

    /// At an agent's host name all paths are its service's, but for the two by which visitors log in and out.
    private static func reservedRoute(_ path: ArraySlice<UInt8>) -> Route {
        guard let route = OwnRoute.at(path)?.route, route == .login || route == .logout else { return .notFound }
        return .own(route)
    }
}
