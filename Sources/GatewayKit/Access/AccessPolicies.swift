// Who may do what, worked out of the settings once, so that a request only looks it up: a policy for the gateway's own pages,
// one for all web services, and one for each agent that has tokens, a list or openness of its own.

import WebConsole

/// What a visitor must bring along.
struct AccessPolicy: Sendable, Hashable {
    /// What a login opens.
    var scope: LoginScope
    /// Any of these; empty: nothing.
    var tokens: [String] = []
    /// From where; empty: from anywhere.
    var allow: [AddressRange] = []

    /// Whether there is nothing to ask.
    var isOpen: Bool { tokens.isEmpty && allow.isEmpty }

    /// Whether one may come from this address. One that is not known is on no list.
    func admits(_ client: @autoclosure () -> NetworkAddress?) -> Bool {
        allow.isEmpty || client().map { allow.contains($0) } ?? false
    }

    /// Whether `token` is one of those that it takes.
    func accepts(_ token: String?) -> Bool { token.map { Authorization.accepts($0, among: tokens) } ?? false }
}

/// The policies of one gateway.
struct AccessPolicies: Sendable, Hashable {
    let console: AccessPolicy
    private let webServices: AccessPolicy
    /// By name.
    private let ofAgents: [String: AccessPolicy]
    private let inspected: [String: Bool]
    /// Who may register as which agent.
    let admission: AgentAdmission
    /// Whether some agent's policy is not open.
    let guardsAgents: Bool
    /// Whether anybody can hold a cookie of ours.
    let issuesCookies: Bool

    init(_ configuration: GatewayConfiguration) {
        let webServices = Self.webServices(configuration)
        self.webServices = webServices
        console = Self.console(configuration)
        var ofAgents: [String: AccessPolicy] = [:]
        let agents = configuration.agentsByName
        for (name, access) in agents where access.changesPolicy {
            var policy = webServices
            if !access.authTokens.isEmpty {
                (policy.scope, policy.tokens) = (.agent(name), access.authTokens)
            } else if access.isPublic {
                policy.tokens = []
            }
            if !access.allow.isEmpty { policy.allow = access.allow }
            ofAgents[name] = policy
        }
        inspected = agents.compactMapValues(\.inspects)
        admission = AgentAdmission(configuration)
        self.ofAgents = ofAgents
        guardsAgents = !webServices.isOpen || ofAgents.values.contains { !$0.isOpen }
        issuesCookies =
            configuration.web.rescues || ([console, webServices] + ofAgents.values).contains { !$0.tokens.isEmpty }
    }

    private static func webServices(_ configuration: GatewayConfiguration) -> AccessPolicy {
        AccessPolicy(scope: .webServices, tokens: configuration.web.authTokens, allow: configuration.web.allow)
    }

    /// The policy of the gateway's own pages, which name all agents: its own tokens, else what guards the web services, so that
    /// a login is one for both. Where single agents alone are guarded, it takes each of their tokens: their holders learn less
    /// than everybody would.
    fileprivate static func console(_ configuration: GatewayConfiguration) -> AccessPolicy {
        let (page, webServices) = (configuration.statusPage, webServices(configuration))
        if !page.authTokens.isEmpty { return AccessPolicy(scope: .gateway, tokens: page.authTokens) }
        guard !page.isPublic else { return AccessPolicy(scope: .gateway) }
        guard webServices.tokens.isEmpty else { return webServices }
        let tokens = configuration.agentsByName.sorted { $0.key < $1.key }.flatMap(\.value.authTokens)
        return AccessPolicy(scope: .gateway, tokens: tokens, allow: webServices.allow)
    }

    /// The policy of an agent's web service.
    func policy(for agentID: String) -> AccessPolicy {
        ofAgents.isEmpty ? webServices : ofAgents[AgentName.of(agentID)] ?? webServices
    }

    /// Whether the settings say that what this agent exchanges is recorded, or that it is not; nil: they do not say.
    func inspects(_ agentID: String) -> Bool? { inspected.isEmpty ? nil : inspected[AgentName.of(agentID)] }
}

extension AgentAccess {
    fileprivate var changesPolicy: Bool { !authTokens.isEmpty || isPublic || !allow.isEmpty }
}

extension GatewayConfiguration {
    /// What stands open to other machines although no setting says so: behind it may be somebody's shell.
    public var warnings: [StatusWarning] {
        guard isReachableFromOutside else { return [] }
        var warnings: [StatusWarning] = []
        if gatewayTokens.isEmpty { warnings.append(.openToAgents) }
        if web.isEnabled, web.authTokens.isEmpty, web.allow.isEmpty, !web.isPublic {
            warnings.append(.openToVisitors)
        } else if statusPage.isEnabled, !statusPage.isPublic, AccessPolicies.console(self).isOpen {
            warnings.append(.openStatusPage)
        }
        return warnings
    }
}
