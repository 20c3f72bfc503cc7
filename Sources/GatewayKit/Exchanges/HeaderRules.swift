// What changes about fields on their way through (RFC 9110 §7.6.1, and Docs/Protocol.md). Everything else passes byte for byte.
//
// To the service: hop-by-hop fields go, those that `Connection` names too; `X-Forwarded-*` from strangers goes and is set
// afresh, and `X-Request-ID`; the gateway's own token and cookies go. To the visitor: hop-by-hop fields go; the gateway's error mark cannot be forged;
// addresses (`Location` and its like) are put under the prefix, and those that name the local service are brought back; cookies are SetCookieRules' affair. Which
// names are whose is in HeaderNames.

import HTTPCodec
import MachineCore

/// What the rules need to know of a request.
struct VisitorContext: Sendable {
    /// The visitor's address.
    var peer: String
    /// Whether its `X-Forwarded-*` are believed.
    var isTrustedProxy: Bool
    /// What the gateway took off the path.
    var prefix: String
    /// What of the request was for us.
    var grant = Grant()
    /// Whether it may hold cookies of ours.
    var removesCookies = false
    /// What ties the request to our logs; empty: the service is not told.
    var requestID = ""
    /// The service is asked itself whether it wants the body.
    var passesExpect = false
}

enum HeaderRules {
    /// What stays although `Connection` names it: a peer cannot use that to take framing, addressing or credentials away.
    private static let kept: HTTPFieldSet = [.contentLength, .host, .authorization, .cookie]
    /// What the gateway sets itself, or says in words of its own.
    private static let setForService = HTTPFieldSet.notForServices
    private static let setForServiceOfStranger = HTTPFieldSet([], and: [.notForServices, .saysAProxy])
    private static let setForVisitor = HTTPFieldSet.notForVisitors
    private static let setForVisitorUnderPrefix = HTTPFieldSet([], and: [.notForVisitors, .speaksForTheOrigin])
    /// What no service gets in another spelling either, whoever sent it: what we set or take away, and what belongs to one connection.
    private static let notRespelled = HTTPFieldSet(
        [.contentLength, .contentType, .errorMark], and: [.notForServices, .saysAProxy, .hopByHop])
    private static let forwarding: HTTPFieldName = "X-Forwarded-"

    /// The fields that the service gets.
    static func toService(_ head: HTTPRequestHead, _ visitor: VisitorContext) -> HTTPFields {
        var fields = head.fields
        fields.removeHopByHop(
            keeping: kept, andRemoving: visitor.isTrustedProxy ? setForService : setForServiceOfStranger)
        fields.removeUnderscored(spelling: notRespelled, orBeginningWith: forwarding)
        if !visitor.passesExpect { fields.removeAll(.expect) }
        if visitor.grant.removesAuthorization { fields.removeAll(.authorization) }
        if visitor.removesCookies, fields.contains(.cookie) { OwnCookies.remove(from: &fields) }
        if visitor.grant.isPreflight { fields = Preflight.passingFields(of: fields) }
        if !visitor.requestID.isEmpty { try? fields.append(.xRequestID, visitor.requestID) }
        if visitor.isTrustedProxy {
            addForwarding(head.fields, visitor, to: &fields)
        } else {
            fields.removeAll(beginningWith: forwarding)
            // Values that came as legal fields are legal again, and an address always is.
            try? fields.append(.xForwardedFor, visitor.peer)
            try? fields.append(.xForwardedProto, "http")
            if let host = head.fields.first(.host), !host.isEmpty { try? fields.append(.xForwardedHost, bytes: host) }
            if !visitor.prefix.isEmpty { try? fields.append(.xForwardedPrefix, visitor.prefix) }
        }
        return fields
    }

    /// Goes on where a proxy that is believed left off.
    private static func addForwarding(_ before: HTTPFields, _ visitor: VisitorContext, to fields: inout HTTPFields) {
        set(.xForwardedFor, before.list(.xForwardedFor).map { "\($0), \(visitor.peer)" } ?? visitor.peer, in: &fields)
        set(.xForwardedProto, before[.xForwardedProto] ?? "http", in: &fields)
        set(.xForwardedHost, before[.xForwardedHost] ?? before[.host] ?? "", in: &fields)
        set(.xForwardedPrefix, OuterPrefix.told(before) + visitor.prefix, in: &fields)
    }

    /// The fields that the visitor gets. `rescuedPath`: the request's path as the service saw it, if the service is also reached without
    /// the prefix.
    static func toVisitor(
        _ response: HTTPFields, prefix: String, host: @autoclosure () -> String?,
        rescuedPath: @autoclosure () -> ArraySlice<UInt8>? = nil
    ) -> HTTPFields {
        var fields = response
        fields.removeHopByHop(keeping: kept, andRemoving: prefix.isEmpty ? setForVisitor : setForVisitorUnderPrefix)
        if fields.containsAny(of: .addresses) {
            let host = host()
            fields.changeAddresses { locationForVisitor($0, prefix: prefix, host: host) }
        }
        if fields.contains(.setCookie) {
            let path = rescuedPath()
            SetCookieRules.apply(to: &fields, prefix: path == nil ? prefix : "")
            if let path { CookiePaths.extend(&fields, prefix: prefix, requestPath: path) }
        }
        return fields
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

    /// The trailers that the service gets: the same, and nothing that pretends to come from a proxy.
    static func trailersToService(_ trailers: HTTPFields) -> HTTPFields {
        guard !trailers.isEmpty else { return trailers }
        var fields = trailersToVisitor(trailers)
        fields.removeAll(beginningWith: forwarding)
        fields.removeHopByHop(keeping: kept, andRemoving: setForServiceOfStranger)
        fields.removeUnderscored(spelling: notRespelled, orBeginningWith: forwarding)
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

    private static func set(_ name: HTTPFieldName, _ value: String, in fields: inout HTTPFields) {
        fields.removeAll(name)
        // A value that came as a legal field is one again; an empty prefix is not worth a field.
        if !value.isEmpty { try? fields.append(name, value) }
    }
}

extension HTTPFields {
    /// All values of a list field, joined (RFC 9110 §5.3); nil without any.
    fileprivate func list(_ name: HTTPFieldName) -> String? {
        let values = all(name).map { String(decoding: $0, as: UTF8.self) }
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}
