// What changes about a response's fields on their way to the visitor (RFC 9110 §7.6.1, and Docs/Protocol.md). Everything else
// passes byte for byte.
//
// Hop-by-hop fields go; the gateway's error mark cannot be forged; addresses (`Location` and its like) are put under the
// prefix, and those that name the local service are brought back; cookies are SetCookieRules' affair.

import HTTPCodec
import MachineCore

extension HeaderRules {
    private static let setForVisitor = HTTPFieldSet.notForVisitors
    private static let setForVisitorUnderPrefix = HTTPFieldSet([], and: [.notForVisitors, .speaksForTheOrigin])

    /// The fields that the visitor gets: those of a response but for some. `rescuedPath`: the request's path as the service saw
    /// it, if the service is also reached without the prefix.
    static func toVisitor(
        _ response: HTTPFields, prefix: String, host: @autoclosure () -> String?,
        rescuedPath: @autoclosure () -> ArraySlice<UInt8>? = nil
    ) -> (fields: HTTPFields, dropped: HTTPFieldMask) {
        var fields = response
        if fields.containsAny(of: .addresses) {
            let host = host()
            fields.changeAddresses { locationForVisitor($0, prefix: prefix, host: host) }
        }
        if fields.contains(.setCookie) {
            let path = rescuedPath()
            SetCookieRules.apply(to: &fields, prefix: path == nil ? prefix : "")
            if let path { CookiePaths.extend(&fields, prefix: prefix, requestPath: path) }
        }
        let others = prefix.isEmpty ? setForVisitor : setForVisitorUnderPrefix
        return (fields, fields.hopByHop(keeping: kept, and: others))
    }

    /// The trailers that the visitor gets. Whoever merges trailers into the head must not find there what a head may not have:
    /// our error mark, what belongs to one connection, and what decides about framing, routing or credentials (RFC 9110
    /// §6.5.1). Nor what would have been rewritten there.
    static func trailersToVisitor(_ trailers: HTTPFields) -> HTTPFields {
        guard !trailers.isEmpty else { return trailers }
        var fields = trailers
        fields.removeHopByHop(keeping: kept, andRemoving: notInTrailers)
        return fields
    }

    private static let notInTrailers = HTTPFieldSet(
        [
            .contentLength, .contentType, .contentEncoding, .contentRange, .host, .expect, .authorization, .cookie, .setCookie,
            .location,
        ], and: [.notForVisitors, .speaksForTheOrigin])

    /// A `Location` of the service, as the visitor must see it: one on the service's own loopback address, or on the visitor's
    /// host, is a path here; a path that is not under the prefix is put there.
    static func locationForVisitor(_ location: String, prefix: String, host: String?) -> String {
        guard let path = localPath(location, host: host) else { return location }
        // Without its authority a path such as //a.b/c would lead to another host.
        if prefix.isEmpty { return path.hasPrefix("//") || path.hasPrefix("/\\") ? location : path }
        return path == prefix || path.hasPrefix(prefix + "/") ? path : prefix + path
    }

    /// The path, query and fragment of a location that stays with the service; nil if it leads elsewhere or is relative.
    private static func localPath(_ location: String, host: String?) -> String? {
        if location.hasPrefix("/") { return location.hasPrefix("//") ? nil : location }
        let lowered = location.lowercased()
        guard let scheme = ["http://", "https://"].first(where: { lowered.hasPrefix($0) }) else { return nil }
        let rest = location.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
        guard LoopbackHost.containsHost(of: authority) || authority == host?.lowercased() else { return nil }
        let path = rest.dropFirst(authority.count)
        return path.hasPrefix("/") ? String(path) : "/" + path
    }
}
