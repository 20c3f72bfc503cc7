// The cookie that a browser holds after a login (RFC 6265): when it ends, and a signature (HMAC-SHA256) over that, over what it
// opens and over the token that was accepted. So it opens one thing, ends by itself, and is worth nothing once the token is
// taken back; the token itself is not in it. The gateway keeps no list of logins.
//
//     miagent=1.1775841682.5c1f…                the gateway's own pages
//     miagent.*=…                               all web services that share the common tokens
//     miagent.my-agent=…                        an agent that has tokens of its own
//
// Behind TLS the name begins with `__Host-`: browsers then take it from this very host only, and send it by TLS only. Without
// TLS they would refuse such a name.

import HTTPCodec
import Primitives

/// What a login opens.
enum LoginScope: Sendable, Hashable {
    case gateway
    case webServices
    case agent(String)

    /// `*` can be no agent's id.
    var text: String {
        switch self {
        case .gateway: ""
        case .webServices: "*"
        case .agent(let id): id
        }
    }

    /// The name of its cookie.
    func cookieName(isSecure: Bool) -> String {
        let name = text.isEmpty ? OwnCookies.name : "\(OwnCookies.name).\(text)"
        return isSecure ? OwnCookies.hostPrefix + name : name
    }
}

/// Signs cookies, and tells its own from others.
struct LoginCookieSigner: Sendable, Hashable {
    /// Random bytes; without any there are no logins.
    let secret: [UInt8]

    var canSign: Bool { !secret.isEmpty }

    /// What stands in the cookie of whoever presented `token`, until `expiry` (seconds since 1970).
    func value(for scope: LoginScope, token: String, expiry: Int64) -> String {
        "\(Self.version).\(expiry).\(String(decoding: signature(scope, token, expiry), as: UTF8.self))"
    }

    /// Whether `value` is what was signed for this scope and one of `tokens`, and not yet over.
    func accepts(_ value: ArraySlice<UInt8>, for scope: LoginScope, tokens: [String], now: Int64) -> Bool {
        guard canSign, value.count < 128 else { return false }
        let parts = value.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].elementsEqual(Self.version.utf8), parts[1].first != UInt8(ascii: "+"),
            let expiry = Int64(String(decoding: parts[1], as: UTF8.self)), expiry > now
        else { return false }
        var found = false
        for token in tokens {
            let isEqual = Authorization.equalInConstantTime(Array(parts[2]), signature(scope, token, expiry))
            found = found || isEqual
        }
        return found
    }

    /// In hexadecimal digits. No part but the last can hold a NUL, so no two meanings have the same bytes.
    private func signature(_ scope: LoginScope, _ token: String, _ expiry: Int64) -> [UInt8] {
        let message = "miagent-login-\(Self.version)\0\(scope.text)\0\(expiry)\0\(token)"
        return SHA256.authenticationCode(for: Array(message.utf8), key: secret).flatMap { byte in
            [HexDigit.lowercase(byte >> 4), HexDigit.lowercase(byte)]
        }
    }

    private static let version = "1"
}

extension LoginScope {
    /// `Set-Cookie`, for as long as `seconds` say; 0 takes it back. Lax: it comes along when a link from elsewhere is followed,
    /// and with nothing else that another site has a browser send.
    func setCookie(_ value: String, seconds: Int64, isSecure: Bool) -> String {
        "\(cookieName(isSecure: isSecure))=\(value); Path=/; Max-Age=\(seconds); HttpOnly; SameSite=Lax\(isSecure ? "; Secure" : "")"
    }
}
