// What is particular about single agents, which names agents may have, and who wins when two want the same one.

import SettingsCore
import TunnelLink

/// What is particular about one agent.
public struct AgentAccess: Sendable, Hashable {
    /// What this agent presents, instead of the common ones; empty: the common ones.
    public var tokens: [String] = []
    /// What its visitors present, instead of the common ones; empty: the common ones.
    public var authTokens: [String] = []
    /// Whether the inspector records what it exchanges; nil: if the agent asks for it.
    public var inspects: Bool?
    /// Anybody may visit it, although there are common tokens; tokens of its own come before this.
    public var isPublic = false
    /// From where visitors may come, instead of the common list; empty: the common list.
    public var allow: [AddressRange] = []
    /// Nothing particular.
    public init() {}
    /// Nothing particular but whether it is inspected.
    init(inspects: Bool) { self.inspects = inspects }
}

/// What happens when an agent registers under an id that is connected.
public enum DuplicateAgents: String, Sendable, Hashable, CaseIterable {
    /// The new connection wins: the old one may be dead without either end knowing.
    case replace
    /// The old connection stays.
    case reject
    /// All stay and share the work: a request goes to the one with the fewest under way.
    case balance
}

extension SettingsObject {
    /// Agents by id.
    public static let agents = SettingsObject("agents", name: "id", "Single agents by id; the case of an id does not matter.")
}

extension GatewayConfiguration {
    mutating func readAgents(from reader: inout SettingsReader) {
        reader.read(
            .tokens("gatewayToken", "What agents present to connect; several for rotation.").defaulting(to: "none: open"),
            into: &gatewayTokens)
        reader.read(
            .choice(
                "duplicateAgents",
                "Which connection wins when an id registers that is connected: the new one, the old one, or all share the work."
            ),
            into: &duplicateAgents)
        readNames(from: &reader)
        var agents: [String: AgentAccess] = [:]
        var ids: [String: String] = [:]
        reader.each(.agents) { id, agent in
            if !AgentDescription.isValidID(id) {
                agent.problem("", "is no agent's: an id is 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot")
            } else if let other = ids.updateValue(id, forKey: AgentName.of(id)) {
                agent.problem("", "differs from \"\(other)\" in case alone, and is the same agent: put the two together")
            }
            agents[id] = AgentAccess(from: &agent)
        }
        self.agents = agents
    }

    private mutating func readNames(from reader: inout SettingsReader) {
        reader.read(
            .texts("reservedAgents", "Ids that no agent may have; with `subdomainHost` also the host of `publicUrl`.")
                .defaulting(to: "`www`, with `channels.webService.subdomainHost`"), into: &reservedAgents)
        if reservedAgents?.allSatisfy({ AgentDescription.isValidID($0) }) == false {
            reader.problem("reservedAgents", "must hold ids, such as \"www\": 1 to 64 of A-Z a-z 0-9 . _ - each")
        }
        reader.read(
            .texts(
                "agentOrigins", "Origins of pages that may connect as agents; any other handshake with an `Origin` gets 403."),
            into: &agentOrigins)
        agentOrigins = agentOrigins.map { $0.lowercased() }
        if !agentOrigins.allSatisfy(AgentOrigin.isOrigin) {
            reader.problem("agentOrigins", "must hold origins as browsers send them, such as \"https://console.example.com\"")
        }
    }
}

extension AgentAccess {
    fileprivate init(from reader: inout SettingsReader) {
        let common = "the common ones"
        reader.read(.tokens("token", "What this agent presents to connect.").defaulting(to: common), into: &tokens)
        reader.read(.tokens("authToken", "What its visitors present.").defaulting(to: common), into: &authTokens)
        reader.read(
            .flag("inspect", "Whether the inspector records its exchanges; has no effect with `inspector.mode` `off`.")
                .defaulting(to: "what the agent asks for"), into: &inspects)
        reader.read(.flag("public", "Whether anybody may visit it although there are common tokens."), into: &isPublic)
        if isPublic, !authTokens.isEmpty { reader.problem("public", "cannot be true beside an authToken of the same agent") }
        reader.read(
            .allowed("allow", "Addresses and ranges from which it may be visited.").defaulting(to: "the common list"),
            into: &allow)
    }
}
