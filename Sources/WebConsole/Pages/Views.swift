// What the smaller pages show.

/// The help page: how to set things up with this gateway.
public struct HelpView: Sendable, Hashable {
    /// The gateway's address, `http(s)://host[:port]`.
    public var address: String
    /// Where agents connect, `ws(s)://host[:port]/agent`.
    public var agentURL: String
    /// Beneath which path web services are, such as `/web`.
    public var pathPrefix: String
    /// The address of some agent's web service, for examples.
    public var exampleURL: String
    /// The agent whose address is shown as QR code.
    public var agentID: String?
    /// The address of that agent's web service.
    public var agentWebURL: String?
    /// Whether agents must present a token.
    public var needsGatewayToken = false
    /// Whether visitors must present one.
    public var needsVisitorToken = false
    /// Where `{agentId}.{subdomainHost}` leads to agents; nil: only paths do.
    public var subdomainHost: String?
    /// Whether a cookie of a login came with the request, so that the page offers to log out.
    public var canLogOut = false

    /// The help page of a gateway at this address.
    public init(address: String, agentURL: String, pathPrefix: String, exampleURL: String) {
        self.address = address
        self.agentURL = agentURL
        self.pathPrefix = pathPrefix
        self.exampleURL = exampleURL
    }
}

/// Why a login did not succeed.
public enum LoginProblem: Sendable, Hashable {
    /// The token is wrong.
    case wrongToken
    /// Too many attempts from this address; the seconds to wait.
    case tooManyAttempts(seconds: Int)
    /// The session is over.
    case expired
    /// The form was sent from another site.
    case crossSite
}

/// The login form.
public struct LoginView: Sendable, Hashable {
    /// The agent to log in to; nil: the gateway's own pages.
    public var agentID: String?
    /// The path to return to, validated by the caller.
    public var next: String
    /// Why the last attempt failed.
    public var problem: LoginProblem?
    /// Where the form is sent.
    public var action = "/login"

    /// A form that leads to `next`.
    public init(agentID: String? = nil, next: String, problem: LoginProblem? = nil) {
        self.agentID = agentID
        self.next = next
        self.problem = problem
    }
}

/// An error of the gateway's own.
public struct ErrorView: Sendable, Hashable {
    /// The status of the response.
    public var status: Int
    /// The stable code, such as `agent-offline`; its texts are in the language files.
    public var code: String
    /// What the texts speak of, by name: `agent`, `reason`, `seconds`, `limit`, `allow`.
    public var values: [String: String] = [:]
    /// The request's id, which logs have too; empty: not shown.
    public var requestID = ""
    /// What happened, in English; shown where the language files have no text for the code.
    public var explanation: String

    /// An error of which only the essentials are known.
    public init(status: Int, code: String, explanation: String) {
        self.status = status
        self.code = code
        self.explanation = explanation
    }
}

/// The request inspector of one agent.
public struct InspectorView: Sendable, Hashable {
    /// The heading, mostly the agent's id.
    public var title: String
    /// The agent; nil in the agent's own inspector.
    public var agentID: String?
    /// What the inspector's addresses begin with: `/.miagent/agents/pi` or `/api`.
    public var api: String
    /// Whether exchanges may be sent again.
    public var canReplay = true
    /// The address of the link back; nil: there is none.
    public var home: String?

    /// An inspector that reads from `api`.
    public init(title: String, api: String) {
        self.title = title
        self.api = api
    }
}
