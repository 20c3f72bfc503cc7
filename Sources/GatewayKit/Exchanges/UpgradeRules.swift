// Which requests to leave HTTP go on to a service (RFC 9110 §7.8), and which responses to them are taken.
//
//   - Of the protocols that a visitor names, in however many fields, the first that is allowed goes on, alone and as it was
//     configured. If none is, the request goes on as a plain one, as the RFC lets any server do.
//   - Never `h2c`, `TLS` and their like, whatever is configured: what came after the 101 would be requests that the gateway
//     does not see.
//   - WebSockets begin with a GET (RFC 6455 §4.1); another method is a plain request.
//   - A 101 switches to the protocol that went on, or it is no response.

import HTTPCodec

/// The protocols that the settings allow.
struct UpgradeRules: Sendable, Hashable {
    /// As they are written to services.
    private let allowed: [String]

    init(_ allowed: [String]) { self.allowed = allowed.filter { !HTTPUpgrade.isForbidden($0) } }

    /// The protocol that the service is asked for; nil: none.
    func wanted(by head: HTTPRequestHead) -> String? {
        guard head.asksForUpgrade else { return nil }
        for token in head.fields.tokens(.upgrade) {
            guard let name = allowed.first(where: { $0.lowercased() == token }) else { continue }
            if token == "websocket", head.method != "GET" { continue }
            return name
        }
        return nil
    }

    /// What is allowed instead of those methods that never are.
    static let usualMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

    /// Whether no request with this method goes on, nor is one for the gateway: no tunnels, and no echo of what proxies have
    /// added (RFC 9110 §9.3.6, §9.3.8), wherever it was to go. Its connection ends: what follows a CONNECT may be anything.
    /// Nearly all methods have another length.
    static func isRefused(_ method: String) -> Bool {
        switch method.utf8.count {
        case 5, 7: method == "CONNECT" || method == "TRACE" || method == "TRACK"
        default: false
        }
    }

    /// Whether a 101 with these fields grants what was asked for. An agent that names no protocol means that one.
    static func grants(_ fields: HTTPFields, _ wanted: String?) -> Bool {
        guard let wanted else { return false }
        let granted = fields.tokens(.upgrade)
        return granted.isEmpty || granted == [wanted.lowercased()]
    }
}
