// Logging in and out with a browser. A form takes the token to `/login`, and a cookie comes back; `/.miagent/logout` takes the
// cookie back. Both must be sent by a page of this host, else another site could log somebody in or out. `/.miagent/login` is the same
// form, and the one at agents' own host names, where `/login` is the service's.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

extension Gateway {
    /// Lets the visitor through `door`, or answers it: then nil. `agentID`: whose door it is; nil: the gateway's own.
    mutating func pass(
        _ id: ConnectionID, _ request: VisitorRequest, _ door: Door, agentID: String?, _ now: Moment, _ outputs: inout Outputs
    ) -> Grant? {
        switch permission(id, request.head, door, now) {
        case .granted(let grant): return grant
        case .signedIn(let location, let cookie):
            answer(id, .redirect(to: location, cookie: cookie), to: request, now, &outputs)
        case .refused(let error, let problem):
            logRefusal(error, problem, id, request.head, door, &outputs)
            var view = LoginView(agentID: agentID, next: returnPath(to: request.head, agentID), problem: problem)
            view.action = loginPath(for: request.head)
            answerRefusal(id, error, view, to: request, now, &outputs)
        }
        return nil
    }

    /// `GET /login` shows the form, `POST` takes it.
    mutating func login(
        _ id: ConnectionID, _ request: VisitorRequest, body: [UInt8], _ now: Moment, _ outputs: inout Outputs
    ) {
        let head = request.head
        let isPost = head.method == "POST"
        let form = LoginForm(isPost ? body : Array(Router.pathAndQuery(of: head.target)?.query ?? []))
        guard let door = door(ofScope: form.scope) else { return answer(id, .notFound, to: request, now, &outputs) }
        let agentID = form.scope.isEmpty ? nil : form.scope
        let next = ReturnPath.validated(form.next.utf8) ?? home(of: agentID, head)
        let visitor = provenance(id, head)
        guard door.admits(visitor.client) else { return answer(id, .forbidden, to: request, now, &outputs) }
        let isOver = !signer.canSign || door.tokens.isEmpty || !isPost && isLoggedIn(visitor, door, now)
        if isOver { return answer(id, .redirect(to: next), to: request, now, &outputs) }
        var view = LoginView(agentID: agentID, next: String(decoding: next, as: UTF8.self))
        view.action = loginPath(for: head)
        guard isPost else { return answer(id, loginPage(view, head), to: request, now, &outputs) }
        if let (error, problem) = objection(to: form, visitor, door, now) {
            view.problem = problem
            logRefusal(error, problem, id, head, door, &outputs)
            return answerRefusal(id, error, view, to: request, now, &outputs)
        }
        let cookie = loginCookie(visitor, door, token: form.token, now)
        answer(id, .redirect(to: next, cookie: cookie), to: request, now, &outputs)
    }

    /// Why nobody is logged in by this form.
    private mutating func objection(
        to form: LoginForm, _ visitor: Provenance, _ door: Door, _ now: Moment
    ) -> (GatewayError, LoginProblem)? {
        guard isFromHere(visitor) else { return (.crossSite, .crossSite) }
        if let wait = waitForAttempt(visitor.client, now) { return (.tooManyAttempts(wait), .tooManyAttempts(wait)) }
        if door.opens(to: form.token) { return nil }
        attemptFailed(visitor.client, now)
        return (.unauthorized, .wrongToken)
    }

    /// `POST /.miagent/logout`: the browser forgets the cookie. Nothing is remembered of it here; all logins of a token end when it is rotated.
    mutating func logout(
        _ id: ConnectionID, _ request: VisitorRequest, body: [UInt8], _ now: Moment, _ outputs: inout Outputs
    ) {
        let form = LoginForm(body)
        let visitor = provenance(id, request.head)
        guard let door = door(ofScope: form.scope) else { return answer(id, .notFound, to: request, now, &outputs) }
        guard isFromHere(visitor) else { return answer(id, .crossSite, to: request, now, &outputs) }
        let next = ReturnPath.validated(form.next.utf8) ?? [UInt8(ascii: "/")]
        let cookie = door.scope.setCookie("", seconds: 0, isSecure: isSecure(visitor))
        answer(id, .redirect(to: next, cookie: cookie), to: request, now, &outputs)
    }

    // MARK: Refusals

    /// A missing and a wrong token read alike to whoever sent it; the log says which it was.
    private func logRefusal(
        _ error: GatewayError, _ problem: LoginProblem?, _ id: ConnectionID, _ head: HTTPRequestHead, _ door: Door,
        _ outputs: inout Outputs
    ) {
        guard error == .unauthorized else { return }
        let isWrong = problem == .wrongToken
        log(
            isWrong ? .warning : .debug, "visitor.unauthorized",
            [
                .init("peer", clientText(id, head)),
                .init("for", door.scope == .gateway ? "the gateway's pages" : door.scope.text),
                .init("reason", isWrong ? "the token is wrong" : "no token came"),
            ], &outputs)
    }

    /// Says that the visitor may not; to a person with the form by which it may.
    private mutating func answerRefusal(
        _ id: ConnectionID, _ error: GatewayError, _ view: LoginView, to request: VisitorRequest, _ now: Moment,
        _ outputs: inout Outputs
    ) {
        guard error != .forbidden, error != .crossSite || view.problem == .crossSite, signer.canSign, request.head.isByBrowser
        else {
            return answer(id, error, to: request, now, &outputs)
        }
        var page = loginPage(view, request.head)
        page.status = error.status
        page.mark(as: error, to: request.head)
        answer(id, error, as: page, to: request, now, &outputs)
    }

    private func loginPage(_ view: LoginView, _ head: HTTPRequestHead) -> OwnAnswer {
        .page(LoginPage.render(view, language(of: head)), for: head)
    }

    private func loginPath(for head: HTTPRequestHead) -> String {
        router.isAgentHost(head.fields) ? "\(OwnRoute.root)login" : "/login"
    }

    /// Where the visitor wanted to go, without its token.
    private func returnPath(to head: HTTPRequestHead, _ agentID: String?) -> String {
        let (path, query) = Router.pathAndQuery(of: head.target) ?? ([], nil)
        let rest = QueryToken(in: query).map { $0.rest } ?? query.map { Array($0) }
        let wanted = path + (rest.map { [UInt8(ascii: "?")] + $0 } ?? [])
        return String(decoding: ReturnPath.validated(wanted) ?? home(of: agentID, head), as: UTF8.self)
    }

    private func home(of agentID: String?, _ head: HTTPRequestHead) -> [UInt8] {
        guard let agentID, !router.isAgentHost(head.fields) else { return [UInt8(ascii: "/")] }
        return Array("\(configuration.web.pathPrefix)/\(agentID)/".utf8)
    }

    /// The door that a form names: an agent's by its id, the gateway's own by nothing.
    private func door(ofScope scope: String) -> Door? {
        if scope.isEmpty { return access.console }
        return AgentDescription.isValidID(scope) ? access.door(of: scope) : nil
    }
}

extension OwnAnswer {
    /// To another path of this host (RFC 9110 §15.4.4).
    static func redirect(to path: [UInt8], cookie: String? = nil) -> OwnAnswer {
        var answer = OwnAnswer.text(303, "")
        // Both were made or checked here.
        try? answer.fields.append(.location, bytes: path[...])
        if let cookie { try? answer.fields.append(.setCookie, cookie) }
        return answer
    }
}
