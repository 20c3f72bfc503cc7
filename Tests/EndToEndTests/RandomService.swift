// A service that responds to each request as the plan in its target says, in pieces and at its leisure, and checks what it
// is sent.

import HTTPCodec
import MachineCore
import TestSupport

struct RandomService: Machine {
    typealias Message = Never
    typealias Note = Never

    private final class Client {
        var decoder = HTTPRequestDecoder()
        var plan: RandomPlan?
        var encoder = HTTPBodyEncoder(.none)
        var received = 0
        var given = 0
        var isResponding = false
        var isRaw = false
        /// Raw: the visitor's half is over.
        var isHalf = false
        var requestEnded = false
        var responseEnded = false
        var due: Moment?
    }

    private var clients = ConnectionTable<Client>()
    private var random: SplitMix
    /// What must not be.
    private(set) var wrongs: [String] = []
    private(set) var responded = 0
    var connections: Int { clients.count }

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    var nextDeadline: Moment? { clients.allIDs.compactMap { clients[$0]?.due }.min() }
    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Never>]) {}

    mutating func handle(_ input: MachineInput<Never>, now: Moment, into outputs: inout [MachineOutput<Never>]) {
        switch input {
        case .transport(.accepted(let id, _, _)): clients[id] = Client()
        case .transport(.received(let id, let bytes)): take(bytes, from: id, now, &outputs)
        case .transport(.receivedEOF(let id)): end(id, &outputs)
        case .transport(.closed(let id, _)): clients[id] = nil
        case .transport(.secured), .transport(.wrote), .transport(.connected), .transport(.dialFailed): break
        case .tick:
            for id in clients.allIDs where clients[id]?.due.map({ $0 <= now }) == true { give(id, now, &outputs) }
        }
    }

    // MARK: The request

    private mutating func take(_ bytes: ArraySlice<UInt8>, from id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let client = clients[id] else { return }
        if client.isRaw { return check(bytes, client) }
        client.decoder.receive(bytes)
        do {
            while !client.isRaw, let event = try client.decoder.next() {
                switch event {
                case .head(let head, _): begin(client, head, id, now, &outputs)
                case .body(let bytes): check(bytes, client)
                case .end: endRequest(client, now)
                case .closed: break
                }
            }
        } catch {
            wrongs.append("the request is not HTTP: \(error)")
        }
    }

    private typealias Outputs = [MachineOutput<Never>]

    private mutating func begin(
        _ client: Client, _ head: HTTPRequestHead, _ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let plan = RandomPlan(target: head.target) else { return wrongs.append("an unknown target") }
        client.plan = plan
        (client.received, client.given) = (0, 0)
        (client.isResponding, client.requestEnded, client.responseEnded) = (false, false, false)
        if head.expectsContinue, Bool.random(using: &random) { write(id, "HTTP/1.1 100 Continue\r\n\r\n", &outputs) }
        if plan.kind == .hints { write(id, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", &outputs) }
        if plan.kind == .upgrade, head.asksForUpgrade {
            client.isRaw = true
            client.isResponding = true
            client.due = now
            write(id, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", &outputs)
            check(client.decoder.takeUnread(), client)
        } else if plan.kind == .early {
            client.due = now
        }
    }

    private mutating func check(_ bytes: ArraySlice<UInt8>, _ client: Client) {
        guard let plan = client.plan else { return }
        if !plan.matches(bytes, at: client.received, isResponse: false) { wrongs.append("wrong bytes at \(client.received)") }
        client.received += bytes.count
    }

    private mutating func endRequest(_ client: Client, _ now: Moment) {
        guard let plan = client.plan else { return }
        // Of an upgrade that did not get through as one, nothing follows.
        let expected = plan.kind == .upgrade ? 0 : plan.up
        if client.received != expected { wrongs.append("\(client.received) of \(expected) bytes look like the whole request") }
        client.requestEnded = true
        if client.responseEnded { return client.decoder.startNextMessage() }
        if plan.kind != .silent, client.due == nil {
            client.due = now.advanced(by: .milliseconds(Int64.random(in: 0...20, using: &random)))
        }
    }

    private mutating func end(_ id: ConnectionID, _ outputs: inout Outputs) {
        guard let client = clients[id], client.isRaw, let plan = client.plan else {
            return outputs.append(.transport(.close(id)))
        }
        if client.received != plan.up { wrongs.append("\(client.received) of \(plan.up) bytes before the half-close") }
        client.isHalf = true
        if client.given == plan.down { outputs.append(.transport(.close(id))) }
    }

    // MARK: The response

    /// The head, or the next piece.
    private mutating func give(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard let client = clients[id], let plan = client.plan else { return }
        client.due = now.advanced(by: .milliseconds(Int64.random(in: 1...15, using: &random)))
        if !client.isResponding { return respond(client, plan, id, &outputs) }
        let cut = plan.kind.isWhole ? plan.down : plan.down / 2
        let count = min(cut - client.given, Int.random(in: 1...20_000, using: &random))
        if count > 0 {
            let piece = plan.bytes(client.given, count, isResponse: true)
            client.given += piece.count
            var bytes: [UInt8] = []
            if client.isRaw { bytes += piece } else { try? client.encoder.encode(piece, into: &bytes) }
            outputs.append(.transport(.write(id, bytes[...])))
        }
        if client.given >= cut { finish(client, plan, id, &outputs) }
    }

    private mutating func respond(_ client: Client, _ plan: RandomPlan, _ id: ConnectionID, _ outputs: inout Outputs) {
        client.isResponding = true
        if plan.kind == .garbage {
            client.due = nil
            write(id, "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", &outputs)
            return outputs.append(.transport(.close(id)))
        }
        let framing = plan.kind.framing ?? .length(UInt64(plan.down))
        client.encoder = HTTPBodyEncoder(framing)
        let field =
            switch framing {
            case .length(let count): "Content-Length: \(count)"
            case .chunked: "Transfer-Encoding: chunked"
            case .untilClose, .none: "Connection: close"
            }
        write(id, "HTTP/1.1 200 OK\r\n\(field)\r\n\r\n", &outputs)
    }

    private mutating func finish(_ client: Client, _ plan: RandomPlan, _ id: ConnectionID, _ outputs: inout Outputs) {
        client.due = nil
        responded += 1
        if client.isRaw {
            outputs.append(.transport(client.isHalf ? .close(id) : .finishWriting(id)))
            return
        }
        switch plan.kind {
        case .cutLength, .cutChunked, .cutClose: return outputs.append(.transport(.abort(id)))
        case .shortLength, .shortChunked: return outputs.append(.transport(.close(id)))
        case .close: return outputs.append(.transport(.close(id)))
        case .length, .chunked, .hints, .early, .upgrade, .garbage, .silent: break
        }
        var bytes: [UInt8] = []
        try? client.encoder.finish(into: &bytes)
        if !bytes.isEmpty { outputs.append(.transport(.write(id, bytes[...]))) }
        client.responseEnded = true
        if client.requestEnded { client.decoder.startNextMessage() }
    }

    private func write(_ id: ConnectionID, _ text: String, _ outputs: inout Outputs) {
        outputs.append(.transport(.write(id, Array(text.utf8)[...])))
    }
}
