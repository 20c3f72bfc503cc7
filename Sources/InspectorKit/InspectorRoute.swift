// The addresses of the local inspector (Docs/Protocol.md, "The inspector"), and which requests to them are refused by their
// heads alone: those to names that are not of this machine, methods that an address does not have, and orders from pages of
// other sites.

import HTTPCodec
import Inspection
import MachineCore

/// One of the inspector's addresses.
enum InspectorRoute: Equatable {
    case page
    case exchanges
    /// One exchange; nil: what is in the place of its number is none.
    case exchange(UInt64?)
    case events
    case replay
    case unknown

    init(path: ArraySlice<UInt8>) {
        let path = String(decoding: path, as: UTF8.self)
        let prefix = "/api/exchanges/"
        switch path {
        case "/": self = .page
        case "/api/exchanges": self = .exchanges
        case "/api/events": self = .events
        case "/api/replay": self = .replay
        case _ where path.hasPrefix(prefix): self = .exchange(UInt64(path.dropFirst(prefix.count)))
        default: self = .unknown
        }
    }

    /// The methods that it has, as `Allow` lists them.
    private var methods: [String] {
        switch self {
        case .page, .exchanges, .exchange, .events, .unknown: ["GET", "HEAD"]
        case .replay: ["POST"]
        }
    }

    /// The response that refuses a request with this head; nil if it is accepted.
    static func refusal(of head: HTTPRequestHead) -> InspectorResponse? {
        // A page at `http://evil.example/` whose name leads here (DNS rebinding) sends that name as `Host`.
        guard isOfThisMachine(head.fields[.host] ?? "") else {
            return .error(421, "bad-host", "This inspector is for this machine alone: use the address that agentd prints.")
        }
        let route = head.path.map { InspectorRoute(path: $0) } ?? .unknown
        guard route.methods.contains(head.method) else {
            return .methodNotAllowed(route.methods.joined(separator: ", "))
        }
        guard route == .replay else { return nil }
        if isFromElsewhere(head) { return .error(403, "cross-site", "A page of another site may not ask for this.") }
        guard ReplayRequest.accepts(contentType: head.fields[.contentType]) else {
            return .badReplay("Content-Type must be application/json")
        }
        return nil
    }

    private static func isOfThisMachine(_ host: String) -> Bool {
        LoopbackHost.containsHost(of: host)
    }

    /// Whether a browser says that a page of another origin sends this. Programs that are no browsers say nothing.
    private static func isFromElsewhere(_ head: HTTPRequestHead) -> Bool {
        if let site = head.fields[.secFetchSite], site != "same-origin", site != "none" { return true }
        return !SameOrigin.accepts(head.fields, hosts: [head.fields[.host] ?? ""], isSecure: false)
    }
}

extension HTTPRequestHead {
    /// The path of a target that is one (RFC 9112 §3.2.1); nil for other targets.
    var path: ArraySlice<UInt8>? {
        target.first == UInt8(ascii: "/") ? target.prefix { $0 != UInt8(ascii: "?") } : nil
    }

    /// What is behind the target's first `?`; nil without one.
    var query: ArraySlice<UInt8>? {
        target.firstIndex(of: UInt8(ascii: "?")).map { target[($0 + 1)...] }
    }
}
