// What went wrong with the gateway, as text that says what to do, and when to dial again.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

/// When to dial again after something went wrong.
enum Retry: Sendable, Hashable {
    /// With the usual back-off.
    case soon
    /// It will not mend by itself: a wrong token, a duplicate id.
    case slowly
    /// Not at all: another agent has our place.
    case never
}

/// What went wrong with the gateway, for people, and when to try again.
struct Refusal: Sendable, Hashable, Error {
    var reason: String
    var retry = Retry.soon
}

extension Refusal {
    /// There is no connection to the gateway at `hostField`. A literal address is not said twice.
    static func noConnection(to hostField: String, _ reason: String) -> Refusal {
        let isSaid = reason.hasPrefix("\(hostField): ") && !reason.contains("; ")
        let why = (isSaid ? String(reason.dropFirst(hostField.count + 2)) : reason).asClause
        let isRefused = reason.lowercased().contains("refused")
        let advice = isRefused ? "; is gatewayd running there, on this port?" : ""
        return Refusal(reason: "cannot connect to \(hostField): \(why)\(advice)")
    }

    /// There is no connection to the proxy.
    static func noProxy(_ proxy: ProxyURL, _ reason: String) -> Refusal {
        let name = proxy.hostAndPort
        let why = reason.hasPrefix("\(name): ") ? String(reason.dropFirst(name.count + 2)) : reason
        return Refusal(reason: "cannot connect to the proxy \(name): \(why.asClause); without a proxy: --proxy none")
    }

    /// TLS with the gateway failed, for the reason that the transport gives.
    static func noTLS(with gateway: GatewayURL, _ reason: String) -> Refusal {
        Refusal(reason: "no TLS with \(gateway.hostField): \(TLSAdvice.text(reason, of: .gateway))")
    }

    /// The gateway refused `agent.register`. Whether the token is missing or wrong it does not say; the agent knows.
    static func registration(_ failure: RPCFailure, hasToken: Bool) -> Refusal {
        let said = "\(printable(failure.message).asClause) (\(failure.code))"
        switch TunnelFailure(rawValue: failure.code) {
        case .unauthorized:
            let reason =
                hasToken
                ? "the gateway refuses the token: \(said); check gatewayToken"
                : "the gateway asks for a token: \(said); set gatewayToken"
            return Refusal(reason: reason, retry: .slowly)
        case .duplicateAgent:
            let advice = "choose another agentId, or stop the other"
            return Refusal(reason: "the gateway refuses to register this agent: \(said); \(advice)", retry: .slowly)
        case .badAgentID: return Refusal(reason: "the gateway refuses to register this agent: \(said)", retry: .slowly)
        case .serviceUnreachable, .serviceTimedOut, .serviceBroken, .bodyTooLarge, .tooManyStreams, .noWebService, nil:
            return Refusal(reason: "the gateway refuses to register this agent: \(said)")
        }
    }

    /// The gateway closed the tunnel (RFC 6455 §7.4; the codes of `TunnelClose`).
    static func closed(_ code: WSCloseCode?, _ reason: String, agentID: String, hasToken: Bool) -> Refusal {
        let said = reason.isEmpty ? "" : ": \(printable(reason).asClause)"
        let number = code.map { " (\($0.rawValue))" } ?? ""
        switch code.flatMap({ TunnelClose(rawValue: $0.rawValue) }) {
        case .replaced:
            let advice = "to run both, give one another agentId"
            return Refusal(reason: "another agent registered as \(agentID) and takes its place; \(advice)", retry: .never)
        case .unauthorized:
            let reason =
                hasToken
                ? "the gateway refuses the token\(said); check gatewayToken"
                : "the gateway asks for a token\(said); set gatewayToken"
            return Refusal(reason: reason, retry: .slowly)
        case .notRegistered, .duplicate, nil: return Refusal(reason: "the gateway closed the connection\(number)\(said)")
        }
    }

    /// Text of a peer, for a log: no control characters, not too many.
    static func printable(_ text: String) -> String {
        let visible = text.unicodeScalars.lazy.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
        return String(String.UnicodeScalarView(visible.prefix(200)))
    }
}
