// A local web service that responds as fast as it is read: `/bytes/{count}` gives so many bytes, each known by its place.

import HTTPCodec
import MachineCore

struct StreamingService: Machine {
    typealias Message = Never
    typealias Note = Never

    private final class Client {
        var decoder = HTTPRequestDecoder()
        /// Of the response, what was given to the transport, and all of it.
        var given = 0
        var count = 0
        /// Given and not yet taken: kept under `aheadBytes`.
        var unwritten = 0
    }

    private static let aheadBytes = 128 * 1024
    private var clients = ConnectionTable<Client>()
    var connections: Int { clients.count }
    var nextDeadline: Moment? { nil }

    /// The bytes `start ..< start + count` of a response.
    static func bytes(_ start: Int, _ count: Int) -> ArraySlice<UInt8> {
        let offset = start % period
        return block[offset..<(offset + min(count, period))]
    }

    private static let period = 65_521
    private static let block = (0..<(2 * period)).map { (index: Int) -> UInt8 in
        let place = index % period
        return UInt8(truncatingIfNeeded: place * 31 + (place >> 8))
    }

    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<Never>]) {}

    mutating func handle(_ input: MachineInput<Never>, now: Moment, into outputs: inout [MachineOutput<Never>]) {
        guard case .transport(let event) = input else { return }
        switch event {
        case .accepted(let id, _, _): clients[id] = Client()
        case .received(let id, let bytes):
            clients[id]?.decoder.receive(bytes)
            pump(id, &outputs)
        case .wrote(let id, let count):
            clients[id]?.unwritten -= count
            flow(id, &outputs)
        case .receivedEOF(let id): outputs.append(.transport(.close(id)))
        case .closed(let id, _): clients[id] = nil
        case .secured, .connected, .dialFailed: break
        }
    }

    private mutating func pump(_ id: ConnectionID, _ outputs: inout [MachineOutput<Never>]) {
        while let client = clients[id], let event = try? client.decoder.next() {
            guard case .head(let head, _) = event else { continue }
            client.count = Int(String(decoding: head.target.dropFirst("/bytes/".utf8.count), as: UTF8.self)) ?? 0
            client.given = 0
            var response = HTTPResponseHead(status: 200, fields: HTTPFields())
            try? response.fields.append(.contentLength, "\(client.count)")
            var bytes: [UInt8] = []
            try? response.encode(into: &bytes)
            client.unwritten += bytes.count
            outputs.append(.transport(.write(id, bytes[...])))
            flow(id, &outputs)
        }
    }

    private func flow(_ id: ConnectionID, _ outputs: inout [MachineOutput<Never>]) {
        guard let client = clients[id] else { return }
        while client.given < client.count, client.unwritten < Self.aheadBytes {
            let piece = Self.bytes(client.given, min(32 * 1024, client.count - client.given))
            client.given += piece.count
            client.unwritten += piece.count
            outputs.append(.transport(.write(id, piece)))
        }
        if client.given == client.count { client.decoder.startNextMessage() }
    }
}
