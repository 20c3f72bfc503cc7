// Whether a visitor may pass a door: by a token in `Authorization`, by the cookie of a login, or by a token in the address, in this order.
//
//   - From where comes first; then whether so many wrong tokens came from there that no more is looked at. Cookies always are.
//   - `?token=` is ours if it opens the door, or if nothing else does; a service's own passes. Browsers are sent to the address without
//     it, holding a cookie; of a program's request it is taken out.
//   - What a cookie authorises and another site could have caused must come from a page of this host.
//   - A token of ours goes no further than here.

import HTTPCodec
import MachineCore
import WebConsole

/// What a visitor may do.
enum Permission {
    /// It may pass.
    case granted(Grant)
    /// It presented a token in the address: there is a cookie in its place now, and the same address without it.
    case signedIn(location: [UInt8], cookie: String)
    /// It may not, and perhaps a login form should say why.
    case refused(GatewayError, LoginProblem?)
}

/// What of a request was for us and is to go no further.
struct Grant: Sendable, Hashable {
    /// `Authorization` is ours.
    var removesAuthorization = false
    /// `token` in the query is ours.
    var removesToken = false
    /// It was let through without a token because it is a CORS preflight, and is to be nothing else.
    var isPreflight = false
}

extension Gateway {
    /// Whether the visitor may pass `door`. Wrong tokens are counted.
    mutating func permission(_ id: ConnectionID, _ head: HTTPRequestHead, _ door: Door, _ now: Moment) -> Permission {
        let visitor = provenance(id, head)
        guard door.admits(visitor.client) else { return .refused(.forbidden, nil) }
        guard !door.tokens.isEmpty else { return .granted(Grant()) }
        let wait = waitForAttempt(visitor.client, now)
        let presented = Authorization.visitorToken(head)
        let query = QueryToken(in: Router.pathAndQuery(of: head.target)?.query)
        if wait == nil, let presented, door.opens(to: presented) {
            return .granted(Grant(removesAuthorization: true, removesToken: door.opens(to: query?.value)))
        }
        if isLoggedIn(visitor, door, now) {
            guard !SameOrigin.mustBeChecked(head) || isFromHere(visitor) else { return .refused(.crossSite, nil) }
            if let query, door.opens(to: query.value) { return signIn(visitor, head, door, query, now) }
            return .granted(Grant(removesAuthorization: door.opens(to: presented ?? Authorization.basicPassword(head.fields))))
        }
        guard presented != nil || query != nil else {
            return .refused(.unauthorized, cookies(visitor, door).isEmpty ? nil : .expired)
        }
        if let wait { return .refused(.tooManyAttempts(wait), .tooManyAttempts(wait)) }
        if let query, door.opens(to: query.value) { return signIn(visitor, head, door, query, now) }
        // A token of the gateway's own pages, as who asks for the inspector presents it, is no guess.
        if query != nil || !access.console.opens(to: presented) { attemptFailed(visitor.client, now) }
        return .refused(.unauthorized, .wrongToken)
    }

    /// Whether what a request brought along, when it came at `moment`, is among what opens this door.
    func wouldPass(_ id: ConnectionID, _ head: HTTPRequestHead, _ door: Door, _ moment: Moment) -> Bool {
        door.tokens.isEmpty || door.opens(to: Authorization.visitorToken(head))
            || isLoggedIn(provenance(id, head), door, moment)
            || door.opens(to: QueryToken(in: Router.pathAndQuery(of: head.target)?.query)?.value)
    }

    /// The token in the address opens the door: browsers get a cookie for it, programs what they asked for.
    private func signIn(
        _ visitor: Provenance, _ head: HTTPRequestHead, _ door: Door, _ query: QueryToken, _ now: Moment
    ) -> Permission {
        guard signer.canSign, head.isByBrowser, !SameOrigin.mustBeChecked(head),
            let path = Router.pathAndQuery(of: head.target)?.path,
            let location = ReturnPath.validated(path + (query.rest.map { [UInt8(ascii: "?")] + $0 } ?? []))
        else { return .granted(Grant(removesToken: true)) }
        return .signedIn(location: location, cookie: loginCookie(visitor, door, token: query.value, now))
    }

    /// The cookie for whoever presented `token`, which opens the door.
    func loginCookie(_ visitor: Provenance, _ door: Door, token: String, _ now: Moment) -> String {
        let seconds = configuration.login.session.components.seconds
        let expiry = clock.unixSeconds(at: now).addingReportingOverflow(seconds).partialValue
        let value = signer.value(for: door.scope, token: token, expiry: expiry)
        return door.scope.setCookie(value, seconds: seconds, isSecure: isSecure(visitor))
    }

    /// Whether a cookie opens the door.
    func isLoggedIn(_ visitor: Provenance, _ door: Door, _ now: Moment) -> Bool {
        let time = clock.unixSeconds(at: now)
        return cookies(visitor, door).contains { signer.accepts($0, for: door.scope, tokens: door.tokens, now: time) }
    }

    /// What the visitor holds that may open the door.
    private func cookies(_ visitor: Provenance, _ door: Door) -> [ArraySlice<UInt8>] {
        guard visitor.fields.contains(.cookie) else { return [] }
        return OwnCookies.values(named: door.scope.cookieName(isSecure: isSecure(visitor)), in: visitor.fields)
    }

    /// Whether a cookie opens the gateway's own pages to this visitor, so that there is something to log out of.
    func canLogOut(_ id: ConnectionID, _ head: HTTPRequestHead, _ now: Moment) -> Bool {
        !access.console.tokens.isEmpty && isLoggedIn(provenance(id, head), access.console, now)
    }

    // MARK: Attempts

    /// How long whoever has this address waits before a token from there is looked at; nil: not at all.
    func waitForAttempt(_ client: @autoclosure () -> NetworkAddress?, _ now: Moment) -> Duration? {
        attempts.wait(for: client(), limit: configuration.login.attemptsPerMinute, now)
    }

    /// A wrong token came from this address.
    mutating func attemptFailed(_ client: NetworkAddress?, _ now: Moment) {
        attempts.failed(client, limit: configuration.login.attemptsPerMinute, now)
        if !neighbours.isEmpty { charges.attempted((client ?? .local).responsible) }
    }

    // MARK: Who stands before the door

    func provenance(_ id: ConnectionID, _ head: HTTPRequestHead) -> Provenance {
        Provenance(peer: visitors[id]?.peer ?? "", fields: head.fields, trustedProxies: configuration.trustedProxies)
    }

    /// Who it is, for a log: the connection's other end, or whom a believed proxy names.
    func clientText(_ id: ConnectionID, _ head: HTTPRequestHead) -> String {
        let peer = visitors[id]?.peer ?? ""
        guard Provenance.isTrusted(peer, among: configuration.trustedProxies) else { return peer }
        return provenance(id, head).client?.text ?? peer
    }

    func isSecure(_ visitor: Provenance) -> Bool { visitor.isSecure(publicURL: configuration.publicURL) }

    /// Whether a page of this host sent the request, or no browser did. At an agent's own host name its pages alone count: those of the
    /// gateway's address may be another agent's.
    func isFromHere(_ visitor: Provenance) -> Bool {
        SameOrigin.accepts(visitor.fields, hosts: hosts(visitor), isSecure: isSecure(visitor))
    }

    /// How this host may be named in addresses of its pages.
    func hosts(_ visitor: Provenance) -> [String] {
        var hosts = [visitor.fields[.host] ?? ""]
        if !router.isAgentHost(visitor.fields) {
            if let publicURL = configuration.publicURL { hosts.append(String(GatewayConfiguration.authority(of: publicURL))) }
            if visitor.isByTrustedProxy, let host = visitor.fields[.xForwardedHost] { hosts.append(host) }
        }
        return hosts
    }
}

extension Door {
    /// Whether one may stand before it with this address. One that is not known is on no list.
    func admits(_ client: @autoclosure () -> NetworkAddress?) -> Bool {
        allow.isEmpty || client().map { allow.contains($0) } ?? false
    }

    /// Whether `token` opens it.
    func opens(to token: String?) -> Bool { token.map { Authorization.accepts($0, among: tokens) } ?? false }
}

extension HTTPRequestHead {
    /// A person looks at the answer.
    var isByBrowser: Bool { fields[.accept]?.lowercased().contains("text/html") ?? false }
}
