// The cookie that names the agent whose page a browser shows, so that what the page asks for outside the prefix finds its way
// although it does not say where it comes from. It opens nothing: whoever holds it is asked for a token as everybody is. It
// ends with the browser.
//
//     miagent.~=my-agent
//
// It is named as ours are, and so is neither shown to services nor taken from them (`OwnCookies`). `~` is in no agent's id.

import HTTPCodec
import TunnelLink

enum PageCookie {
    /// Behind TLS browsers take a name that begins so from this very host only.
    static func name(isSecure: Bool) -> String { (isSecure ? OwnCookies.hostPrefix : "") + OwnCookies.name + ".~" }

    /// The agent that a request's cookie names. A script may have added others under paths of its own: of those that differ
    /// none counts.
    static func agentID(in fields: HTTPFields, isSecure: Bool) -> String? {
        guard fields.contains(.cookie) else { return nil }
        let values = OwnCookies.values(named: name(isSecure: isSecure), in: fields)
        guard let first = values.first, values.allSatisfy({ $0.elementsEqual(first) }) else { return nil }
        return AgentDescription.isValidID(utf8: first) ? String(decoding: first, as: UTF8.self) : nil
    }

    /// `Set-Cookie`. Lax: another site's page can have a browser send it with a link that is followed, and with nothing else.
    static func setCookie(_ agentID: String, isSecure: Bool) -> String {
        "\(name(isSecure: isSecure))=\(agentID); Path=/; HttpOnly; SameSite=Lax\(isSecure ? "; Secure" : "")"
    }
}
