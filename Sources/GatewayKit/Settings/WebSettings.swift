// The web services behind agents, `channels.webService`: where they are, who may visit them, and how long they may take.

import HTTPCodec
import MachineCore
import SettingsCore

/// The web services behind agents: `channels.webService`.
public struct WebConfiguration: Sendable, Hashable {
    /// Whether visitors reach web services at all.
    public var isEnabled = true
    /// Beneath which path, without a trailing slash.
    public var pathPrefix = "/web"
    /// What visitors present; empty: open.
    public var authTokens: [String] = []
    /// That it is open is meant, and not warned of.
    public var isPublic = false
    /// From where visitors may come; empty: from anywhere.
    public var allow: [AddressRange] = []
    /// Whether `pathPrefix` leads to agents. Without, they have host names only, and no service shares an origin with another,
    /// or with the gateway's own pages.
    public var routesByPath = true
    /// The protocols to which a visitor may switch its connection (`Upgrade`). `h2c`, `TLS` and their like never are.
    public var upgrades = ["websocket"]
    /// How long a service may take until the head of its response.
    public var timeout = Duration.seconds(30)
    /// How long a request waits for an agent that is not here, known or not, so that a restart of the gateway, or a tunnel that
    /// broke, is a delay instead of an error; zero: not at all. Nil: 3 s, for agents that were lost in the last minute.
    public var agentWait: Duration?
    /// `{agentId}.` before this host name reaches an agent too; nil: only by path.
    public var subdomainHost: String?
    /// Whether what a page of a service asks for outside the prefix goes to that service.
    public var rescuesAbsolutePaths = true
    /// Whether CORS preflights, which can carry no token, reach the services that need one.
    public var passesPreflights = true
    /// How long a stream of server-sent events may be quiet before a comment is sent to the visitor; zero: for ever.
    public var sseKeepAlive = Duration.zero
    /// The largest request body, in bytes; 0: no limit.
    public var maximumBody: UInt64 = 0
    /// The defaults.
    public init() {}

    /// How long an agent is waited for that was lost in the last minute.
    static let usualAgentWait = Duration.seconds(3)
}

extension WebConfiguration {
    private static let base = "channels.webService."

    mutating func read(from reader: inout SettingsReader) {
        let base = Self.base
        reader.read(.flag(base + "enabled", "Whether visitors reach web services."), into: &isEnabled)
        readPaths(from: &reader)
        readAccess(from: &reader)
        reader.read(
            .milliseconds(base + "timeoutMs", in: 1...86_400_000, "How long a service may take to the head of its response.")
                .beyond(.serviceTimedOut(seconds: 0)), into: &timeout)
        reader.read(
            .milliseconds(
                base + "agentWaitMs", in: 0...60_000,
                "How long a request waits for an agent that is not here, so that a restart of the gateway is a delay instead of an"
                    + " error; it then holds for every agent, also one that this gateway has not seen. 0: not at all."
            ).defaulting(to: "\(Self.usualAgentWait.wholeMilliseconds) ms, for agents lost in the last minute")
                .beyond(.unknownAgent(""), .agentOffline("")), into: &agentWait)
        reader.read(
            .milliseconds(
                base + "sseKeepAliveMs", in: 0...86_400_000,
                "After how long a quiet `text/event-stream` response gets a comment; 0: never."), into: &sseKeepAlive)
        reader.read(
            Setting.integer(base + "maxBody", in: 0...Int.max, unit: .bytes, "The largest request body; 0: no limit.")
                .beyond(.bodyTooLarge(limit: 0))
                .parsed({ count, _ in UInt64(count) }, written: { .integer(Int64(clamping: $0)) }), into: &maximumBody)
        readUpgrades(from: &reader)
    }

    /// How agents are addressed.
    private mutating func readPaths(from reader: inout SettingsReader) {
        let base = Self.base
        reader.read(
            Setting.text(base + "pathPrefix", "The path beneath which agents are.")
                .parsed(Self.prefix, written: { .string($0) }), into: &pathPrefix)
        reader.read(
            Setting.text(
                base + "subdomainHost",
                "Agents are at `http://{agentId}.{subdomainHost}/` too; the host name alone, such as `example.com`."
            ).parsed(HostName.parse), into: &subdomainHost)
        reader.read(
            .flag(
                base + "byPath",
                "Whether `pathPrefix` leads to agents. Without, they have host names only, and no service shares an origin with another"
                    + " or with the gateway's own pages."), into: &routesByPath)
        if !routesByPath, subdomainHost == nil {
            reader.problem(base + "byPath", "can be false only if \(base)subdomainHost says how else agents are reached")
        }
        reader.read(
            .flag(
                base + "rescueAbsolutePaths",
                "Whether `/x`, asked for by a page beneath `/web/{agentId}/`, goes to that service"
                    + " (Docs/Access.md); cookies of services then keep `Path=/`."),
            into: &rescuesAbsolutePaths)
    }

    /// Who may visit them.
    private mutating func readAccess(from reader: inout SettingsReader) {
        let base = Self.base
        reader.read(
            .tokens(
                base + "authToken",
                "What visitors present as `Authorization: Bearer`, as the password of Basic, or in a browser's form."
            ).defaulting(to: "none: open"), into: &authTokens)
        reader.read(.flag(base + "public", "Whether open web services are meant to be, and not warned of."), into: &isPublic)
        if isPublic, !authTokens.isEmpty { reader.problem(base + "public", "cannot be true beside \(base)authToken") }
        reader.read(
            .allowed(
                base + "allow",
                "Addresses and ranges from which agents may be visited, such as `[\"10.0.0.0/8\", \"2001:db8::/32\"]`."
            ).defaulting(to: "anywhere"), into: &allow)
        reader.read(
            .flag(
                base + "passPreflight", "Whether CORS preflights, which can carry no token, reach services that need one."),
            into: &passesPreflights)
    }

    /// An empty list lets no connection leave HTTP.
    private mutating func readUpgrades(from reader: inout SettingsReader) {
        reader.read(
            Setting.texts(
                Self.base + "upgrades",
                "Protocols that a connection may be switched to (`Upgrade`); `h2c`, `TLS` and their like never."
            ).checked { names in
                let wrong = names.first { !HTTPUpgrade.isName($0) || HTTPUpgrade.isForbidden($0) }
                return wrong.map { name in
                    HTTPUpgrade.isName(name)
                        ? "cannot hold \"\(name)\": requests behind it would pass unseen; \"websocket\" is what pages use"
                        : "must be names of protocols, such as [\"websocket\"]; an empty list lets none pass"
                }
            }, into: &upgrades)
    }

    private static func prefix(_ text: String, _ refuse: (String) -> Void) -> String? {
        let trimmed = text.hasSuffix("/") ? String(text.dropLast()) : text
        if "\(trimmed)/".hasPrefix(OwnRoute.root) {
            refuse("must not be beneath \(OwnRoute.root), where the gateway's own pages are")
        }
        let isPath = trimmed.hasPrefix("/") && trimmed.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") }
        if !isPath { refuse("must be a path such as \"/web\"") }
        return isPath ? trimmed : nil
    }
}
