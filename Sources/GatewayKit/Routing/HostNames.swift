// The host names that belong to a gateway by its settings: what certificates may be for.

/// The host names of a gateway and of its agents.
public struct HostNames: Sendable, Hashable {
    /// The host of `publicUrl`, in lower case; nil: it is not set.
    public let publicHost: String?
    /// Agents have host names beneath it; nil: they have none.
    public let subdomainHost: String?
    /// Those of the agents in the settings, sorted.
    public let ofConfiguredAgents: [String]
    private let reserved: ReservedNames

    /// The names by these settings.
    public init(_ configuration: GatewayConfiguration) {
        publicHost = configuration.publicHost
        let subdomainHost = configuration.web.subdomainHost?.lowercased()
        let reserved = ReservedNames(configuration)
        self.subdomainHost = subdomainHost
        self.reserved = reserved
        ofConfiguredAgents = configuration.agents.keys.compactMap { Self.name($0, beneath: subdomainHost, reserved) }.sorted()
    }

    /// The host name of the agent with this id; nil: it has none.
    public func ofAgent(_ id: String) -> String? { Self.name(id, beneath: subdomainHost, reserved) }

    private static func name(_ id: String, beneath host: String?, _ reserved: ReservedNames) -> String? {
        guard let host, !reserved.contains(id) else { return nil }
        return "\(id).\(host)".lowercased()
    }
}
