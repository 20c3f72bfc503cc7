// Who may pass where, worked out of the configuration once, so that a request only looks it up: a door for the gateway's own pages,
// one for all web services, and one for each agent that has tokens, a list or openness of its own.

import WebConsole

/// What a visitor must bring along.
struct Door: Sendable, Hashable {
    /// What a login opens.
    var scope: LoginScope
    /// Any of these; empty: nothing.
    var tokens: [String] = []
    /// From where; empty: from anywhere.
    var allow: [AddressRange] = []

    /// Whether there is nothing to ask.
    var isOpen: Bool { tokens.isEmpty && allow.isEmpty }
}

/// The doors.
struct AccessRules: Sendable, Hashable {
    let console: Door
    private let webServices: Door
    /// By name.
    private let ofAgents: [String: Door]
    private let inspected: [String: Bool]
    /// Who may register as which agent.
    let admission: AgentAdmission
    /// Whether some agent's door is not open.
    let guardsAgents: Bool
    /// Whether anybody can hold a cookie of ours.
    let issuesCookies: Bool

    init(_ configuration: GatewayConfiguration) {
        let webServices = Self.webServices(configuration)
        self.webServices = webServices
        console = Self.console(configuration)
        var ofAgents: [String: Door] = [:]
        let agents = configuration.agentsByName
        for (name, access) in agents where access.changesDoor {
            var door = webServices
            if !access.authTokens.isEmpty {
                (door.scope, door.tokens) = (.agent(name), access.authTokens)
            } else if access.isPublic {
                door.tokens = []
            }
            if !access.allow.isEmpty { door.allow = access.allow }
            ofAgents[name] = door
        }
        inspected = agents.compactMapValues(\.inspects)
        admission = AgentAdmission(configuration)
        self.ofAgents = ofAgents
        guardsAgents = !webServices.isOpen || ofAgents.values.contains { !$0.isOpen }
        issuesCookies =
            configuration.web.rescues || ([console, webServices] + ofAgents.values).contains { !$0.tokens.isEmpty }
    }

    private static func webServices(_ configuration: GatewayConfiguration) -> Door {
        Door(scope: .webServices, tokens: configuration.web.authTokens, allow: configuration.web.allow)
    }

    /// The door of the gateway's own pages, which name all agents: its own tokens, else what guards the web services, so that a login
    /// is one for both. Where single agents alone are guarded, each of their tokens opens it: their holders learn less than everybody
    /// would.
    fileprivate static func console(_ configuration: GatewayConfiguration) -> Door {
        let (page, webServices) = (configuration.statusPage, webServices(configuration))
        if !page.authTokens.isEmpty { return Door(scope: .gateway, tokens: page.authTokens) }
        guard !page.isPublic else { return Door(scope: .gateway) }
        guard webServices.tokens.isEmpty else { return webServices }
        let tokens = configuration.agentsByName.sorted { $0.key < $1.key }.flatMap(\.value.authTokens)
        return Door(scope: .gateway, tokens: tokens, allow: webServices.allow)
    }

    /// The door of an agent's web service.
    func door(of agentID: String) -> Door {
        ofAgents.isEmpty ? webServices : ofAgents[AgentName.of(agentID)] ?? webServices
    }

    /// Whether the settings say that what this agent exchanges is recorded, or that it is not; nil: they do not say.
    func inspects(_ agentID: String) -> Bool? { inspected.isEmpty ? nil : inspected[AgentName.of(agentID)] }
}

extension AgentAccess {
    fileprivate var changesDoor: Bool { !authTokens.isEmpty || isPublic || !allow.isEmpty }
}

extension GatewayConfiguration {
    /// What stands open to other machines although nobody said that it should: behind it may be somebody's shell.
    public var warnings: [StatusWarning] {
        guard isReachableFromOutside else { return [] }
        var warnings: [StatusWarning] = []
        if gatewayTokens.isEmpty { warnings.append(.openToAgents) }
        if web.isEnabled, web.authTokens.isEmpty, web.allow.isEmpty, !web.isPublic {
            warnings.append(.openToVisitors)
        } else if statusPage.isEnabled, !statusPage.isPublic, AccessRules.console(self).isOpen {
            warnings.append(.openStatusPage)
        }
        return warnings
    }
}
