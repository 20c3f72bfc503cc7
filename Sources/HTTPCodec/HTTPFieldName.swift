// Field names (RFC 9110 §5.1): tokens that are compared without regard to case, by their numbers if they are known and else by
// their hashes and texts, and written in the case they were given in (some HTTP/1.1 peers are case-sensitive).

/// A field name to look up or to write.
public struct HTTPFieldName: Sendable {
    /// The number of a known name, in whatever case; 0: another name.
    let number: UInt8
    /// The text, unless it is that of the known name.
    private let text: Text?

    /// A text that was given.
    private final class Text: Sendable {
        let bytes: [UInt8]
        /// `Scan.nameHash` of `bytes`.
        let hash: UInt32
        let isToken: Bool

        init(_ text: String) {
            bytes = Array(text.utf8)
            (hash, isToken) = bytes.withUnsafeBytes { raw in
                guard let base = raw.baseAddress, raw.count > 0 else { return (0, false) }
                return (Scan.nameHash(base, raw.count), Scan.endOfToken(base, 0, raw.count) == raw.count)
            }
        }
    }

    /// The name as its specification writes it.
    init(_ known: KnownName) {
        number = known.rawValue
        text = nil
    }

    /// The name `text`, whatever its case.
    public init(_ text: String) {
        let text = Text(text)
        number = text.bytes.withUnsafeBytes { raw in
            guard text.isToken, let base = raw.baseAddress else { return 0 }
            return KnownNames.number(base, raw.count, text.hash)
        }
        self.text = text
    }

    /// Runs `body` on the name as it is written.
    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let text { return text.bytes.withUnsafeBufferPointer(body) }
        let spelling = KnownNames.entry(number).spelling
        return body(UnsafeBufferPointer(start: spelling.utf8Start, count: spelling.utf8CodeUnitCount))
    }

    /// `Scan.nameHash` of the name.
    @inline(__always)
    var hash: UInt32 { text.map(\.hash) ?? KnownNames.entry(number).hash }

    /// False for what cannot be a name: it is found nowhere, and appending it throws.
    @inline(__always)
    var isToken: Bool { text.map(\.isToken) ?? true }

    /// As it is written.
    public var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }

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
        if a.number != 0 || b.number != 0 { return a.number == b.number }
        return a.withBytes { left in
            b.withBytes { right in
                guard left.count == right.count, let left = left.baseAddress, let right = right.baseAddress else {
                    return left.count == right.count
                }
                return Scan.equalIgnoringCase(left, right, a.withBytes(\.count))
            }
        }
    }

    /// Without regard to case.
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

// MARK: Messages and connections (RFC 9110 §7, RFC 9112)
extension HTTPFieldName {
    /// `Connection`
    public static var connection: HTTPFieldName { HTTPFieldName(.connection) }
    /// `Content-Length`
    public static var contentLength: HTTPFieldName { HTTPFieldName(.contentLength) }
    /// `Date`
    public static var date: HTTPFieldName { HTTPFieldName(.date) }
    /// `Host`
    public static var host: HTTPFieldName { HTTPFieldName(.host) }
    /// `Keep-Alive`
    public static var keepAlive: HTTPFieldName { HTTPFieldName(.keepAlive) }
    /// `Proxy-Connection`
    public static var proxyConnection: HTTPFieldName { HTTPFieldName(.proxyConnection) }
    /// `TE`
    public static var te: HTTPFieldName { HTTPFieldName(.te) }
    /// `Trailer`
    public static var trailer: HTTPFieldName { HTTPFieldName(.trailer) }
    /// `Transfer-Encoding`
    public static var transferEncoding: HTTPFieldName { HTTPFieldName(.transferEncoding) }
    /// `Upgrade`
    public static var upgrade: HTTPFieldName { HTTPFieldName(.upgrade) }
}

// MARK: Content and its representation (RFC 9110 §8, §12–14)
extension HTTPFieldName {
    /// `Accept`
    public static var accept: HTTPFieldName { HTTPFieldName(.accept) }
    /// `Accept-Encoding`
    public static var acceptEncoding: HTTPFieldName { HTTPFieldName(.acceptEncoding) }
    /// `Accept-Language`
    public static var acceptLanguage: HTTPFieldName { HTTPFieldName(.acceptLanguage) }
    /// `Accept-Ranges`
    public static var acceptRanges: HTTPFieldName { HTTPFieldName(.acceptRanges) }
    /// `Content-Encoding`
    public static var contentEncoding: HTTPFieldName { HTTPFieldName(.contentEncoding) }
    /// `Content-Location`
    public static var contentLocation: HTTPFieldName { HTTPFieldName(.contentLocation) }
    /// `Content-Range`
    public static var contentRange: HTTPFieldName { HTTPFieldName(.contentRange) }
    /// `Content-Type`
    public static var contentType: HTTPFieldName { HTTPFieldName(.contentType) }
    /// `ETag`
    public static var etag: HTTPFieldName { HTTPFieldName(.etag) }
    /// `Last-Modified`
    public static var lastModified: HTTPFieldName { HTTPFieldName(.lastModified) }
    /// `Range`
    public static var range: HTTPFieldName { HTTPFieldName(.range) }
    /// `Vary`
    public static var vary: HTTPFieldName { HTTPFieldName(.vary) }
}

// MARK: Control and conditions (RFC 9110 §9–10, §13, RFC 9111)
extension HTTPFieldName {
    /// `Allow`
    public static var allow: HTTPFieldName { HTTPFieldName(.allow) }
    /// `Cache-Control`
    public static var cacheControl: HTTPFieldName { HTTPFieldName(.cacheControl) }
    /// `Expect`
    public static var expect: HTTPFieldName { HTTPFieldName(.expect) }
    /// `If-Match`
    public static var ifMatch: HTTPFieldName { HTTPFieldName(.ifMatch) }
    /// `If-Modified-Since`
    public static var ifModifiedSince: HTTPFieldName { HTTPFieldName(.ifModifiedSince) }
    /// `If-None-Match`
    public static var ifNoneMatch: HTTPFieldName { HTTPFieldName(.ifNoneMatch) }
    /// `Location`
    public static var location: HTTPFieldName { HTTPFieldName(.location) }
    /// `Pragma`
    public static var pragma: HTTPFieldName { HTTPFieldName(.pragma) }
    /// `Referer`
    public static var referer: HTTPFieldName { HTTPFieldName(.referer) }
    /// `Retry-After`
    public static var retryAfter: HTTPFieldName { HTTPFieldName(.retryAfter) }
    /// `Server`
    public static var server: HTTPFieldName { HTTPFieldName(.server) }
    /// `User-Agent`
    public static var userAgent: HTTPFieldName { HTTPFieldName(.userAgent) }
}

// MARK: Credentials and state (RFC 9110 §11, RFC 6265)
extension HTTPFieldName {
    /// `Authorization`
    public static var authorization: HTTPFieldName { HTTPFieldName(.authorization) }
    /// `Cookie`
    public static var cookie: HTTPFieldName { HTTPFieldName(.cookie) }
    /// `Proxy-Authenticate`
    public static var proxyAuthenticate: HTTPFieldName { HTTPFieldName(.proxyAuthenticate) }
    /// `Proxy-Authorization`
    public static var proxyAuthorization: HTTPFieldName { HTTPFieldName(.proxyAuthorization) }
    /// `Set-Cookie`
    public static var setCookie: HTTPFieldName { HTTPFieldName(.setCookie) }
    /// `WWW-Authenticate`
    public static var wwwAuthenticate: HTTPFieldName { HTTPFieldName(.wwwAuthenticate) }
}

// MARK: Origins and browsers' defences (Fetch, CSP)
extension HTTPFieldName {
    /// `Content-Security-Policy`
    public static var contentSecurityPolicy: HTTPFieldName { HTTPFieldName(.contentSecurityPolicy) }
    /// `Origin`
    public static var origin: HTTPFieldName { HTTPFieldName(.origin) }
    /// `Referrer-Policy`
    public static var referrerPolicy: HTTPFieldName { HTTPFieldName(.referrerPolicy) }
    /// `Sec-Fetch-Dest`
    public static var secFetchDest: HTTPFieldName { HTTPFieldName(.secFetchDest) }
    /// `Sec-Fetch-Mode`
    public static var secFetchMode: HTTPFieldName { HTTPFieldName(.secFetchMode) }
    /// `Sec-Fetch-Site`
    public static var secFetchSite: HTTPFieldName { HTTPFieldName(.secFetchSite) }
    /// `Service-Worker`
    public static var serviceWorker: HTTPFieldName { HTTPFieldName(.serviceWorker) }
    /// `Strict-Transport-Security`
    public static var strictTransportSecurity: HTTPFieldName { HTTPFieldName(.strictTransportSecurity) }
    /// `X-Content-Type-Options`
    public static var xContentTypeOptions: HTTPFieldName { HTTPFieldName(.xContentTypeOptions) }
}

// MARK: WebSocket (RFC 6455 §11.3)
extension HTTPFieldName {
    /// `Sec-WebSocket-Accept`
    public static var secWebSocketAccept: HTTPFieldName { HTTPFieldName(.secWebSocketAccept) }
    /// `Sec-WebSocket-Extensions`
    public static var secWebSocketExtensions: HTTPFieldName { HTTPFieldName(.secWebSocketExtensions) }
    /// `Sec-WebSocket-Key`
    public static var secWebSocketKey: HTTPFieldName { HTTPFieldName(.secWebSocketKey) }
    /// `Sec-WebSocket-Protocol`
    public static var secWebSocketProtocol: HTTPFieldName { HTTPFieldName(.secWebSocketProtocol) }
    /// `Sec-WebSocket-Version`
    public static var secWebSocketVersion: HTTPFieldName { HTTPFieldName(.secWebSocketVersion) }
}

// MARK: Forwarding (RFC 7239 and custom)
extension HTTPFieldName {
    /// `Forwarded`
    public static var forwarded: HTTPFieldName { HTTPFieldName(.forwarded) }
    /// `X-Accel-Buffering`
    public static var xAccelBuffering: HTTPFieldName { HTTPFieldName(.xAccelBuffering) }
    /// `X-Forwarded-For`
    public static var xForwardedFor: HTTPFieldName { HTTPFieldName(.xForwardedFor) }
    /// `X-Forwarded-Host`
    public static var xForwardedHost: HTTPFieldName { HTTPFieldName(.xForwardedHost) }
    /// `X-Forwarded-Port`
    public static var xForwardedPort: HTTPFieldName { HTTPFieldName(.xForwardedPort) }
    /// `X-Forwarded-Prefix`
    public static var xForwardedPrefix: HTTPFieldName { HTTPFieldName(.xForwardedPrefix) }
    /// `X-Forwarded-Proto`
    public static var xForwardedProto: HTTPFieldName { HTTPFieldName(.xForwardedProto) }
    /// `X-Request-ID`
    public static var xRequestID: HTTPFieldName { HTTPFieldName(.xRequestID) }
}
