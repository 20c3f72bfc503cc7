// The gateway's own errors: the table of Docs/Protocol.md. Each has a status, a stable code (`x-miagent-error`, which no
// service can set) and a text for people that says what happened and what to do.

import HTTPCodec
import MachineCore
import WebConsole

enum GatewayError: Error, Equatable {
    case malformed(HTTPDecodeError)
    case methodNotAllowed(allow: String)
    case notFound
    case webServiceOff
    case unknownAgent(String)
    case noWebService(String)
    case agentOffline(String)
    case unauthorized
    case forbidden
    case crossSite
    case tooManyAttempts(seconds: Int)
    case tooManyRequests(seconds: Int)
    case bodyTooLarge(limit: UInt64)
    case tooManyStreams(String)
    case buffersFull(String)
    case overloaded
    case serviceUnreachable(String)
    case serviceBroken(String)
    case agentLost(String)
    case serviceTimedOut(seconds: Int64)
    case requestTimedOut
    case upgradeRequired
    /// The rest of a WebSocket handshake came, without what a proxy takes away that does not know better.
    case upgradeDropped
    case duplicateAgent(String)
    case nameTaken(String, by: String)
    case reservedName(String)
    case badAgentID
    case inspectorOff(String)
    case notInspected(String)
    case unknownExchange
    case badReplay(String)
    case replayOff
    case replayCut

    var status: Int {
        switch self {
        case .malformed(let error): error.suggestedStatus
        case .methodNotAllowed: 405
        case .notFound, .webServiceOff, .unknownAgent, .noWebService: 404
        case .agentOffline, .tooManyStreams, .buffersFull, .overloaded: 503
        case .unauthorized: 401
        case .forbidden, .crossSite: 403
        case .tooManyAttempts, .tooManyRequests: 429
        case .bodyTooLarge: 413
        case .serviceUnreachable, .serviceBroken, .agentLost: 502
        case .serviceTimedOut: 504
        case .requestTimedOut: 408
        case .upgradeRequired, .upgradeDropped: 426
        case .duplicateAgent, .nameTaken, .reservedName: 409
        case .badAgentID, .badReplay: 400
        case .inspectorOff, .replayOff: 403
        case .unknownExchange: 404
        case .notInspected: 409
        case .replayCut: 504
        }
    }

    /// Stable, for programs.
    var code: String {
        switch self {
        case .malformed: "malformed-request"
        case .methodNotAllowed: "method-not-allowed"
        case .notFound: "not-found"
        case .webServiceOff: "web-service-off"
        case .unknownAgent: "unknown-agent"
        case .noWebService: "no-web-service"
        case .agentOffline: "agent-offline"
        case .unauthorized: "unauthorized"
        case .forbidden: "forbidden"
        case .crossSite: "cross-site"
        case .tooManyAttempts: "too-many-attempts"
        case .tooManyRequests: "too-many-requests"
        case .bodyTooLarge: "body-too-large"
        case .tooManyStreams: "too-many-streams"
        case .buffersFull: "buffers-full"
        case .overloaded: "overloaded"
        case .serviceUnreachable: "service-unreachable"
        case .serviceBroken: "service-broken"
        case .agentLost: "agent-lost"
        case .serviceTimedOut: "service-timed-out"
        case .requestTimedOut: "request-timed-out"
        case .upgradeRequired, .upgradeDropped: "upgrade-required"
        case .duplicateAgent, .nameTaken: "duplicate-agent"
        case .reservedName: "reserved-agent-id"
        case .badAgentID: "bad-agent-id"
        case .inspectorOff: "inspector-off"
        case .notInspected: "not-inspected"
        case .unknownExchange: "unknown-exchange"
        case .badReplay: "bad-replay"
        case .replayOff: "replay-off"
        case .replayCut: "replay-cut"
        }
    }

    /// What happened and what to do, in one or two sentences.
    var explanation: String {
        switch self {
        case .malformed(.tooLarge(.startLine)), .malformed(.tooLarge(.fieldSection)):
            "The head of the request is larger than this gateway takes (limits.maxHeadBytes)."
        case .malformed(.tooLarge(.fieldCount)):
            "The request has more header fields than this gateway takes (limits.maxFields)."
        case .malformed(let error): "The request is not HTTP as RFC 9112 has it: \(error)".asSentence
        case .methodNotAllowed(let allow): "This address takes \(allow) only."
        case .notFound: "Nothing is at this address. Web services are at /web/{agentId}/."
        case .webServiceOff: "Web services are switched off on this gateway."
        case .unknownAgent(let id): "No agent \"\(id)\" has been seen here. Check its id, and that agentd runs."
        case .noWebService(let id): "Agent \"\(id)\" is connected but offers no web service."
        case .agentOffline(let id): "Agent \"\(id)\" is offline. It may be back shortly."
        case .unauthorized: "The token is missing or wrong: send \"Authorization: Bearer <token>\"."
        case .forbidden: "Your address is not among those that may open this."
        case .crossSite: "A page of another site may not ask for this."
        case .tooManyAttempts(let seconds): "Too many wrong tokens came from your address. Try again in \(seconds) s."
        case .tooManyRequests(let seconds):
            "Your address has as many requests or connections here as it may. Try again in \(seconds) s."
        case .bodyTooLarge(let limit): "The request body is larger than \(limit) bytes."
        case .tooManyStreams(let id): "Agent \"\(id)\" is serving as many requests as it may. Try again in a moment."
        case .buffersFull(let id): "The gateway holds as much for agent \"\(id)\" as it may. Try again in a moment."
        case .overloaded: "The gateway is serving as many connections as it may. Try again in a moment."
        case .serviceUnreachable(let reason): "The agent cannot reach its web service: \(reason)".asSentence
        case .serviceBroken(let reason): "The web service's response makes no sense: \(reason)".asSentence
        case .agentLost(let id): "The connection to agent \"\(id)\" was lost before it responded."
        case .serviceTimedOut(let seconds):
            "The web service did not begin to respond \(seconds > 0 ? "within \(seconds) s" : "in time")."
        case .requestTimedOut: "The request did not arrive in time."
        case .upgradeRequired: "Agents connect here by WebSocket, version 13."
        case .upgradeDropped:
            "A proxy on the way dropped Upgrade and Connection from the WebSocket handshake. nginx needs "
                + "\"proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;\". "
                + "HAProxy and Caddy pass them on unless they are told otherwise."
        case .duplicateAgent(let id): "An agent \"\(id)\" is connected already."
        case .nameTaken(let id, let owner):
            "An agent \"\(owner)\" is connected, which differs from \"\(id)\" in case alone: one name has one owner."
        case .reservedName(let id): "\"\(id)\" is a name of the gateway's own. Choose another id for this agent."
        case .badAgentID: "The agentId in the URL must be 1 to 64 of A–Z a–z 0–9 . _ - and not begin with a dot."
        case .inspectorOff(let reason): "The request inspector is off on this gateway: \(reason)".asSentence
        case .notInspected(let id):
            "Exchanges of agent \"\(id)\" are not recorded: set inspectAtGateway there, or agents.\(id).inspect here."
        case .unknownExchange: "The inspector does not remember this exchange. Only the newest are kept."
        case .badReplay(let reason): "This cannot be sent again: \(reason)".asSentence
        case .replayOff: "Nothing can be sent again here: inspector.replay is off."
        case .replayCut: "The response to what was sent again took too long, or was too large."
        }
    }

    /// What pages in any language say of it, by name.
    var values: [String: String] {
        switch self {
        case .malformed(.tooLarge(let limit)): ["reason": "the limit \(limit) is exceeded"]
        case .malformed(let error): ["reason": "\(error)".asClause]
        case .methodNotAllowed(let allow): ["allow": allow]
        case .unknownAgent(let id), .noWebService(let id), .agentOffline(let id), .tooManyStreams(let id), .buffersFull(let id),
            .agentLost(let id),
            .duplicateAgent(let id), .nameTaken(_, by: let id), .reservedName(let id):
            ["agent": id]
        case .bodyTooLarge(let limit): ["limit": "\(limit)"]
        case .serviceUnreachable(let reason), .serviceBroken(let reason), .badReplay(let reason): ["reason": reason.asClause]
        case .serviceTimedOut(let seconds): ["seconds": "\(seconds)"]
        case .tooManyAttempts(let seconds), .tooManyRequests(let seconds): ["seconds": "\(seconds)"]
        case .notFound, .webServiceOff, .unauthorized, .forbidden, .crossSite, .overloaded, .requestTimedOut, .upgradeRequired,
            .upgradeDropped, .badAgentID, .inspectorOff, .notInspected, .unknownExchange, .replayOff, .replayCut:
            [:]
        }
    }

    /// Fields beside the usual ones.
    var fields: [(HTTPFieldName, String)] {
        switch self {
        case .agentOffline, .tooManyStreams, .buffersFull, .overloaded: [(.retryAfter, "5")]
        case .tooManyAttempts(let seconds), .tooManyRequests(let seconds): [(.retryAfter, "\(seconds)")]
        case .methodNotAllowed(let allow): [(.allow, allow)]
        case .upgradeRequired, .upgradeDropped:
            [(.connection, "Upgrade"), (.upgrade, "websocket"), (.secWebSocketVersion, "13")]
        case .malformed, .notFound, .webServiceOff, .unknownAgent, .noWebService, .unauthorized, .forbidden, .crossSite,
            .bodyTooLarge, .serviceUnreachable, .serviceBroken, .agentLost, .serviceTimedOut, .requestTimedOut, .duplicateAgent,
            .nameTaken, .reservedName, .badAgentID, .inspectorOff, .notInspected, .unknownExchange, .badReplay, .replayOff,
            .replayCut:
            []
        }
    }
}

extension GatewayError {
    /// The address has to wait so long.
    static func tooManyAttempts(_ wait: Duration) -> GatewayError { .tooManyAttempts(seconds: wait.secondsToWait) }
    /// The same.
    static func tooManyRequests(_ wait: Duration) -> GatewayError { .tooManyRequests(seconds: wait.secondsToWait) }
}

extension LoginProblem {
    /// The address has to wait so long.
    static func tooManyAttempts(_ wait: Duration) -> LoginProblem { .tooManyAttempts(seconds: wait.secondsToWait) }
}

extension Duration {
    /// Whole seconds, rounded up, at least one.
    fileprivate var secondsToWait: Int { max(1, Int(clamping: (wholeMilliseconds + 999) / 1_000)) }
}
