// A local web service as a machine: it responds to each request with its method, target and body, in the framing that the
// target asks for.

import HTTPCodec
import MachineCore

/// `/length/…` responds with Content-Length, `/chunked/…` in chunks with a trailer, `/close/…` until the connection closes;
/// `/silent` never responds. The body of the response is that of the request, byte for byte.
struct EchoService: Machine {
    typealias Message = Never
    typealias Note = Never

    private final class Client {
        var decoder = HTTPRequestDecoder()
        var head: HTTPRequestHead?
        var encoder = HTTPBodyEncoder(.none)
        var body: [UInt8] = []
    }

    private var clients = ConnectionTable<Client>()
    private(set) var served = 0
    private(set) var lost = 0
    var connections: Int { clients.count }
    var nextDeadline: Moment? { nil }

    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Never>]) {}

    mutating func handle(_ input: MachineInput<Never>, now: Moment, into outputs: inout [MachineOutput<Never>]) {
        guard case .transport(let event) = input else { return }
        switch event {
        case .accepted(let id, _, _): clients[id] = Client()
        case .received(let id, let bytes):
            clients[id]?.decoder.receive(bytes)
            pump(id, &outputs)
        case .receivedEOF(let id): outputs.append(.transport(.close(id)))
        case .closed(let id, _):
            if clients[id]?.head != nil { lost += 1 }
            clients[id] = nil
        case .secured, .wrote, .connected, .dialFailed: break
        }
    }

    private mutating func pump(_ id: ConnectionID, _ outputs: inout [MachineOutput<Never>]) {
        while let event = try? clients[id]?.decoder.next() {
            switch event {
            case .head(let head, _):
                clients[id]?.head = head
                clients[id]?.body = []
            case .body(let bytes): clients[id]?.body += bytes
            case .end: respond(to: id, &outputs)
            case .closed: break
            }
        }
    }

    private mutating func respond(to id: ConnectionID, _ outputs: inout [MachineOutput<Never>]) {
        guard let client = clients[id], let head = client.head, !head.target.starts(with: "/silent".utf8) else { return }
        let kind = head.target.split(separator: UInt8(ascii: "/")).first.map { String(decoding: $0, as: UTF8.self) }
        var response = HTTPResponseHead(status: 200, fields: HTTPFields())
        var framing = HTTPBodyFraming.length(UInt64(client.body.count))
        var trailers = HTTPFields()
        switch kind {
        case "chunked":
            framing = .chunked
            try? response.fields.append(.transferEncoding, "chunked")
            try? trailers.append("x-count", "\(client.body.count)")
        case "close":
            framing = .untilClose
            try? response.fields.append(.connection, "close")
        default: try? response.fields.append(.contentLength, "\(client.body.count)")
        }
        try? response.fields.append("x-target", bytes: head.target[...])
        try? response.fields.append("x-method", head.method)
        var bytes: [UInt8] = []
        var encoder = HTTPBodyEncoder(framing)
        try? response.encode(into: &bytes)
        if head.method != "HEAD" {
            try? encoder.encode(client.body[...], into: &bytes)
            try? encoder.finish(trailers: trailers, into: &bytes)
        }
        outputs.append(.transport(.write(id, bytes[...])))
        served += 1
        clients[id]?.head = nil
        if framing == .untilClose { outputs.append(.transport(.close(id))) } else { clients[id]?.decoder.startNextMessage() }
    }
}
