// What changes about a request's fields on their way to the service (RFC 9110 §7.6.1, and Docs/Protocol.md). Everything else
// passes byte for byte.
//
// Hop-by-hop fields go, those that `Connection` names too; `X-Forwarded-*` from others than trusted proxies goes and is set
// afresh, and `X-Request-ID`; the gateway's own token and cookies go.

import HTTPCodec
import TunnelLink

/// What the rules need to know of a request.
struct VisitorContext: Sendable {
    /// The visitor's address.
    var peer: String
    /// Whether it is a trusted proxy: its `X-Forwarded-*` count.
    var isTrustedProxy: Bool
    /// Whether TLS is spoken on the connection.
    var isEncrypted = false
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

    /// The visitor's fields that the service gets: those of `fields` but for `dropped`, and then `forwarding`.
    struct ServiceFields {
        /// As they came, but for cookies of ours and what is no preflight's.
        var fields: HTTPFields
        var dropped: HTTPFieldMask
        var forwarding: ForwardingFields

        /// All of them.
        var whole: HTTPFields {
            var fields = fields.without(dropped)
            forwarding.append(to: &fields)
            return fields
        }
    }

    /// The fields that the service gets.
    static func toService(_ head: HTTPRequestHead, _ visitor: VisitorContext) -> ServiceFields {
        var fields = head.fields
        if visitor.removesCookies, fields.contains(.cookie) { OwnCookies.remove(from: &fields) }
        if visitor.grant.isPreflight {
            fields.removeHopByHop(keeping: kept)
            fields = Preflight.passingFields(of: fields)
        }
        var dropped = fields.hopByHop(
            keeping: kept, and: visitor.isTrustedProxy ? setForService : setForServiceOfOthers)
        dropped |= fields.underscored(spelling: notRespelled, orBeginningWith: forwarding)
        if !visitor.passesExpect { dropped.insert(.expect, of: fields) }
        if visitor.grant.removesAuthorization { dropped.insert(.authorization, of: fields) }
        if visitor.isTrustedProxy {
            for name in forwardingNames { dropped.insert(name, of: fields) }
        } else {
            dropped |= fields.beginning(with: forwarding, known: knownForwarding)
        }
        return ServiceFields(fields: fields, dropped: dropped, forwarding: forwardingFields(head.fields, visitor))
    }

    private static let knownForwarding: HTTPFieldSet = [
        .xForwardedFor, .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xForwardedProto,
    ]
    private static let forwardingNames: [HTTPFieldName] = [
        .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPrefix,
    ]

    /// Where the request came from. A trusted proxy's account goes on; nobody else's counts.
    private static func forwardingFields(_ before: HTTPFields, _ visitor: VisitorContext) -> ForwardingFields {
        let scheme = visitor.isEncrypted ? "https" : "http"
        guard visitor.isTrustedProxy else {
            return ForwardingFields(
                requestID: visitor.requestID, client: visitor.peer, scheme: scheme, host: before[.host] ?? "",
                prefix: visitor.prefix)
        }
        return ForwardingFields(
            requestID: visitor.requestID,
            client: before.list(.xForwardedFor).map { "\($0), \(visitor.peer)" } ?? visitor.peer,
            scheme: before[.xForwardedProto] ?? scheme, host: before[.xForwardedHost] ?? before[.host] ?? "",
            prefix: OuterPrefix.told(before) + visitor.prefix)
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
}

extension HTTPFields {
    /// All values of a list field, joined (RFC 9110 §5.3); nil without any.
    fileprivate func list(_ name: HTTPFieldName) -> String? {
        let values = all(name).map { String(decoding: $0, as: UTF8.self) }
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }
}
