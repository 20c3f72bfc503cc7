// The gateway's own pages: status, request inspector, metrics.

import SettingsCore

/// The page at `/`.
public struct StatusPageConfiguration: Sendable, Hashable {
    /// Whether it is there at all; `/.miagent/agents` with it.
    public var isEnabled = true
    /// What its visitors present; empty: what opens the web services, and where nothing does, it is open.
    public var authTokens: [String] = []
    /// It is open although web services are not, and that is not warned of; tokens of its own come before this.
    public var isPublic = false
    /// The defaults.
    public init() {}

    mutating func read(from reader: inout SettingsReader) {
        reader.read(
            .flag(
                "statusPage.enabled",
                "Whether there is the page at `/`, and with it `/metrics` and what is beneath `/.miagent/`."), into: &isEnabled)
        reader.read(
            .tokens(
                "statusPage.authToken", "What opens these pages; without any token, or list of addresses, they are open."
            )
            .defaulting(to: "what guards the web services"), into: &authTokens)
        reader.read(
            .flag(
                "statusPage.public",
                "Whether these pages are open although web services are not; without it an open page is warned of."),
            into: &isPublic)
        if isPublic, !authTokens.isEmpty { reader.problem("statusPage.public", "cannot be true beside statusPage.authToken") }
    }
}

/// The request inspector.
public struct InspectorConfiguration: Sendable, Hashable {
    /// Whose exchanges are recorded.
    public enum Mode: String, Sendable, Hashable, CaseIterable {
        /// None.
        case off
        /// Those of the agents that ask for it, or of which the configuration says so.
        case agents
        /// Those of all agents.
        case all
    }

    /// Whose exchanges are recorded.
    public var mode = Mode.agents
    /// What all exchanges together may take, in bytes; loops share it.
    public var maximumBytes = 16 * 1_048_576
    /// How much of each body is kept, in bytes, of the request and of the response.
    public var maximumBodyBytes = 65_536
    /// Whether exchanges may be sent again.
    public var allowsReplay = true
    /// Whether who may see the status page without a token may see exchanges too.
    public var isPublic = false
    /// The defaults.
    public init() {}

    mutating func read(from reader: inout SettingsReader) {
        reader.read(
            .choice(
                "inspector.mode",
                "Which agents' exchanges the request inspector records: none, those of agents that ask for it (`inspectAtGateway`),"
                    + " or all."), into: &mode)
        reader.read(
            .mebibytes("inspector.memoryMiB", in: 1...65_536, "What all recorded exchanges may take together.")
                .beyond("the oldest are forgotten"), into: &maximumBytes)
        reader.read(
            .integer("inspector.maxBody", in: 0...16 << 20, unit: .bytes, "How much the inspector keeps of each body.")
                .beyond("the rest is not kept"), into: &maximumBodyBytes)
        reader.read(.flag("inspector.replay", "Whether requests may be sent again from the inspector."), into: &allowsReplay)
        reader.read(
            .flag(
                "inspector.public",
                "Whether the inspector is open without `statusPage.authToken` to everybody who may visit the agent."),
            into: &isPublic)
    }
}

/// `/metrics`.
public struct MetricsConfiguration: Sendable, Hashable {
    /// Whether it is there at all.
    public var isEnabled = true
    /// How many agents have samples of their own; of more, only the first by id do.
    public var maximumAgents = 1_000
    /// The defaults.
    public init() {}

    mutating func read(from reader: inout SettingsReader) {
        reader.read(
            .flag("metrics.enabled", "Whether there is `/metrics`, for whoever may see the status page."), into: &isEnabled)
        reader.read(
            .integer(
                "metrics.perAgent", in: 0...100_000, "How many agents have samples of their own; of more, the first by id."),
            into: &maximumAgents)
    }
}
