// Exchanges as an inspector wants them: heads, the beginnings of bodies, times, and how they ended, noted to the host when they
// begin and when they are over. A copy on the side: nothing waits for it, and secrets in heads are masked before they are kept.
//
// Bodies of all exchanges under way take at most `CaptureSettings.maximumBytes`; beyond that they are only counted. Without
// `AgentConfiguration.captures` an exchange costs a comparison with nil at each step.

import HTTPCodec
import Inspection
import MachineCore
import RPCCore
import TunnelLink

/// What is kept of one exchange under way.
final class Capture {
    @exclusivity(unchecked) private(set) var exchange: CapturedExchange
    /// The host's name for it, if it is a replay.
    let call: UInt64?
    private let memory: CaptureMemory

    fileprivate init(_ exchange: CapturedExchange, call: UInt64?, in memory: CaptureMemory) {
        self.exchange = exchange
        self.call = call
        self.memory = memory
    }

    /// These bytes of the request's body went by.
    func keepRequest(_ bytes: ArraySlice<UInt8>) {
        memory.held += exchange.requestBody.append(bytes, limit: memory.limit(for: exchange.requestBody))
    }

    /// These bytes of the response's body went by.
    func keepResponse(_ bytes: ArraySlice<UInt8>) {
        memory.held += exchange.responseBody.append(bytes, limit: memory.limit(for: exchange.responseBody))
    }

    /// The response's head is here, so long after the request's.
    func keep(_ response: WebResponse, after duration: Duration) {
        exchange.status = response.status
        exchange.responseFields = Secrets.masked(response.sentFields)
        exchange.firstByteMicroseconds = duration.wholeMicroseconds
    }

    /// A service has the request, so long after its head came.
    func served(after duration: Duration) { exchange.queueMicroseconds = duration.wholeMicroseconds }

    /// The exchange is over.
    fileprivate func end(_ outcome: String, after duration: Duration) {
        memory.held -= exchange.requestBody.prefix.count + exchange.responseBody.prefix.count
        exchange.totalMicroseconds = duration.wholeMicroseconds
        exchange.outcome = outcome
    }
}

/// What the bodies of all exchanges under way take.
private final class CaptureMemory {
    let settings: CaptureSettings
    var held = 0

    init(_ settings: CaptureSettings) { self.settings = settings }

    /// How long the kept part of a body may get. What was not kept once, because there was no room, leaves no gap: it is cut.
    func limit(for body: CapturedBody) -> Int {
        guard body.isWhole else { return 0 }
        return min(settings.maximumBodyBytes, body.prefix.count + max(0, settings.maximumBytes - held))
    }
}

/// Begins and ends the records of all exchanges.
struct Captures {
    let settings: CaptureSettings
    private let memory: CaptureMemory
    /// Whose exchanges they are.
    var agentID: String
    private var lastNumber: UInt64 = 0

    /// Nil without settings: nothing is captured.
    init?(_ configuration: AgentConfiguration) {
        guard let settings = configuration.captures else { return nil }
        self.settings = settings
        memory = CaptureMemory(settings)
        agentID = configuration.description.agentID
    }

    /// What the bodies of all exchanges under way take.
    var heldBytes: Int { memory.held }

    /// Begins the record of a request; `call` and `number` are those of a replay and of what it repeats.
    mutating func begin(
        _ request: WebRequest, call: UInt64? = nil, replayOf number: UInt64? = nil, _ turn: inout Turn<AgentNote>
    ) -> Capture {
        var record = CapturedExchange(
            agentID: agentID, method: request.method, path: request.path, query: request.query, fields: request.fields,
            startedAtMilliseconds: settings.unixMilliseconds(at: turn.now))
        lastNumber += 1
        record.number = lastNumber
        record.requestID = request.fields[.xRequestID] ?? ""
        record.peer = request.fields[.xForwardedFor].map { String($0.prefix { $0 != "," }) } ?? ""
        record.replayOf = number
        turn.emit(.captured(record, call: call))
        return Capture(record, call: call, in: memory)
    }

    /// The exchange is over, so long after its request's head came.
    func end(_ capture: Capture, outcome: String, after duration: Duration, _ turn: inout Turn<AgentNote>) {
        capture.end(outcome, after: duration)
        turn.emit(.captured(capture.exchange, call: capture.call))
    }

    /// How the gateway names a failure to visitors, where it does.
    static func outcome(of failure: RPCFailure) -> String {
        switch TunnelFailure(rawValue: failure.code) {
        case .serviceUnreachable: "service-unreachable"
        case .serviceTimedOut: "service-timed-out"
        case .tooManyStreams: "too-many-streams"
        case .noWebService: "no-web-service"
        case .serviceBroken, .bodyTooLarge, .unauthorized, .badAgentID, .duplicateAgent, nil: "service-broken"
        }
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }
}

extension WebRequest {
    /// What a gateway would have sent for a request that is sent again.
    init(_ request: ReplayedRequest) {
        self.init(
            method: request.method, path: request.path, query: request.query, fields: request.fields,
            hasBody: !request.body.isEmpty)
        if hasBody { try? fields.set(.contentLength, "\(request.body.count)") }  // digits are legal
    }
}
