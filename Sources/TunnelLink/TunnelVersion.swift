// Which tunnel protocol a WebSocket carries, agreed by its subprotocol (RFC 6455 §1.9). Docs/Protocol.md describes both.

/// A version of the tunnel protocol.
public enum TunnelVersion: Int, Sendable, Hashable, Comparable, CaseIterable {
    /// JSON-RPC alone; a body travels whole, as base64. What a peer speaks that names no subprotocol.
    case v1 = 1
    /// Heads in JSON-RPC, bodies in binary messages under flow control.
    case v2 = 2

    /// The name in `Sec-WebSocket-Protocol`.
    public var subprotocol: String {
        switch self {
        case .v1: "miagent.v1"
        case .v2: "miagent.v2"
        }
    }

    /// The version that this subprotocol names, or nil.
    public init?(subprotocol: String) {
        guard let match = Self.allCases.first(where: { $0.subprotocol == subprotocol }) else { return nil }
        self = match
    }

    /// What an agent offers, in this order: some servers take the first that they see, and would claim v2 without knowing it.
    public static func offer(upTo highest: TunnelVersion) -> String {
        allCases.filter { $0 <= highest }.map(\.subprotocol).joined(separator: ", ")
    }

    /// Older first.
    public static func < (left: TunnelVersion, right: TunnelVersion) -> Bool { left.rawValue < right.rawValue }
}
