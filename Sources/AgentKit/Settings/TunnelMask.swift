// How an agent masks what it sends to the gateway. RFC 6455 §5.3 asks a client for keys that nobody can predict, for the sake
// of browsers, whose scripts choose the payload and must not choose the bytes that a proxy on the way sees (§10.3). An agent
// runs no scripts, TLS hides every byte from proxies, and masking is most of what a transfer costs: Docs/Decisions/0018.

/// The masking keys of data on its way to the gateway. Text and control messages always have keys that nobody can predict.
public enum TunnelMask: String, Sendable, Hashable, CaseIterable {
    /// Zero over `wss://`, random over `ws://`.
    case automatic = "auto"
    /// Keys that nobody can predict.
    case random
    /// The key zero, which changes nothing, wherever the gateway takes it.
    case zero

    /// Whether data goes out under the key zero, if the gateway takes it.
    func isZero(over gateway: GatewayURL) -> Bool {
        switch self {
        case .automatic: gateway.isSecure
        case .random: false
        case .zero: true
        }
    }
}

extension AgentConfiguration {
    /// Whether data goes out under the key zero, if the gateway takes it.
    var usesZeroMask: Bool { mask.isZero(over: gateway) }
}
