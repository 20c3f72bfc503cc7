// A request as a gateway passes it on, before it has a form: the visitor's own fields where they lie, which of them are left
// out, and what the gateway says beside them. In v2 it goes from there straight into the tunnel's JSON.

import HTTPCodec

/// What a gateway says to a service of where a request came from (Docs/Protocol.md). What is empty is not said.
public struct ForwardingFields: Sendable, Hashable {
    /// `X-Request-ID`
    public var requestID: String
    /// `X-Forwarded-For`
    public var client: String
    /// `X-Forwarded-Proto`
    public var scheme: String
    /// `X-Forwarded-Host`
    public var host: String
    /// `X-Forwarded-Prefix`
    public var prefix: String

    /// These values; each has to be a legal field value.
    public init(requestID: String = "", client: String = "", scheme: String = "", host: String = "", prefix: String = "") {
        self.requestID = requestID
        self.client = client
        self.scheme = scheme
        self.host = host
        self.prefix = prefix
    }

    /// Bytes of all values.
    var byteCount: Int {
        requestID.utf8.count + client.utf8.count + scheme.utf8.count + host.utf8.count + prefix.utf8.count
    }

    /// Appends the fields. One whose value is illegal is left out.
    public func append(to fields: inout HTTPFields) {
        if !requestID.isEmpty { try? fields.append(.xRequestID, requestID) }
        if !client.isEmpty { try? fields.append(.xForwardedFor, client) }
        if !scheme.isEmpty { try? fields.append(.xForwardedProto, scheme) }
        if !host.isEmpty { try? fields.append(.xForwardedHost, host) }
        if !prefix.isEmpty { try? fields.append(.xForwardedPrefix, prefix) }
    }
}

/// The head of a request on its way into a tunnel. Its body, if any, follows as data on the stream. An object, which a gateway
/// has one of: it is filled, sent and cleared.
public final class ForwardedRequest {
    /// The method, as the visitor sent it.
    @exclusivity(unchecked) public var method: String
    /// The path, byte-exact, beginning with `/`.
    @exclusivity(unchecked) public var path: ArraySlice<UInt8>
    /// What follows the first `?`, byte-exact; nil if there is none.
    @exclusivity(unchecked) public var query: ArraySlice<UInt8>?
    /// The visitor's fields, or what became of them.
    @exclusivity(unchecked) public var fields: HTTPFields
    /// Those of them that are left out.
    @exclusivity(unchecked) public var dropped: HTTPFieldMask
    /// What comes after them. None of its names is in `fields` but in those that are left out.
    @exclusivity(unchecked) public var forwarding: ForwardingFields
    /// The `Upgrade` field's value, if the visitor asks to leave HTTP.
    @exclusivity(unchecked) public var upgrade: String?
    /// Whether a body follows.
    @exclusivity(unchecked) public var hasBody: Bool

    /// A request with these parts.
    public init(
        method: String, path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?, fields: HTTPFields,
        without dropped: HTTPFieldMask = HTTPFieldMask(), and forwarding: ForwardingFields = ForwardingFields(),
        upgrade: String? = nil, hasBody: Bool
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fields = fields
        self.dropped = dropped
        self.forwarding = forwarding
        self.upgrade = upgrade
        self.hasBody = hasBody
    }

    /// Lets go of all that it holds.
    public func clear() {
        (path, query, fields, dropped) = ([], nil, HTTPFields(), HTTPFieldMask())
        (forwarding, upgrade) = (ForwardingFields(), nil)
    }

    /// The same with fields of its own: for whoever keeps it.
    public var whole: WebRequest {
        var fields = fields.without(dropped)
        forwarding.append(to: &fields)
        return WebRequest(method: method, path: path, query: query, fields: fields, upgrade: upgrade, hasBody: hasBody)
    }
}

extension ForwardedRequest {
    /// A request that is whole already.
    public convenience init(_ request: WebRequest) {
        self.init(
            method: request.method, path: request.path, query: request.query, fields: request.fields, upgrade: request.upgrade,
            hasBody: request.hasBody)
    }
}
