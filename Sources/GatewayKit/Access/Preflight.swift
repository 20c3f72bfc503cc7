// CORS preflights (Fetch §4.8): before a page of another origin may send a request that a form could not, its browser asks the
// service by an OPTIONS request that never carries credentials. So it could never pass a guarded agent, and no page elsewhere
// could use the agent's API, token or not. With `web.passesPreflights` it does pass, and nothing else: no body, no upgrade, no
// credentials, and none of its fields but those that a preflight has, so that it cannot carry an order
// (`X-HTTP-Method-Override`).

import HTTPCodec

extension VisitorRequest {
    /// Whether it is a CORS preflight, and nothing more.
    var isPreflight: Bool {
        guard head.method == "OPTIONS", framing == .none || framing == .length(0), !head.asksForUpgrade else { return false }
        return head.fields.count(of: .origin) == 1 && head.fields.count(of: Preflight.requestMethod) == 1
            && !head.fields.contains(.authorization)
    }
}

enum Preflight {
    static let requestMethod: HTTPFieldName = "Access-Control-Request-Method"

    /// What passes of a preflight's fields; those of trusted proxies are seen to elsewhere.
    private static let passing: [HTTPFieldName] = [
        .origin, requestMethod, "Access-Control-Request-Headers", "Access-Control-Request-Private-Network",
        "Access-Control-Request-Local-Network", .accept, .acceptEncoding, .acceptLanguage, .userAgent, .referer, .secFetchDest,
        .secFetchMode, .secFetchSite, .cacheControl, .pragma, .xRequestID, .xForwardedFor, .xForwardedHost, .xForwardedPort,
        .xForwardedPrefix, .xForwardedProto,
    ]

    static func passingFields(of fields: HTTPFields) -> HTTPFields {
        var passed = HTTPFields()
        for name in passing {
            for value in fields.all(name) { try? passed.append(name, bytes: value) }  // it was a legal value before
        }
        return passed
    }
}
