// Who may register as which agent: the tokens of `gatewayToken` and `agents.{id}.token`, worked out of the configuration once.
//
// Ids that differ in case alone are one name, since they share a host name (RFC 4343). So everything that is decided by an id
// is decided by its name: `PI` needs the token of `pi`, and its visitors the visitors' token of `pi`.

/// Who may register as which agent.
struct AgentAdmission: Sendable, Hashable {
    private let common: [String]
    /// By name; only those that have any.
    private let own: [String: [String]]
    let reserved: ReservedNames

    init(_ configuration: GatewayConfiguration) {
        common = configuration.gatewayTokens
        reserved = ReservedNames(configuration)
        own = configuration.agentsByName.mapValues(\.tokens).filter { !$0.value.isEmpty }
    }

    /// Any of these opens the id to agents; none: it is open. Nil: an agent that has not said its id.
    func tokens(for agentID: String?) -> [String] {
        guard !own.isEmpty, let agentID else { return common }
        return own[AgentName.of(agentID)] ?? common
    }

    func needsToken(_ agentID: String?) -> Bool { !tokens(for: agentID).isEmpty }

    func accepts(_ token: String?, for agentID: String?) -> Bool {
        let tokens = tokens(for: agentID)
        return tokens.isEmpty || Authorization.accepts(token ?? "", among: tokens)
    }

    /// Whether some agent has this token of its own. Which one it may be is checked when it says who it is.
    func isSomebodys(_ token: String) -> Bool {
        own.values.reduce(false) { Authorization.accepts(token, among: $1) || $0 }
    }
}

extension GatewayConfiguration {
    /// The particulars of agents by name. Settings with two keys for one name are refused; of those that a program made, the
    /// first in the order of the keys counts.
    var agentsByName: [String: AgentAccess] {
        Dictionary(agents.sorted { $0.key < $1.key }.map { (AgentName.of($0.key), $0.value) }) { first, _ in first }
    }
}
