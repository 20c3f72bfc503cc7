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

    /// Whether host names may be agents' own.
    var routesByHost: Bool { hostSuffix != nil }

    /// Where a request goes. `known`: what the request before it named.
    func route(_ request: VisitorRequest, known: KnownAddress? = nil) -> Route {
        guard let target = request.target else { return .notFound }
        if let known, let route = known.route(target, by: self, host: request.head.fields.first(.host)) { return .web(route) }
        let (path, query) = (target.path, target.query)
        if let id = agentID(inHostOf: request.head.fields) {
            if OwnRoute.isReserved(path) { return Self.reservedRoute(path) }
            return .web(WebRoute(WebAddress(agentID: id, prefix: "", isByHost: true), path: path, query: query))
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
        let address = WebAddress(agentID: id, prefix: prefix, isByHost: false)
        let route = WebRoute(address, path: slash.map { rest[$0...] } ?? [], query: query)
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
