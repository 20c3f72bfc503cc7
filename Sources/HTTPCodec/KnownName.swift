// Field names that are known by number, so that a message is asked for them by an integer or a bit: those that this project
// reads, writes, drops or guards, and a few that nearly every message has. Every other name has the number 0 and is compared by
// its text.

/// A field name that is known by number, 1...255.
enum KnownName: UInt8, CaseIterable {
    // Messages and connections (RFC 9110 §7, RFC 9112)
    case connection = 1, contentLength, date, host, keepAlive, proxyConnection, te, trailer, transferEncoding
    case upgrade, close

    // Content and its representation (RFC 9110 §8, §12–14)
    case accept, acceptEncoding, acceptLanguage, acceptRanges, contentEncoding, contentLocation, contentRange
    case contentType, etag, lastModified, range, vary

    // Control and conditions (RFC 9110 §9–10, §13, RFC 9111)
    case allow, cacheControl, expect, ifMatch, ifModifiedSince, ifNoneMatch, location, pragma, referer, retryAfter
    case server, userAgent, refresh, link

    // Credentials and state (RFC 9110 §11, RFC 6265)
    case authorization, cookie, proxyAuthenticate, proxyAuthorization, setCookie, wwwAuthenticate

    // Origins and browsers' defences (Fetch, CSP)
    case contentSecurityPolicy, origin, referrerPolicy, secFetchDest, secFetchMode, secFetchSite
    case strictTransportSecurity, xContentTypeOptions

    // WebSocket (RFC 6455 §11.3)
    case secWebSocketAccept, secWebSocketExtensions, secWebSocketKey, secWebSocketProtocol, secWebSocketVersion

    // Forwarding (RFC 7239 and custom)
    case forwarded, xAccelBuffering, xForwardedFor, xForwardedHost, xForwardedPort, xForwardedPrefix
    case xForwardedProto, xRequestID

    // What proxies say besides (HTTPFieldSet+Proxies)
    case xRealIP, trueClientIP, xClientIP, clientIP, xClusterClientIP, xForwarded, xOriginatingIP, xRemoteIP
    case xRemoteAddr, xProxyUserIP, wlProxyClientIP, proxyClientIP, cfConnectingIP, cfConnectingIPv6, cfPseudoIPv4
    case cfIPCountry, cfVisitor, fastlyClientIP, flyClientIP, xAzureClientIP, xAzureSocketIP, xAppEngineUserIP
    case xEnvoyExternalAddress, aliCDNRealIP, xOriginalURL, xOriginalURI, xOriginalHost, xOriginalMethod
    case xRewriteURL, xEnvoyOriginalPath, xScheme, xUrlScheme, xScriptName, frontEndHttps, xHost, remoteUser
    case xRemoteUser, xAuthenticatedUser, xWebAuthUser, xAuthRequestUser, xAuthRequestEmail, xAuthRequestGroups
    case xSSLClientCert, xSSLClientVerify, xSSLClientSDN, xClientCert, xClientVerify, sslClientCert, sslClientVerify

    // What browsers apply to a whole origin, and what belongs to one connection besides
    case clearSiteData, publicKeyPins, publicKeyPinsReportOnly, expectCT, nel, reportTo, reportingEndpoints
    case acceptCH, acceptCHLifetime, criticalCH, originAgentCluster, useAsDictionary, setLogin
    case secSessionRegistration, secureSessionRegistration, serviceWorkerAllowed, altSvc, setCookie2, proxy
    case http2Settings

    // Addresses (HTTPFields+Addresses)
    case sourceMap, xSourceMap, hxRedirect, hxLocation, hxPushUrl, hxReplaceUrl, xPJAXURL, xInertiaLocation
    case turboLocation, destination, ifTagged

    // Others that browsers and services often send
    case age, dnt, expires, priority, secChUA, secChUAMobile, secChUAPlatform, secFetchUser
    case upgradeInsecureRequests, contentDisposition, contentLanguage, xPoweredBy, xFrameOptions
    case accessControlAllowOrigin, serviceWorker, xRequestedWith, ifRange, ifUnmodifiedSince
}

/// Finds the number of a name by its hash: open addressing, at most half full.
///
/// Known names have letters, digits and hyphens only. For a name that is a token that makes a comparison of eight bytes at once
/// exact, with bit 5 set in all of them: what differs from a capital letter in that bit is the small one, and what differs so
/// from a digit or a hyphen is a control character.
struct KnownNames: Sendable {
    /// A name as it is usually written, and its first, second and last eight bytes with bit 5 set; of a shorter one all bytes.
    struct Entry: Sendable {
        var spelling: StaticString = ""
        var hash: UInt32 = 0
        var count: UInt32 = 0
        var first: UInt64 = 0
        var second: UInt64 = 0
        var last: UInt64 = 0
    }

    /// By number; 0 is none.
    private var entries = [Entry](repeating: Entry(), count: KnownName.allCases.count + 1)
    /// Numbers, by the first bits of the hash and then the next free place; 0 is free.
    private var places = [UInt8](repeating: 0, count: Self.placeCount)

    private static let placeCount = 512

    /// The table.
    static let table = KnownNames()

    private init() {
        for name in KnownName.allCases {
            let text = name.spelling
            let (start, count) = (UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
            let hash = Scan.nameHash(start, count)
            entries[Int(name.rawValue)] = Entry(
                spelling: text, hash: hash, count: UInt32(count), first: Self.first(start, count),
                second: Self.second(start, count), last: Self.last(start, count))
            var place = Self.place(hash)
            while places[place] != 0 { place = (place + 1) % Self.placeCount }
            places[place] = name.rawValue
        }
    }

    @inline(__always)
    private static func place(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: hash &>> 23) }

    /// The number of the token of `count` bytes at `name`, whose `Scan.nameHash` is `hash`; 0: it is not known.
    @inline(__always)
    static func number(_ name: UnsafeRawPointer, _ count: Int, _ hash: UInt32) -> UInt8 {
        table.places.withUnsafeBufferPointer { places in
            table.entries.withUnsafeBufferPointer { entries in
                var place = place(hash)
                while place < places.count {
                    let number = places[place]
                    guard number != 0, Int(number) < entries.count else { return 0 }
                    if entries[Int(number)].hash == hash, isNamed(entries[Int(number)], name, count) { return number }
                    place = (place &+ 1) & (placeCount &- 1)
                }
                return 0
            }
        }
    }

    @inline(__always)
    private static func isNamed(_ entry: Entry, _ name: UnsafeRawPointer, _ count: Int) -> Bool {
        guard Int(entry.count) == count, first(name, count) == entry.first, second(name, count) == entry.second,
            last(name, count) == entry.last
        else { return false }
        return count <= 24 || Scan.equalIgnoringCase(entry.spelling.utf8Start + 16, name + 16, count &- 24)
    }

    @inline(__always)
    private static func first(_ name: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 8 { return name.loadUnaligned(as: UInt64.self) | 0x2020_2020_2020_2020 }
        var word: UInt64 = 0
        for index in 0..<count { word = word &<< 8 | UInt64(name.load(fromByteOffset: index, as: UInt8.self) | 0x20) }
        return word
    }

    @inline(__always)
    private static func second(_ name: UnsafeRawPointer, _ count: Int) -> UInt64 {
        count < 16 ? 0 : name.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 0x2020_2020_2020_2020
    }

    @inline(__always)
    private static func last(_ name: UnsafeRawPointer, _ count: Int) -> UInt64 {
        count < 8 ? 0 : name.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self) | 0x2020_2020_2020_2020
    }

    /// The name with this number.
    static func entry(_ number: UInt8) -> Entry { table.entries[Int(number)] }
}
