// A visitor that makes one request as its plan says, sends in pieces, reads as it pleases, and checks each byte of the
// response.

import HTTPCodec
import MachineCore
import TestSupport

struct RandomVisitor: Machine {
    enum Message: Sendable { case leave }
    typealias Note = Never

    enum Reading: Sendable { case always, slowly, never }

    let plan: RandomPlan
    private let agent: String
    private let isOld: Bool
    private let isChunked: Bool
    private let expects: Bool
    private let reading: Reading
    private var random: SplitMix

    private var connection: ConnectionID?
    private var decoder = HTTPResponseDecoder()
    private var due: Moment? = Moment()
    private var sent = 0
    private var received = 0
    private var isWaiting = false
    private var isRaw = false
    private var isPaused = false
    private var hasFinished = false
    private var sawEnd = false
    private(set) var status: Int?
    /// The response came with an end of its own, or the connection ended in order.
    private(set) var isWhole = false
    private(set) var isOver = false
    /// What must not be.
    private(set) var wrongs: [String] = []

    init(agent: String, _ plan: RandomPlan, random: inout SplitMix) {
        self.agent = agent
        self.plan = plan
        isOld = plan.kind != .upgrade && Int.random(in: 0..<4, using: &random) == 0
        isChunked = !isOld && Bool.random(using: &random)
        expects = !isOld && plan.kind != .upgrade && Int.random(in: 0..<4, using: &random) == 0
        reading = [.always, .always, .slowly, .slowly, .never].randomElement(using: &random) ?? .always
        self.random = SplitMix(seed: random.next())
    }

    var nextDeadline: Moment? { due }
    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Never>]) {}

    mutating func handle(_ input: MachineInput<Message>, now: Moment, into outputs: inout [MachineOutput<Never>]) {
        switch input {
        case .tick:
            guard let due, due <= now else { return }
            act(now, &outputs)
        case .message(.leave):
            if let connection { outputs.append(.transport(.abort(connection))) }
        case .transport(.connected(_, let id)):
            connection = id
            begin(id, now, &outputs)
        case .transport(.received(_, let bytes)): take(bytes)
        case .transport(.receivedEOF(let id)):
            end()
            sawEnd = true
            if !isRaw || hasFinished { outputs.append(.transport(.close(id))) }
        case .transport(.closed), .transport(.dialFailed):
            isOver = true
            due = nil
        case .transport(.accepted), .transport(.secured), .transport(.wrote): break
        }
    }

    // MARK: Sending

    private mutating func begin(_ id: ConnectionID, _ now: Moment, _ outputs: inout [MachineOutput<Never>]) {
        let method = plan.up > 0 && plan.kind != .upgrade ? "POST" : "GET"
        decoder.expectResponse(to: method)
        var head = HTTPRequestHead(method: method, target: "/web/\(agent)\(plan.target)", minorVersion: isOld ? 0 : 1)
        try? head.fields.append(.host, "gateway")
        if plan.kind == .upgrade {
            try? head.fields.append(.connection, "Upgrade")
            try? head.fields.append(.upgrade, "websocket")
        } else if plan.up > 0 {
            try? head.fields.append(isChunked ? .transferEncoding : .contentLength, isChunked ? "chunked" : "\(plan.up)")
            if expects { try? head.fields.append(.expect, "100-continue") }
        }
        isWaiting = plan.kind == .upgrade || expects && plan.up > 0
        var bytes: [UInt8] = []
        try? head.encode(into: &bytes)
        outputs.append(.transport(.write(id, bytes[...])))
        if reading == .never { pause(true, &outputs) }
        due = now.advanced(by: .milliseconds(1))
    }

    /// The next piece of the body, or a change of mind about reading.
    private mutating func act(_ now: Moment, _ outputs: inout [MachineOutput<Never>]) {
        guard let connection else {
            due = nil
            return outputs.append(.transport(.dial(DialID(rawValue: 1), gatewayEndpoint)))
        }
        if reading == .slowly { pause(!isPaused, &outputs) }
        if !isWaiting, !hasFinished { sendPiece(connection, &outputs) }
        let hasMore = reading == .slowly || !hasFinished
        due = hasMore ? now.advanced(by: .milliseconds(Int64.random(in: 1...30, using: &random))) : nil
    }

    private mutating func sendPiece(_ id: ConnectionID, _ outputs: inout [MachineOutput<Never>]) {
        let count = min(plan.up - sent, Int.random(in: 1...20_000, using: &random))
        var bytes: [UInt8] = []
        if count > 0 {
            let piece = plan.bytes(sent, count, isResponse: false)
            sent += piece.count
            if isChunked, !isRaw { bytes += Array("\(String(piece.count, radix: 16))\r\n".utf8) }
            bytes += piece
            if isChunked, !isRaw { bytes += [13, 10] }
        }
        if sent == plan.up {
            hasFinished = true
            if isChunked, !isRaw, plan.up > 0 { bytes += Array("0\r\n\r\n".utf8) }
        }
        if !bytes.isEmpty { outputs.append(.transport(.write(id, bytes[...]))) }
        if hasFinished, isRaw { outputs.append(.transport(sawEnd ? .close(id) : .finishWriting(id))) }
    }

    private mutating func pause(_ isOn: Bool, _ outputs: inout [MachineOutput<Never>]) {
        guard let connection, isPaused != isOn else { return }
        isPaused = isOn
        outputs.append(.transport(.setReading(connection, !isOn)))
    }

    // MARK: Receiving

    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        if isRaw { return check(bytes) }
        decoder.receive(bytes)
        pump()
    }

    private mutating func end() {
        if isRaw { return finish() }
        decoder.receiveEOF()
        pump()
    }

    private mutating func pump() {
        do {
            while !isRaw, let event = try decoder.next() {
                switch event {
                case .head(let head, _): take(head)
                case .body(let bytes): check(bytes)
                case .end: finish()
                case .closed: break
                }
            }
        } catch {
            if error != .unexpectedEOF { wrongs.append("the response is not HTTP: \(error)") }
        }
    }

    private mutating func take(_ head: HTTPResponseHead) {
        if head.status == 100 || head.status == 103 {
            if head.status == 100 { isWaiting = false }
            return
        }
        status = head.status
        switch head.status {
        case 101:
            isRaw = true
            isWaiting = false
            check(decoder.takeUnread())
        case 200: if plan.kind == .upgrade { hasFinished = true }
        default: if !head.fields.contains("x-miagent-error") { wrongs.append("\(head.status) out of nowhere") }
        }
    }

    private mutating func check(_ bytes: ArraySlice<UInt8>) {
        guard status == 200 || status == 101 else { return }
        if !plan.matches(bytes, at: received, isResponse: true) { wrongs.append("wrong bytes at \(received)") }
        received += bytes.count
    }

    /// Nothing that is not whole may look whole.
    private mutating func finish() {
        isWhole = true
        guard status == 200 || status == 101 else { return }
        if received != plan.down { wrongs.append("\(received) of \(plan.down) bytes look complete") }
        if !plan.kind.isWhole { wrongs.append("what was cut looks complete") }
    }
}
