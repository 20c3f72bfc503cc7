// A visitor as a machine: requests one after the other on a kept-alive connection, and what came back.

import HTTPCodec
import MachineCore

struct TestVisitor: Machine {
    struct Request: Sendable {
        var method = "GET"
        var target: String
        var body: [UInt8] = []
        var isChunked = false
    }

    struct Response: Sendable, Equatable {
        var status: Int
        var fields: HTTPFields
        var body: [UInt8] = []
        var isWhole = false
    }

    enum Message: Sendable {
        case leave
        /// Reads nothing from now on.
        case pause
    }
    typealias Note = Never

    private let gateway: Endpoint
    private var waiting: [Request]
    private var connection: ConnectionID?
    private var decoder = HTTPResponseDecoder()
    private(set) var responses: [Response] = []
    private(set) var isDone = false
    /// Bytes of bodies so far.
    private(set) var receivedBytes = 0
    private var started = false
    private var dials: UInt64 = 0

    init(gateway: Endpoint, _ requests: [Request]) {
        self.gateway = gateway
        waiting = requests.reversed()
    }

    var nextDeadline: Moment? { started ? nil : Moment() }
    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Never>]) {}

    mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Never>]) {
        switch input {
        case .tick:
            started = true
            dial(&outputs)
        case .message(.pause):
            if let connection { outputs.append(.transport(.setReading(connection, false))) }
        case .message(.leave):
            if let connection { outputs.append(.transport(.abort(connection))) }
            isDone = true
        case .transport(.connected(_, let id)):
            connection = id
            sendNext(&outputs)
        case .transport(.received(_, let bytes)):
            decoder.receive(bytes)
            pump(&outputs)
        case .transport(.receivedEOF(let id)):
            decoder.receiveEOF()
            pump(&outputs)
            outputs.append(.transport(.close(id)))
        case .transport(.closed): closed(&outputs)
        case .transport(.dialFailed): isDone = true
        case .transport(.accepted), .transport(.secured), .transport(.wrote): break
        }
    }

    private mutating func dial(_ outputs: inout [MachineOutput<Never>]) {
        dials += 1
        decoder = HTTPResponseDecoder()
        outputs.append(.transport(.dial(DialID(rawValue: dials), gateway)))
    }

    /// A response that ended the connection well is followed by another connection; a cut one ends the visit.
    private mutating func closed(_ outputs: inout [MachineOutput<Never>]) {
        connection = nil
        if isDone { return }
        if responses.last?.isWhole == true, !waiting.isEmpty { dial(&outputs) } else { isDone = true }
    }

    private mutating func sendNext(_ outputs: inout [MachineOutput<Never>]) {
        guard let connection, let request = waiting.popLast() else {
            isDone = true
            if let connection { outputs.append(.transport(.close(connection))) }
            return
        }
        decoder.expectResponse(to: request.method)
        var head = HTTPRequestHead(method: request.method, target: request.target, fields: HTTPFields())
        try? head.fields.append(.host, "gateway")
        var framing = HTTPBodyFraming.none
        if request.isChunked {
            framing = .chunked
            try? head.fields.append(.transferEncoding, "chunked")
        } else if !request.body.isEmpty {
            framing = .length(UInt64(request.body.count))
            try? head.fields.append(.contentLength, "\(request.body.count)")
        }
        var bytes: [UInt8] = []
        var encoder = HTTPBodyEncoder(framing)
        try? head.encode(into: &bytes)
        if framing != .none {
            try? encoder.encode(request.body[...], into: &bytes)
            try? encoder.finish(into: &bytes)
        }
        outputs.append(.transport(.write(connection, bytes[...])))
    }

    private mutating func pump(_ outputs: inout [MachineOutput<Never>]) {
        while let event = try? decoder.next() {
            switch event {
            case .head(let head, _):
                if head.status >= 200 { responses.append(Response(status: head.status, fields: head.fields)) }
            case .body(let bytes):
                receivedBytes += bytes.count
                responses[responses.count - 1].body += bytes
            case .end:
                responses[responses.count - 1].isWhole = true
                if responses.last?.fields.containsToken("close", in: .connection) == false { sendNext(&outputs) }
            case .closed: break
            }
        }
    }
}
