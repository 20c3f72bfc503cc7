// Which exchanges a person wants to see, as a query says it. Parameters that are unknown or malformed filter nothing.

/// Picks exchanges.
public struct ExchangeFilter: Sendable, Hashable {
    /// Which responses.
    public enum Status: Sendable, Hashable {
        /// Those with this first digit: `2xx`.
        case group(Int)
        /// This one.
        case exactly(Int)
        /// Exchanges that did not end with a complete response of the service: cut, cancelled, or with an error of our own.
        case failed
    }

    /// Of this agent only; nil: of all.
    public var agentID: String?
    /// With this method only, in capital letters.
    public var method: String?
    /// With such a response only.
    public var status: Status?
    /// With this text in path or query, whatever its case; empty: all.
    public var text = ""
    /// At most so many, the newest.
    public var limit = Int.max

    /// Lets everything through.
    public init() {}

    /// What `method=GET&status=2xx&text=/api&limit=50` asks for, percent-encoded as in an address.
    public init(query: ArraySlice<UInt8>?) {
        for parameter in query.map({ QueryText.parameters($0) }) ?? [] {
            guard let value = parameter.value, !value.isEmpty else { continue }
            let text = QueryText.decoded(value)
            switch QueryText.decoded(parameter.name) {
            case "method": method = text.uppercased()
            case "status": status = Self.status(text)
            case "text": self.text = text.lowercased()
            case "limit": limit = Int(text).map { max(0, $0) } ?? limit
            default: break
            }
        }
    }

    private static func status(_ text: String) -> Status? {
        if text == "failed" { return .failed }
        if text.utf8.count == 3, text.lowercased().hasSuffix("xx"), let group = Int(text.prefix(1)) { return .group(group) }
        return Int(text).map { .exactly($0) }
    }

    /// Whether `exchange` is one of those.
    public func matches(_ exchange: CapturedExchange) -> Bool {
        if let agentID, exchange.agentID != agentID { return false }
        if let method, exchange.method != method { return false }
        switch status {
        case .group(let group): if exchange.status.map({ $0 / 100 }) != group { return false }
        case .exactly(let status): if exchange.status != status { return false }
        case .failed: if exchange.outcome.isEmpty || exchange.outcome == CapturedExchange.done { return false }
        case nil: break
        }
        return text.isEmpty || String(decoding: exchange.target, as: UTF8.self).lowercased().contains(text)
    }
}
