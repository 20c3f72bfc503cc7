// Logging in and out with a browser. A form takes the token to `/login`, and a cookie comes back; `/.miagent/logout` takes the
// cookie back. Both must be sent by a page of this host, else another site could log somebody in or out. `/.miagent/login` is
// the same form, and the one at agents' own host names, where `/login` is the service's.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

/// Whether a request may go on, or what it gets instead.
enum Admission {
    case granted(Grant)
    case refused(OwnResponse)
}

extension AccessControl {
    /// Lets the request pass `policy`, or says what it gets instead. `agentID`: whose policy it is; nil: the gateway's own.
    func admit(
        _ request: VisitorRequest, from peer: String, by policy: AccessPolicy, agentID: String?, _ turn: inout Turn
    ) -> Admission {
        switch permission(request, from: peer, by: policy, turn.now) {
        case .granted(let grant): return .granted(grant)
        case .signedIn(let location, let cookie): return .refused(.redirect(to: location, cookie: cookie))
        case .refused(let error, let problem):
            logRefusal(error, problem, request, peer, policy, &turn)
            let view = LoginView(agentID: agentID, next: returnPath(to: request, agentID), problem: problem)
            return .refused(refusal(error, view, request))
        }
    }

    /// What a request for an agent's web service may do. Who may not learns nothing of who is here.
    func admit(_ request: VisitorRequest, from peer: String, to agentID: String, _ turn: inout Turn) -> Admission {
        let policies = environment.access
        guard policies.guardsAgents else { return .granted(Grant()) }
        let policy = policies.policy(for: agentID)
        if policy.isOpen { return .granted(Grant()) }
        if isPassingPreflight(request, from: peer, by: policy) {
            return .granted(Grant(removesToken: true, isPreflight: true))
        }
        return admit(request, from: peer, by: policy, agentID: agentID, &turn)
    }

    /// `GET /login` shows the form, `POST` takes it.
    func login(_ request: VisitorRequest, from peer: String, body: [UInt8], _ turn: inout Turn) -> OwnResponse {
        let isPost = request.head.method == "POST"
        let form = LoginForm(isPost ? body : Array(request.query ?? []))
        guard let policy = policy(ofScope: form.scope) else { return .error(.notFound, to: request) }
        let agentID = form.scope.isEmpty ? nil : form.scope
        let next = ReturnPath.validated(form.next.utf8) ?? startPage(of: agentID, request.head)
        let visitor = environment.forwarding.provenance(peer, of: request)
        guard policy.admits(visitor.client) else { return .error(.forbidden, to: request) }
        if !signer.canSign || policy.tokens.isEmpty || !isPost && isLoggedIn(visitor, policy, turn.now) {
            return .redirect(to: next)
        }
        var view = LoginView(agentID: agentID, next: String(decoding: next, as: UTF8.self))
        guard isPost else { return loginPage(&view, request) }
        if let (error, problem) = objection(to: form, visitor, policy, turn.now) {
            view.problem = problem
            logRefusal(error, problem, request, peer, policy, &turn)
            return refusal(error, view, request)
        }
        return .redirect(to: next, cookie: loginCookie(visitor, policy, token: form.token, turn.now))
    }

    /// Why this form logs no one in.
    private func objection(
        to form: LoginForm, _ visitor: Provenance, _ policy: AccessPolicy, _ now: Moment
    ) -> (GatewayError, LoginProblem)? {
        guard environment.forwarding.isFromHere(visitor) else { return (.crossSite, .crossSite) }
        if let wait = waitForAttempt(visitor.client, now) { return (.tooManyAttempts(wait), .tooManyAttempts(wait)) }
        if policy.accepts(form.token) { return nil }
        attemptFailed(visitor.client, now)
        return (.unauthorized, .wrongToken)
    }

    /// `POST /.miagent/logout`: the browser forgets the cookie. Nothing is remembered of it here; all logins of a token end
    /// when it is rotated.
    func logout(_ request: VisitorRequest, from peer: String, body: [UInt8]) -> OwnResponse {
        let form = LoginForm(body)
        let visitor = environment.forwarding.provenance(peer, of: request)
        guard let policy = policy(ofScope: form.scope) else { return .error(.notFound, to: request) }
        guard environment.forwarding.isFromHere(visitor) else { return .error(.crossSite, to: request) }
        let next = ReturnPath.validated(form.next.utf8) ?? [UInt8(ascii: "/")]
        let isSecure = environment.forwarding.isSecure(visitor)
        return .redirect(to: next, cookie: policy.scope.setCookie("", seconds: 0, isSecure: isSecure))
    }

    /// Whether a cookie is accepted for the gateway's own pages, so that there is something to log out of.
    func canLogOut(_ request: VisitorRequest, from peer: String, _ now: Moment) -> Bool {
        let policy = environment.access.console
        guard !policy.tokens.isEmpty else { return false }
        return isLoggedIn(environment.forwarding.provenance(peer, of: request), policy, now)
    }

    // MARK: Refusals

    /// A missing and a wrong token read alike to whoever sent it; the log says which it was.
    private func logRefusal(
        _ error: GatewayError, _ problem: LoginProblem?, _ request: VisitorRequest, _ peer: String, _ policy: AccessPolicy,
        _ turn: inout Turn
    ) {
        guard error == .unauthorized else { return }
        let isWrong = problem == .wrongToken
        turn.log(
            isWrong ? .warning : .debug, "visitor.unauthorized",
            [
                .init("peer", environment.forwarding.clientText(peer, request.head.fields)),
                .init("for", policy.scope == .gateway ? "the gateway's pages" : policy.scope.text),
                .init("reason", isWrong ? "the token is wrong" : "no token came"),
            ])
    }

    /// Says that the visitor may not; to a person with the form by which it may.
    private func refusal(_ error: GatewayError, _ view: LoginView, _ request: VisitorRequest) -> OwnResponse {
        guard error != .forbidden, error != .crossSite || view.problem == .crossSite, signer.canSign, request.head.isByBrowser
        else { return .error(error, to: request) }
        var view = view
        var page = loginPage(&view, request)
        page.status = error.status
        page.mark(as: error, to: request)
        return page
    }

    private func loginPage(_ view: inout LoginView, _ request: VisitorRequest) -> OwnResponse {
        view.action = environment.router.isAgentHost(request.head.fields) ? "\(OwnRoute.root)login" : "/login"
        return .page(LoginPage.render(view, .of(request)), for: request)
    }

    /// Where the visitor wanted to go, without its token.
    private func returnPath(to request: VisitorRequest, _ agentID: String?) -> String {
        let rest = QueryToken(in: request.query).map { $0.rest } ?? request.query.map { Array($0) }
        let wanted = (request.target?.path ?? []) + (rest.map { [UInt8(ascii: "?")] + $0 } ?? [])
        return String(decoding: ReturnPath.validated(wanted) ?? startPage(of: agentID, request.head), as: UTF8.self)
    }

    private func startPage(of agentID: String?, _ head: HTTPRequestHead) -> [UInt8] {
        guard let agentID, !environment.router.isAgentHost(head.fields) else { return [UInt8(ascii: "/")] }
        return Array("\(environment.configuration.web.pathPrefix)/\(agentID)/".utf8)
    }

    /// The policy that a form names: an agent's by its id, the gateway's own by nothing.
    private func policy(ofScope scope: String) -> AccessPolicy? {
        if scope.isEmpty { return environment.access.console }
        return AgentDescription.isValidID(scope) ? environment.access.policy(for: scope) : nil
    }
}
