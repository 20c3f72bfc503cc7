// Exchanges as an inspector wants them: heads, the beginnings of bodies, times, and how they ended, told to the host when they
// begin and when they are over. A copy on the side: nothing waits for it, and secrets in heads are masked before they are kept.
//
// Bodies of all exchanges under way take at most `CaptureSettings.maximumBytes`; beyond that they are only counted. Without
// `AgentConfiguration.captures` an exchange costs a comparison with nil at each step.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WebConsole

/// What an agent shows its host of each exchange.
public struct CaptureSettings: Sendable, Hashable {
    /// So much of each body is kept.
    public var maximumBodyBytes = 64 * 1024
    /// The bodies of all exchanges under way take no more; what is over is the host's to keep.
    public var maximumBytes = 16 * 1024 * 1024
    /// For how long a request that is sent again may run.
    public var replayTime = ReplayRequest.maximumTime
    /// How much of an answer to such a request is taken.
    public var replayBytes = ReplayRequest.maximumAnswerBytes
    /// How many such requests run at once.
    public var maximumReplays = ReplayRequest.maximumAtOnce
    /// Milliseconds since 1970 at the moment zero: a machine has no clock to date an exchange with.
    public var unixMillisecondsAtZero: Int64

    /// The defaults, with this clock.
    public init(unixMillisecondsAtZero: Int64) { self.unixMillisecondsAtZero = unixMillisecondsAtZero }

    func unixMilliseconds(at moment: Moment) -> Int64 {
        unixMillisecondsAtZero.addingReportingOverflow(Int64(clamping: moment.nanoseconds / 1_000_000)).partialValue
    }
}

/// What is kept of an exchange under way.
final class ExchangeCapture {
    @exclusivity(unchecked) var exchange: CapturedExchange
    /// The host's name for it, if it is a replay.
    let call: UInt64?

    init(_ exchange: CapturedExchange, call: UInt64?) {
        self.exchange = exchange
        self.call = call
    }

    var heldBytes: Int { exchange.requestBody.prefix.count + exchange.responseBody.prefix.count }
}

extension Agent {
    /// Begins the record, if records are wanted.
    mutating func beginCapture(_ exchange: LocalExchange, call: UInt64? = nil, replayOf number: UInt64? = nil) {
        guard let settings = configuration.captures else { return }
        let request = exchange.request
        var record = CapturedExchange(
            agentID: description.agentID, method: request.method, path: request.path, query: request.query,
            fields: request.fields, startedAtMilliseconds: settings.unixMilliseconds(at: now))
        record.number = nextNumber()
        record.requestID = request.fields[.xRequestID] ?? ""
        record.peer = request.fields[.xForwardedFor].map { String($0.prefix { $0 != "," }) } ?? ""
        record.replayOf = number
        exchange.capture = ExchangeCapture(record, call: call)
        emit(.captured(record, call: call))
    }

    /// These bytes went by. What was not kept of a body once, because there was no room, leaves no gap: it is cut there.
    mutating func keep(
        _ bytes: ArraySlice<UInt8>, as body: WritableKeyPath<CapturedExchange, CapturedBody>, in capture: ExchangeCapture
    ) {
        guard let settings = configuration.captures else { return }
        let room = max(0, settings.maximumBytes - capturedBytes)
        let count = capture.exchange[keyPath: body].prefix.count
        let limit = capture.exchange[keyPath: body].isWhole ? min(settings.maximumBodyBytes, count + room) : 0
        capturedBytes += capture.exchange[keyPath: body].append(bytes, limit: limit)
    }

    /// The answer's head is here.
    func keep(_ response: WebResponse, of exchange: LocalExchange, in capture: ExchangeCapture) {
        capture.exchange.status = response.status
        capture.exchange.responseFields = Secrets.masked(response.fields)
        capture.exchange.firstByteMicroseconds = now.since(exchange.startedAt).wholeMicroseconds
    }

    /// The exchange is over.
    mutating func endCapture(_ capture: ExchangeCapture, of exchange: LocalExchange, outcome: String) {
        exchange.capture = nil
        capturedBytes -= capture.heldBytes
        capture.exchange.totalMicroseconds = now.since(exchange.startedAt).wholeMicroseconds
        capture.exchange.outcome = outcome
        if capture.call != nil { deadlines.cancel(.replay(exchange.stream)) }
        emit(.captured(capture.exchange, call: capture.call))
    }

    // MARK: Replays

    /// Sends a request to the service as if a visitor had: the same code, but no tunnel, so that its bytes go nowhere.
    mutating func replay(_ request: ReplayedRequest, of number: UInt64, call: UInt64) {
        guard let settings = configuration.captures else { return }
        replayNumber = replayNumber == .max ? 1 : replayNumber + 1
        let stream = StreamID(rawValue: replayNumber)
        let place = services.place(for: request.path)
        let exchange = LocalExchange(stream, of: replays, WebRequest(request), service: place ?? -1, at: now)
        beginCapture(exchange, call: call, replayOf: number)
        replays.exchanges.insert(exchange)
        guard phase != .draining, phase != .stopped else {
            return finish(exchange, failure: "the agent is shutting down", outcome: "cancelled")
        }
        guard replays.exchanges.count <= settings.maximumReplays else {
            return finish(exchange, failure: "too many requests are being sent again", outcome: "too-many-streams")
        }
        guard services[exchange.service] != .none else {
            return finish(exchange, failure: "this agent serves nothing at this path", outcome: "no-web-service")
        }
        deadlines.set(.replay(stream), at: now.advanced(by: settings.replayTime))
        start(exchange, .v1)  // the body is here, whole
        if !request.body.isEmpty { takeBody(request.body[...], for: exchange) }
        if !exchange.isOver { endRequest(exchange, HTTPFields()) }
    }

    /// Bytes of an answer that no tunnel takes: they were captured, and that is all.
    mutating func forwardNowhere(for exchange: LocalExchange) -> SendOutcome {
        guard let settings = configuration.captures, exchange.responseBytes > settings.replayBytes else { return .sent }
        finish(exchange, failure: "cut after \(settings.replayBytes) bytes of the answer", outcome: "replay-cut")
        return .gone
    }

    mutating func replayTimedOut(_ stream: StreamID) {
        guard let exchange = replays.exchanges[stream], let settings = configuration.captures else { return }
        finish(exchange, failure: "cut after \(settings.replayTime)", outcome: "replay-cut")
    }

    mutating func cutReplays() {
        for exchange in replays.exchanges.all { finish(exchange, failure: "the agent stops", outcome: "cancelled") }
    }

    // MARK: Words

    /// How the gateway names it to visitors, where it does.
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

extension WebRequest {
    /// What a gateway would have sent for it.
    fileprivate init(_ request: ReplayedRequest) {
        self.init(
            method: request.method, path: request.path, query: request.query, fields: request.fields,
            hasBody: !request.body.isEmpty)
        if hasBody { try? fields.set(.contentLength, "\(request.body.count)") }  // digits are legal
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }
}
