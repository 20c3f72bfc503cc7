// Field names (RFC 9110 §5.1): tokens that are compared without regard to case, hashed once so that a lookup in a message costs
// an integer comparison for each field, and written in the case they were given in (some HTTP/1.1 peers are case-sensitive).

/// A field name to look up or to write.
public struct HTTPFieldName: Sendable {
    /// As given.
    let bytes: [UInt8]
    /// `Scan.nameHash` of `bytes`.
    let hash: UInt32
    /// False for what cannot be a name: it is found nowhere, and appending it throws.
    let isToken: Bool

    /// The name `text`, whatever its case.
    public init(_ text: String) {
        bytes = Array(text.utf8)
        (hash, isToken) = bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, raw.count > 0 else { return (0, false) }
            return (Scan.nameHash(base, raw.count), Scan.endOfToken(base, 0, raw.count) == raw.count)
        }
    }

    /// As it is written.
    public var string: String { String(decoding: bytes, as: UTF8.self) }

    /// Equal names, however written, have equal hashes; the same function as `HTTPFields.nameHash(at:)`.
    public var caseInsensitiveHash: UInt32 { hash }
}

extension HTTPFieldName: ExpressibleByStringLiteral {
    /// The name in a literal.
    public init(stringLiteral text: String) { self.init(text) }
}

extension HTTPFieldName: Hashable {
    /// Without regard to case.
    public static func == (a: HTTPFieldName, b: HTTPFieldName) -> Bool {
        guard a.hash == b.hash, a.bytes.count == b.bytes.count else { return false }
        return a.bytes.withUnsafeBytes { left in
            b.bytes.withUnsafeBytes { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return Scan.equalIgnoringCase(left, right, a.bytes.count)
            }
        }
    }

    /// Without regard to case.
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

// MARK: Messages and connections (RFC 9110 §7, RFC 9112)
extension HTTPFieldName {
    /// `Connection`
    public static let connection: HTTPFieldName = "Connection"
    /// `Content-Length`
    public static let contentLength: HTTPFieldName = "Content-Length"
    /// `Date`
    public static let date: HTTPFieldName = "Date"
    /// `Host`
    public static let host: HTTPFieldName = "Host"
    /// `Keep-Alive`
    public static let keepAlive: HTTPFieldName = "Keep-Alive"
    /// `Proxy-Connection`
    public static let proxyConnection: HTTPFieldName = "Proxy-Connection"
    /// `TE`
    public static let te: HTTPFieldName = "TE"
    /// `Trailer`
    public static let trailer: HTTPFieldName = "Trailer"
    /// `Transfer-Encoding`
    public static let transferEncoding: HTTPFieldName = "Transfer-Encoding"
    /// `Upgrade`
    public static let upgrade: HTTPFieldName = "Upgrade"
}

// MARK: Content and its representation (RFC 9110 §8, §12–14)
extension HTTPFieldName {
    /// `Accept`
    public static let accept: HTTPFieldName = "Accept"
    /// `Accept-Encoding`
    public static let acceptEncoding: HTTPFieldName = "Accept-Encoding"
    /// `Accept-Language`
    public static let acceptLanguage: HTTPFieldName = "Accept-Language"
    /// `Accept-Ranges`
    public static let acceptRanges: HTTPFieldName = "Accept-Ranges"
    /// `Content-Encoding`
    public static let contentEncoding: HTTPFieldName = "Content-Encoding"
    /// `Content-Location`
    public static let contentLocation: HTTPFieldName = "Content-Location"
    /// `Content-Range`
    public static let contentRange: HTTPFieldName = "Content-Range"
    /// `Content-Type`
    public static let contentType: HTTPFieldName = "Content-Type"
    /// `ETag`
    public static let etag: HTTPFieldName = "ETag"
    /// `Last-Modified`
    public static let lastModified: HTTPFieldName = "Last-Modified"
    /// `Range`
    public static let range: HTTPFieldName = "Range"
    /// `Vary`
    public static let vary: HTTPFieldName = "Vary"
}

// MARK: Control and conditions (RFC 9110 §9–10, §13, RFC 9111)
extension HTTPFieldName {
    /// `Allow`
    public static let allow: HTTPFieldName = "Allow"
    /// `Cache-Control`
    public static let cacheControl: HTTPFieldName = "Cache-Control"
    /// `Expect`
    public static let expect: HTTPFieldName = "Expect"
    /// `If-Match`
    public static let ifMatch: HTTPFieldName = "If-Match"
    /// `If-Modified-Since`
    public static let ifModifiedSince: HTTPFieldName = "If-Modified-Since"
    /// `If-None-Match`
    public static let ifNoneMatch: HTTPFieldName = "If-None-Match"
    /// `Location`
    public static let location: HTTPFieldName = "Location"
    /// `Pragma`
    public static let pragma: HTTPFieldName = "Pragma"
    /// `Referer`
    public static let referer: HTTPFieldName = "Referer"
    /// `Retry-After`
    public static let retryAfter: HTTPFieldName = "Retry-After"
    /// `Server`
    public static let server: HTTPFieldName = "Server"
    /// `User-Agent`
    public static let userAgent: HTTPFieldName = "User-Agent"
}

// MARK: Credentials and state (RFC 9110 §11, RFC 6265)
extension HTTPFieldName {
    /// `Authorization`
    public static let authorization: HTTPFieldName = "Authorization"
    /// `Cookie`
    public static let cookie: HTTPFieldName = "Cookie"
    /// `Proxy-Authenticate`
    public static let proxyAuthenticate: HTTPFieldName = "Proxy-Authenticate"
    /// `Proxy-Authorization`
    public static let proxyAuthorization: HTTPFieldName = "Proxy-Authorization"
    /// `Set-Cookie`
    public static let setCookie: HTTPFieldName = "Set-Cookie"
    /// `WWW-Authenticate`
    public static let wwwAuthenticate: HTTPFieldName = "WWW-Authenticate"
}

// MARK: Origins and browsers' defences (Fetch, CSP)
extension HTTPFieldName {
    /// `Content-Security-Policy`
    public static let contentSecurityPolicy: HTTPFieldName = "Content-Security-Policy"
    /// `Origin`
    public static let origin: HTTPFieldName = "Origin"
    /// `Referrer-Policy`
    public static let referrerPolicy: HTTPFieldName = "Referrer-Policy"
    /// `Sec-Fetch-Dest`
    public static let secFetchDest: HTTPFieldName = "Sec-Fetch-Dest"
    /// `Sec-Fetch-Mode`
    public static let secFetchMode: HTTPFieldName = "Sec-Fetch-Mode"
    /// `Sec-Fetch-Site`
    public static let secFetchSite: HTTPFieldName = "Sec-Fetch-Site"
    /// `Strict-Transport-Security`
    public static let strictTransportSecurity: HTTPFieldName = "Strict-Transport-Security"
    /// `X-Content-Type-Options`
    public static let xContentTypeOptions: HTTPFieldName = "X-Content-Type-Options"
}

// MARK: WebSocket (RFC 6455 §11.3)
extension HTTPFieldName {
    /// `Sec-WebSocket-Accept`
    public static let secWebSocketAccept: HTTPFieldName = "Sec-WebSocket-Accept"
    /// `Sec-WebSocket-Extensions`
    public static let secWebSocketExtensions: HTTPFieldName = "Sec-WebSocket-Extensions"
    /// `Sec-WebSocket-Key`
    public static let secWebSocketKey: HTTPFieldName = "Sec-WebSocket-Key"
    /// `Sec-WebSocket-Protocol`
    public static let secWebSocketProtocol: HTTPFieldName = "Sec-WebSocket-Protocol"
    /// `Sec-WebSocket-Version`
    public static let secWebSocketVersion: HTTPFieldName = "Sec-WebSocket-Version"
}

// MARK: Forwarding (RFC 7239 and custom)
extension HTTPFieldName {
    /// `Forwarded`
    public static let forwarded: HTTPFieldName = "Forwarded"
    /// `X-Accel-Buffering`
    public static let xAccelBuffering: HTTPFieldName = "X-Accel-Buffering"
    /// `X-Forwarded-For`
    public static let xForwardedFor: HTTPFieldName = "X-Forwarded-For"
    /// `X-Forwarded-Host`
    public static let xForwardedHost: HTTPFieldName = "X-Forwarded-Host"
    /// `X-Forwarded-Port`
    public static let xForwardedPort: HTTPFieldName = "X-Forwarded-Port"
    /// `X-Forwarded-Prefix`
    public static let xForwardedPrefix: HTTPFieldName = "X-Forwarded-Prefix"
    /// `X-Forwarded-Proto`
    public static let xForwardedProto: HTTPFieldName = "X-Forwarded-Proto"
    /// `X-Request-ID`
    public static let xRequestID: HTTPFieldName = "X-Request-ID"
}
