// Who may do what: a decision about one request, pure but for the count of wrong tokens. A visitor is let in by a token in
// `Authorization`, by the cookie of a login, or by a token in the address, in this order.
//
//   - From where comes first; then whether so many wrong tokens came from there that no more is looked at. Cookies always are.
//   - `?token=` is ours if it is accepted, or if nothing else does; a service's own passes. Browsers are sent to the address
//     without it, holding a cookie; of a program's request it is taken out.
//   - What a cookie authorises and another site could have caused must come from a page of this host.
//   - A token of ours goes no further than here.

import HTTPCodec
import MachineCore
import WebConsole

final class AccessControl: Reconfigurable {
    /// What may be done.
    enum Permission {
        /// The visitor may pass.
        case granted(Grant)
        /// It presented a token in the address: there is a cookie in its place now, and the same address without it.
        case signedIn(location: [UInt8], cookie: String)
        /// It may not, and perhaps a login form should say why.
        case refused(GatewayError, LoginProblem?)
    }

    @exclusivity(unchecked) private(set) var environment: Environment
    let signer: LoginCookieSigner
    private var attempts = AttemptLimiter()
    private var unreported = UnreportedUse()

    /// `secret`: what cookies are signed with.
    init(_ environment: Environment, secret: [UInt8]) {
        self.environment = environment
        signer = LoginCookieSigner(secret: secret)
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    private var policies: AccessPolicies { environment.access }

    // MARK: Visitors

    /// Whether the visitor at `peer` may do what `policy` guards. Wrong tokens are counted.
    func permission(_ request: VisitorRequest, from peer: String, by policy: AccessPolicy, _ now: Moment) -> Permission {
        let visitor = environment.forwarding.provenance(peer, of: request)
        guard policy.admits(visitor.client) else { return .refused(.forbidden, nil) }
        guard !policy.tokens.isEmpty else { return .granted(Grant()) }
        let wait = waitForAttempt(visitor.client, now)
        let presented = Authorization.visitorToken(request.head)
        let query = QueryToken(in: request.query)
        if wait == nil, let presented, policy.accepts(presented) {
            return .granted(Grant(removesAuthorization: true, removesToken: policy.accepts(query?.value)))
        }
        if isLoggedIn(visitor, policy, now) {
            guard !SameOrigin.mustBeChecked(request.head) || environment.forwarding.isFromHere(visitor) else {
                return .refused(.crossSite, nil)
            }
            if let query, policy.accepts(query.value) { return signIn(visitor, request, policy, query, now) }
            let token = presented ?? Authorization.basicPassword(request.head.fields)
            return .granted(Grant(removesAuthorization: policy.accepts(token)))
        }
        guard presented != nil || query != nil else {
            return .refused(.unauthorized, cookies(visitor, policy).isEmpty ? nil : .expired)
        }
        if let wait { return .refused(.tooManyAttempts(wait), .tooManyAttempts(wait)) }
        if let query, policy.accepts(query.value) { return signIn(visitor, request, policy, query, now) }
        // A token of the gateway's own pages, as who asks for the inspector presents it, is no guess.
        if query != nil || !policies.console.accepts(presented) { attemptFailed(visitor.client, now) }
        return .refused(.unauthorized, .wrongToken)
    }

    /// Whether a request needs no token because it is a CORS preflight.
    func isPassingPreflight(_ request: VisitorRequest, from peer: String, by policy: AccessPolicy) -> Bool {
        environment.configuration.web.passesPreflights && request.isPreflight
            && policy.admits(environment.forwarding.client(peer, request.head.fields))
    }

    /// Why a request that was let in would not be any more; nil: it would be.
    func objection(toStayOf request: VisitorRequest, from peer: String, at agentID: String) -> GatewayError? {
        guard environment.configuration.web.isEnabled else { return .webServiceOff }
        let policy = policies.policy(for: agentID)
        guard !policy.isOpen, !isPassingPreflight(request, from: peer, by: policy) else { return nil }
        let visitor = environment.forwarding.provenance(peer, of: request)
        guard policy.admits(visitor.client) else { return .forbidden }
        let isAccepted =
            policy.tokens.isEmpty || policy.accepts(Authorization.visitorToken(request.head))
            || isLoggedIn(visitor, policy, request.received) || policy.accepts(QueryToken(in: request.query)?.value)
        return isAccepted ? nil : .unauthorized
    }

    // MARK: Cookies

    /// The token in the address is accepted: browsers get a cookie for it, programs what they asked for.
    private func signIn(
        _ visitor: Provenance, _ request: VisitorRequest, _ policy: AccessPolicy, _ query: QueryToken, _ now: Moment
    ) -> Permission {
        guard signer.canSign, request.head.isByBrowser, !SameOrigin.mustBeChecked(request.head),
            let path = request.target?.path,
            let location = ReturnPath.validated(path + (query.rest.map { [UInt8(ascii: "?")] + $0 } ?? []))
        else { return .granted(Grant(removesToken: true)) }
        return .signedIn(location: location, cookie: loginCookie(visitor, policy, token: query.value, now))
    }

    /// The cookie for whoever presented `token`, which `policy` accepts.
    func loginCookie(_ visitor: Provenance, _ policy: AccessPolicy, token: String, _ now: Moment) -> String {
        let seconds = environment.configuration.login.session.components.seconds
        let expiry = environment.clock.unixSeconds(at: now).addingReportingOverflow(seconds).partialValue
        let value = signer.value(for: policy.scope, token: token, expiry: expiry)
        return policy.scope.setCookie(value, seconds: seconds, isSecure: environment.forwarding.isSecure(visitor))
    }

    /// Whether a cookie of the visitor's is accepted.
    func isLoggedIn(_ visitor: Provenance, _ policy: AccessPolicy, _ now: Moment) -> Bool {
        let time = environment.clock.unixSeconds(at: now)
        return cookies(visitor, policy).contains {
            signer.accepts($0, for: policy.scope, tokens: policy.tokens, now: time)
        }
    }

    private func cookies(_ visitor: Provenance, _ policy: AccessPolicy) -> [ArraySlice<UInt8>] {
        guard visitor.fields.contains(.cookie) else { return [] }
        let name = policy.scope.cookieName(isSecure: environment.forwarding.isSecure(visitor))
        return OwnCookies.values(named: name, in: visitor.fields)
    }

    // MARK: Agents

    /// What an agent's handshake proves; a wrong token is refused at once, a missing one may still come inside
    /// `agent.register`.
    func authorize(_ handshake: AgentHandshake, from client: NetworkAddress?, _ now: Moment) throws(GatewayError) {
        let admission = policies.admission
        if let token = handshake.token, handshake.agentID == nil || admission.needsToken(handshake.agentID) {
            if let wait = waitForAttempt(client, now) { throw .tooManyAttempts(wait) }
            let isAccepted =
                admission.accepts(token, for: handshake.agentID) || handshake.agentID == nil && admission.isSomebodys(token)
            guard isAccepted else {
                attemptFailed(client, now)
                throw .unauthorized
            }
        }
        guard let id = handshake.agentID, handshake.token != nil || !admission.needsToken(id) else { return }
        guard !admission.reserved.contains(id) else { throw .reservedName(id) }
    }

    /// Whether `token` lets an agent at `client` register as `agentID`. None at all is no attempt.
    func mayRegister(as agentID: String, with token: String?, from client: NetworkAddress?, _ now: Moment) -> Bool {
        guard policies.admission.needsToken(agentID) else { return true }
        guard let token, waitForAttempt(client, now) == nil else { return false }
        if policies.admission.accepts(token, for: agentID) { return true }
        attemptFailed(client, now)
        return false
    }

    /// What is kept of the token that an agent registered with.
    func digest(of token: String) -> TokenDigest { TokenDigest(token, key: signer.secret) }

    // MARK: Attempts

    /// How long whoever has this address waits before a token from there is looked at; nil: not at all.
    func waitForAttempt(_ client: @autoclosure () -> NetworkAddress?, _ now: Moment) -> Duration? {
        attempts.wait(for: client(), limit: environment.configuration.login.attemptsPerMinute, now)
    }

    /// A wrong token came from this address.
    func attemptFailed(_ client: NetworkAddress?, _ now: Moment) {
        attempts.failed(client, limit: environment.configuration.login.attemptsPerMinute, now)
        if !environment.isAlone { unreported.add((client ?? .local).responsible) }
    }

    /// Wrong tokens that were not broadcast to the other loops yet.
    func takeUnreportedAttempts() -> [AddressUse] { unreported.take() }

    /// Another loop broadcasts how many wrong tokens came from an address there.
    func receive(_ use: AddressUse, _ now: Moment) {
        attempts.failed(use.address, count: use.count, limit: environment.configuration.login.attemptsPerMinute, now)
    }
}
