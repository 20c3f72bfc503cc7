// The gateway's own addresses, and what each asks of a request before it is answered: which methods, whose permission, which loop
// (loop 0 knows of all agents what is told between loops; what an agent exchanged is known to its own loop alone), how much body.

import HTTPCodec
import TunnelLink
import WebConsole

/// One of the gateway's own addresses.
enum OwnRoute: Equatable, Sendable {
    case statusPage
    case help
    case login
    case logout
    case health
    case readiness
    case metrics
    case openAPI
    /// The list of agents, and what happens to them as server-sent events; the plots.
    case agents
    case events
    case series
    /// The inspector of one agent: its page, its exchanges, one of them, those to come, and one of them again.
    case inspectorPage(String)
    case exchanges(String)
    case exchange(String, UInt64)
    case exchangeEvents(String)
    case replay(String)

    /// Where a request is answered.
    enum Home: Equatable {
        case anywhere
        case firstLoop
        case loopOf(String)
    }

    var home: Home {
        switch self {
        case .help, .login, .logout, .health, .readiness, .openAPI: .anywhere
        case .statusPage, .metrics, .agents, .events, .series: .firstLoop
        case .inspectorPage(let id), .exchanges(let id), .exchange(let id, _), .exchangeEvents(let id), .replay(let id):
            .loopOf(id)
        }
    }

    /// The methods that it answers, as `Allow` has them.
    var methods: String {
        switch self {
        case .logout, .replay: "POST"
        case .login: "GET, HEAD, POST"
        default: "GET, HEAD"
        }
    }

    /// Whether only those who may see the status page get an answer.
    var isProtected: Bool {
        switch self {
        case .health, .readiness, .login, .logout: false
        default: true
        }
    }

    /// The largest body of a POST, in bytes.
    var maximumBody: Int {
        switch self {
        case .login, .logout: 16 * 1024
        case .replay: ReplayRequest.maximumJSONBytes
        default: 0
        }
    }
}

extension OwnRoute {
    /// What is at `path`; nil: nothing of ours.
    init?(path: ArraySlice<UInt8>) {
        for (text, route) in Self.fixed where path.elementsEqual(text.utf8) {
            self = route
            return
        }
        let parts = path.dropFirst().split(separator: UInt8(ascii: "/"), maxSplits: 5, omittingEmptySubsequences: false)
        guard let route = Self.ofAgent(parts.map { String(decoding: $0, as: UTF8.self) }) else { return nil }
        self = route
    }

    private static let fixed: [(String, OwnRoute)] = [
        ("/", .statusPage), ("/help", .help), ("/login", .login), ("/logout", .logout), ("/healthz", .health),
        ("/readyz", .readiness), ("/metrics", .metrics), ("/api/openapi.json", .openAPI), ("/api/agents", .agents),
        ("/api/events", .events), ("/api/series", .series),
    ]

    /// First words of paths of ours: nothing beneath them belongs to a service.
    static let reservedPaths = ["/agent", "/api", "/healthz", "/readyz", "/metrics", "/login", "/logout", "/help", "/inspect"]

    private static func ofAgent(_ parts: [String]) -> OwnRoute? {
        switch (parts.count, parts.first) {
        case (2, "inspect") where AgentDescription.isValidID(parts[1]): .inspectorPage(parts[1])
        case (4..., "api") where parts[1] == "agents" && AgentDescription.isValidID(parts[2]):
            switch (parts.count, parts[3]) {
            case (4, "exchanges"): .exchanges(parts[2])
            case (4, "events"): .exchangeEvents(parts[2])
            case (4, "replay"): .replay(parts[2])
            case (5, "exchanges"): UInt64(parts[4]).map { .exchange(parts[2], $0) }
            default: nil
            }
        default: nil
        }
    }
}
