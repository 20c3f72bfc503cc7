// Which service a request is for. Made once from the configuration; a request then costs a comparison for each route that is
// longer than its own, and with one service none at all.
//
// A route or a base path confines: what may lead out of it, in whatever spelling, is for no service. Without either nothing is
// looked at, for there is nothing to leave.

import HTTPCodec

struct ServiceTable: Sendable {
    private struct Route: Sendable {
        var prefix: [UInt8]
        var place: Int
        /// It, or a base path, shows a part of the service.
        var isConfined: Bool
    }

    /// What a place stands for: no `routes`.
    private(set) var services: [LocalService] = []
    /// The longest prefix first.
    private var routes: [Route] = []

    init(_ service: LocalService) { use(service) }

    /// From now on paths lead here. What is under way keeps its place: a service that is not wanted any more only gets nothing
    /// new.
    mutating func use(_ service: LocalService) {
        routes = []
        switch service {
        case .http, .handler, .streamingHandler, .folder, .none: add(service, beneath: [])
        case .routes(let list):
            for route in list { add(route.service, beneath: route.segments) }
        }
        routes.sort { ($0.prefix.count, $1.place) > ($1.prefix.count, $0.place) }
    }

    private mutating func add(_ service: LocalService, beneath prefix: [UInt8]) {
        let place = services.firstIndex(of: service) ?? services.count
        let hasBasePath = if case .http(let service) = service { service.hasBasePath } else { false }
        routes.append(Route(prefix: prefix, place: place, isConfined: !prefix.isEmpty || hasBasePath))
        if place == services.count { services.append(service) }
    }

    subscript(place: Int) -> LocalService { services.indices.contains(place) ? services[place] : .none }

    /// The place of the service that has `path`; nil if none has.
    func place(for path: ArraySlice<UInt8>) -> Int? { routes.first { Self.has($0.prefix, path) }?.place }

    /// Whether `path` may lead out of the route that has it, or out of the base path of its service.
    func isLeft(by path: ArraySlice<UInt8>) -> Bool {
        guard let route = routes.first(where: { Self.has($0.prefix, path) }), route.isConfined else { return false }
        // A number sign ends the path for many a reader, and has no place in one (RFC 9112 §3.2).
        return path.contains(UInt8(ascii: "#")) || PathDots.climb(path.dropFirst(route.prefix.count))
    }

    /// Whether `path` is `prefix`, or goes on with a `/` after it.
    private static func has(_ prefix: [UInt8], _ path: ArraySlice<UInt8>) -> Bool {
        if prefix.isEmpty { return true }
        guard path.count >= prefix.count, path.starts(with: prefix) else { return false }
        return path.count == prefix.count || path[path.startIndex + prefix.count] == UInt8(ascii: "/")
    }
}
