// Who is no agent: a page in a browser. Any page may open a WebSocket to any address that the browser reaches, and it sends
// `Origin` then (RFC 6455 §10.2); agents do not. Without this, a page that somebody looks at could become an agent of a gateway
// on the same machine or in the same network.

import HTTPCodec

enum AgentOrigin {
    /// Whether a handshake comes from no page, or from one of an origin in `allowed` (in lower case).
    static func isAllowed(_ fields: HTTPFields, _ allowed: [String]) -> Bool {
        fields.count(of: .origin) <= 1 && isAllowed(fields[.origin], allowed)
    }

    static func isAllowed(_ origin: String?, _ allowed: [String]) -> Bool {
        origin.map { allowed.contains($0.lowercased()) } ?? true
    }

    /// Whether `text` is an origin as browsers write it: a scheme and an authority, without a slash at the end.
    static func isOrigin(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, parts[0].utf8.count > 1, parts[0].hasSuffix(":"), !parts[2].isEmpty else {
            return false
        }
        return text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }
}
