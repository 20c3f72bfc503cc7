// The numbers that both ends know: why streams end, why calls fail, why a tunnel is closed (Docs/Protocol.md).

import RPCCore

/// Why a stream ended before its time.
public enum ResetReason: UInt16, Sendable, Hashable, CaseIterable {
    /// The receiver serves no more streams.
    case refused = 1
    /// The local service cannot be reached, or broke off.
    case unreachable
    /// It took too long.
    case timedOut
    /// Its client is gone.
    case cancelled
    /// The sender exceeded its credit, or a body its limit.
    case overran
    /// The peer sent something that makes no sense here.
    case protocolError
}

/// The stable codes of JSON-RPC errors on the tunnel (JSON-RPC 2.0 §5.1 leaves −32000 to −32099 to the application).
public enum TunnelFailure: Int, Sendable, Hashable, CaseIterable {
    /// The token is missing or wrong.
    case unauthorized = -32001
    /// The agent id is not allowed, or contradicts the one in the URL.
    case badAgentID = -32002
    /// Another agent with this id is connected and the gateway does not replace it.
    case duplicateAgent = -32003
    /// The local service refused the connection or cannot be reached.
    case serviceUnreachable = -32010
    /// The local service did not respond in time.
    case serviceTimedOut = -32011
    /// The local service's response is not HTTP, or broke off.
    case serviceBroken = -32012
    /// A body is larger than this protocol version or the configuration allows.
    case bodyTooLarge = -32013
    /// The agent serves as many exchanges as it may already.
    case tooManyStreams = -32014
    /// The agent serves no web service.
    case noWebService = -32015

    /// The JSON-RPC error with this code.
    public func failure(_ message: String) -> RPCFailure { RPCFailure(code: rawValue, message: message) }
}

/// Close codes of our own (RFC 6455 §7.4.2 leaves 4000 to 4999 to the application).
public enum TunnelClose: UInt16, Sendable, Hashable {
    /// Another connection registered under this id; do not dial again.
    case replaced = 4001
    /// The token is missing or wrong; dialling again helps only after it was changed.
    case unauthorized = 4401
    /// `agent.register` did not come in time, or was refused.
    case notRegistered = 4408
    /// An agent with this id is connected already.
    case duplicate = 4409
}
