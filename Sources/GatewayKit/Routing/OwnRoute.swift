// The gateway's own addresses, and what each requires of a request: which methods, whose permission, which loop
// (loop 0 has what is broadcast of all agents; what an agent exchanged is known to its owning loop alone), how much body.

import HTTPCodec
import Inspection
import TunnelLink

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

    /// Which loop has what the response is made of.
    enum Owner: Equatable {
        case anyLoop
        case firstLoop
        case loopOf(String)
    }

    var owner: Owner {
        switch self {
        case .help, .login, .logout, .health, .readiness, .openAPI: .anyLoop
        case .statusPage, .metrics, .agents, .events, .series: .firstLoop
        case .inspectorPage(let id), .exchanges(let id), .exchange(let id, _), .exchangeEvents(let id), .replay(let id):
            .loopOf(id)
        }
    }

    /// The methods that it takes, as `Allow` has them.
    var methods: String {
        switch self {
        case .logout, .replay: "POST"
        case .login: "GET, HEAD, POST"
        case .statusPage, .help, .health, .readiness, .metrics, .openAPI, .agents, .events, .series, .inspectorPage, .exchanges,
            .exchange, .exchangeEvents:
            "GET, HEAD"
        }
    }

    /// Whether only those who may see the status page get a response.
    var isProtected: Bool {
        switch self {
        case .health, .readiness, .login, .logout: false
        case .statusPage, .help, .metrics, .openAPI, .agents, .events, .series, .inspectorPage, .exchanges, .exchange,
            .exchangeEvents, .replay:
            true
        }
    }

    /// The largest body of a POST, in bytes.
    var maximumBody: Int {
        switch self {
        case .login, .logout: 16 * 1024
        case .replay: ReplayRequest.maximumJSONBytes
        case .statusPage, .help, .health, .readiness, .metrics, .openAPI, .agents, .events, .series, .inspectorPage, .exchanges,
            .exchange, .exchangeEvents:
            0
        }
    }

    /// The agent whose exchanges it shows or sends again; nil: it does neither.
    var inspectedAgent: String? {
        switch self {
        case .inspectorPage(let id), .exchanges(let id), .exchange(let id, _), .exchangeEvents(let id), .replay(let id): id
        case .statusPage, .help, .login, .logout, .health, .readiness, .metrics, .openAPI, .agents, .events, .series: nil
        }
    }
}

// MARK: Addresses

/// What an address of ours leads to.
struct OwnAddress: Equatable {
    let route: OwnRoute
    /// It was ours once and is still, as long as no service claims it.
    var isFormer = false
}

extension OwnRoute {
    /// Nothing beneath this belongs to a service, not even at an agent's own host name.
    static let root = "/.miagent/"

    /// What the gateway has beside `root`, for people who type and programs that watch.
    private static let outsideRoot: [(path: String, route: OwnRoute)] = [
        ("/", .statusPage), ("/login", .login), ("/healthz", .health), ("/readyz", .readiness), ("/metrics", .metrics),
    ]

    /// What is beneath `root`, and beneath what it once was; nil: it was nowhere else.
    private static let beneathRoot: [(name: String, formerRoot: String?, route: OwnRoute)] = [
        ("agents", "/api/", .agents), ("events", "/api/", .events), ("series", "/api/", .series),
        ("openapi.json", "/api/", .openAPI), ("help", "/", .help), ("logout", "/", .logout), ("login", nil, .login),
    ]

    /// All addresses but those of one agent's inspector, as they are written.
    static var paths: [String] { outsideRoot.map(\.path) + beneathRoot.map { root + $0.name } }

    /// Whether `path` is beneath `root`.
    static func isReserved(_ path: ArraySlice<UInt8>) -> Bool { path.starts(with: root.utf8) }

    /// What is at `path`; nil: nothing of ours.
    static func at(_ path: ArraySlice<UInt8>) -> OwnAddress? {
        if isReserved(path) {
            return beneath(path.dropFirst(root.utf8.count)).map { OwnAddress(route: $0.route) }
        }
        for (text, route) in outsideRoot where path.elementsEqual(text.utf8) { return OwnAddress(route: route) }
        for formerRoot in ["/api/", "/"] where path.starts(with: formerRoot.utf8) {
            guard let found = beneath(path.dropFirst(formerRoot.utf8.count)), found.formerRoot == formerRoot else { continue }
            return OwnAddress(route: found.route, isFormer: true)
        }
        return nil
    }

    private static func beneath(_ rest: ArraySlice<UInt8>) -> (route: OwnRoute, formerRoot: String?)? {
        for (name, formerRoot, route) in beneathRoot where rest.elementsEqual(name.utf8) { return (route, formerRoot) }
        let parts = rest.split(separator: UInt8(ascii: "/"), maxSplits: 4, omittingEmptySubsequences: false)
        return ofAgent(parts.map { String(decoding: $0, as: UTF8.self) })
    }

    private static func ofAgent(_ parts: [String]) -> (route: OwnRoute, formerRoot: String?)? {
        guard parts.count > 1, AgentDescription.isValidID(parts[1]) else { return nil }
        let id = parts[1]
        switch (parts.count, parts[0]) {
        case (2, "inspect"): return (.inspectorPage(id), "/")
        case (3..., "agents"):
            switch (parts.count, parts[2]) {
            case (3, "exchanges"): return (.exchanges(id), "/api/")
            case (3, "events"): return (.exchangeEvents(id), "/api/")
            case (3, "replay"): return (.replay(id), "/api/")
            case (4, "exchanges"): return UInt64(parts[3]).map { (.exchange(id, $0), "/api/") }
            default: return nil
            }
        default: return nil
        }
    }
}
