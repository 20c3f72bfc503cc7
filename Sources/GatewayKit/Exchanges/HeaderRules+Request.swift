// What changes about a request's fields on their way to the service (RFC 9110 §7.6.1, and Docs/Protocol.md). Everything else
// passes byte for byte.
//
// Hop-by-hop fields go, those that `Connection` names too; `X-Forwarded-*` from others than trusted proxies goes and is set
// afresh, and `X-Request-ID`; the gateway's own token and cookies go.

import HTTPCodec

/// What the rules need to know of a request.
struct VisitorContext: Sendable {
    /// The visitor's address.
    var peer: String
    /// Whether it is a trusted proxy: its `X-Forwarded-*` count.
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
    static let kept: HTTPFieldSet = [.contentLength, .host, .authorization, .cookie]
    /// What the gateway sets itself, or says in fields of its own.
    private static let setForService = HTTPFieldSet.notForServices
    private static let setForServiceOfOthers = HTTPFieldSet([], and: [.notForServices, .saysAProxy])
    /// What no service gets in another spelling either, whoever sent it: what we set or take away, and what belongs to one
    /// connection.
    private static let notRespelled = HTTPFieldSet(
        [.contentLength, .contentType, .errorMark], and: [.notForServices, .saysAProxy, .hopByHop])
    private static let forwarding: HTTPFieldName = "X-Forwarded-"

    /// The fields that the service gets.
    static func toService(_ head: HTTPRequestHead, _ visitor: VisitorContext) -> HTTPFields {
        var fields = head.fields
        fields.removeHopByHop(
            keeping: kept, andRemoving: visitor.isTrustedProxy ? setForService : setForServiceOfOthers)
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

    /// Goes on where a trusted proxy left off.
    private static func addForwarding(_ before: HTTPFields, _ visitor: VisitorContext, to fields: inout HTTPFields) {
        set(.xForwardedFor, before.list(.xForwardedFor).map { "\($0), \(visitor.peer)" } ?? visitor.peer, in: &fields)
        set(.xForwardedProto, before[.xForwardedProto] ?? "http", in: &fields)
        set(.xForwardedHost, before[.xForwardedHost] ?? before[.host] ?? "", in: &fields)
        set(.xForwardedPrefix, OuterPrefix.told(before) + visitor.prefix, in: &fields)
    }

    /// The trailers that the service gets: the same, and nothing that pretends to come from a proxy.
    static func trailersToService(_ trailers: HTTPFields) -> HTTPFields {
        guard !trailers.isEmpty else { return trailers }
        var fields = trailersToVisitor(trailers)
        fields.removeAll(beginningWith: forwarding)
        fields.removeHopByHop(keeping: kept, andRemoving: setForServiceOfOthers)
        fields.removeUnderscored(spelling: notRespelled, orBeginningWith: forwarding)
        return fields
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
