// The limits of a gateway that no setting changes, and how all limits say what happens beyond them: by the table of errors.

import Inspection
import SettingsCore
import TunnelLink
import WireWS

extension Setting {
    /// Says that it is a limit, and which error is the response beyond it.
    func beyond(_ errors: GatewayError...) -> Setting { beyond(errors.map(\.statusAndCode).joined(separator: ", ")) }
}

extension GatewayLimits {
    /// The limits that no setting changes.
    var fixed: [LimitDescription] { ofRequests + ofWaiting + ofReplays + ofTunnels + ofUnregisteredAgents }

    private var ofRequests: [LimitDescription] {
        let closed = "the connection is closed"
        return [
            .fixed(
                http.maximumChunkLineBytes, unit: .bytes, "The line before a chunk of a request, with its extensions.",
                beyond: GatewayError.malformed(.tooLarge(.chunkLine)).statusAndCode),
            .fixed(
                http.maximumTrailerBytes, unit: .bytes, "The trailer section of a request.",
                beyond: GatewayError.malformed(.tooLarge(.trailers)).statusAndCode),
            .fixed(
                Int(clamping: maximumDiscardedBody), unit: .bytes,
                "What is read of a request and discarded after an early response.",
                beyond: closed),
            .fixed(drainLinger, "How long a connection is kept between requests while the gateway drains.", beyond: closed),
            .fixed(
                continueTimeout, "How long a request that expects `100 Continue` waits for the service's.",
                beyond: "the gateway sends it"),
        ]
    }

    private var ofWaiting: [LimitDescription] {
        let refused = [GatewayError.unknownAgent(""), .agentOffline("")].map(\.statusAndCode).joined(separator: ", ")
        return [
            .fixed(Self.waitingRequests, "Requests that wait for their agents, on each loop.", beyond: refused),
            .fixed(Self.waitingRequestsPerAgent, "Requests that wait for one agent, on each loop.", beyond: refused),
            .fixed(
                Self.eventStreams, "Event streams of the status page and the inspector, on each loop.",
                beyond: GatewayError.overloaded.statusAndCode),
        ]
    }

    private var ofReplays: [LimitDescription] {
        let cut = GatewayError.replayCut.statusAndCode
        return [
            .fixed(ReplayRequest.maximumTime, "How long a request that the inspector sends again may take.", beyond: cut),
            .fixed(
                ReplayRequest.maximumResponseBytes, unit: .bytes, "The response to a request that the inspector sends again.",
                beyond: cut),
            .fixed(
                ReplayRequest.maximumAtOnce, "Requests that the inspector sends again at once, on each loop.",
                beyond: GatewayError.overloaded.statusAndCode),
        ]
    }

    private var ofTunnels: [LimitDescription] {
        let misfit = [GatewayError.malformed(.tooLarge(.fieldSection)), .serviceBroken("")].map(\.statusAndCode)
        return [
            .fixed(tunnel.streamQueueBytes, unit: .bytes, "What waits in one stream of a tunnel.", beyond: "its source pauses"),
            .fixed(
                tunnel.outputHighWater, unit: .bytes, "What is on its way through a tunnel and not yet written.",
                beyond: "data waits its turn"),
            .fixed(
                tunnel.maximumHeadBytes, unit: .bytes, "A text message of a tunnel without its body, as either end sends it.",
                beyond: "a request: \(misfit[0]); a response: \(misfit[1])"),
            .fixed(
                tunnel.maximumUnreadReplies, unit: .bytes, "Replies that a peer caused and does not read.",
                beyond: WSCloseCode.policyViolation.text),
            .fixed(
                tunnel.maximumBacklog, unit: .bytes, "What waits for a peer that does not read; new requests stop at half.",
                beyond: "the connection is aborted"),
            .fixed(
                maximumOfflineAgents, "Agents that are remembered while they are offline.",
                beyond: "those that are offline for the longest time are forgotten"),
        ]
    }

    private var ofUnregisteredAgents: [LimitDescription] {
        let (overloaded, policy) = (GatewayError.overloaded.statusAndCode, WSCloseCode.policyViolation.text)
        return [
            .fixed(
                registrationTimeout, "From the handshake of a tunnel to `agent.register`.",
                beyond: "close \(TunnelClose.notRegistered.rawValue)"),
            .fixed(
                tunnel.unregisteredMessageBytes, unit: .bytes, "A message before `agent.register`.",
                beyond: WSCloseCode.messageTooBig.text),
            .fixed(tunnel.unregisteredBytes, unit: .bytes, "All messages before `agent.register`.", beyond: policy),
            .fixed(tunnel.unregisteredReplies, unit: .bytes, "All replies before `agent.register`.", beyond: policy),
            .fixed(
                Self.unregisteredAgents, "Tunnels that have not registered and showed no token; loops share them out.",
                beyond: overloaded),
            .fixed(
                Self.unregisteredAgentsPerAddress,
                "Such tunnels from one address, on each loop; this machine's own addresses are free.",
                beyond: overloaded),
        ]
    }
}

extension GatewayError {
    /// As tables have it: the status, and the code as code.
    fileprivate var statusAndCode: String { "\(status) `\(code)`" }
}

extension WSCloseCode {
    fileprivate var text: String { "close \(rawValue)" }
}
