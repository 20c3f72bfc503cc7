// Names that no agent may have, because they are the gateway's own: the host of `publicUrl`, where agents have host names
// beside it, and what `reservedAgents` lists. An agent that had one would take over the status page, `/login` and the tunnel's
// address.

import SettingsCore

/// Names that no agent may have.
struct ReservedNames: Sendable, Hashable {
    private let names: Set<String>

    init(_ configuration: GatewayConfiguration) {
        let suffix = configuration.web.subdomainHost.map { ".\($0.lowercased())" }
        var names = Set((configuration.reservedAgents ?? (suffix == nil ? [] : Self.byDefault)).map(AgentName.of))
        if let suffix, let host = configuration.publicHost, host.hasSuffix(suffix) {
            names.insert(String(host.dropLast(suffix.count)))
        }
        self.names = names
    }

    /// Whether an id, or the label of a host name, is one of them.
    func contains(_ id: String) -> Bool { !names.isEmpty && names.contains(AgentName.of(id)) }

    /// Where agents have host names, unless the settings say otherwise.
    static let byDefault = ["www"]
}

extension GatewayConfiguration {
    /// What stands between the two slashes of an `http` address and the next.
    static func authority(of address: String) -> Substring { address.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" } }

    /// The host name of `publicUrl` in lower case, without a port and without the dot of a complete name.
    var publicHost: String? {
        guard let publicURL else { return nil }
        var host = Self.authority(of: publicURL.lowercased()).prefix { $0 != "?" && $0 != "#" }
        if let at = host.lastIndex(of: "@") { host = host[host.index(after: at)...] }
        if let colon = host.lastIndex(of: ":"), host[colon...].dropFirst().allSatisfy(\.isNumber) { host = host[..<colon] }
        if host.hasSuffix(".") { host = host.dropLast() }
        return host.isEmpty ? nil : String(host)
    }

    /// Agents that are configured under a name of the gateway's own.
    func checkNames(_ reader: inout SettingsReader) {
        let reserved = ReservedNames(self)
        reader.each(.agents) { id, agent in
            guard reserved.contains(id) else { return }
            agent.problem("", "is a name of the gateway's own, by publicUrl or reservedAgents: give this agent another id")
        }
    }
}
