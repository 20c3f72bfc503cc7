// The codecs alone: HTTP heads and chunks, field lookups, WebSocket frames and masks, UTF-8, base64.

import HTTPCodec
import RPCCore
import WireWS

enum Codecs {
    static var benchmarks: [Benchmark] { reference + heads + fields + chunks + frames + texts }

    /// What one pass over a head costs, byte by byte: the measure of the parsers.
    private static var reference: [Benchmark] {
        let head = Requests.browserGet
        return [
            Benchmark("reference.hash", bytes: head.count) {
                {
                    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
                    for byte in head { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
                    consume(hash)
                }
            }
        ]
    }

    // MARK: HTTP

    private static var heads: [Benchmark] {
        let request = Requests.browserGet
        let response = Requests.smallResponse
        return [
            Benchmark("http.request.parse", bytes: request.count) {
                var decoder = HTTPRequestDecoder()
                return {
                    decoder.receive(request[...])
                    while let event = try decoder.next() { consume(event) }
                    decoder.startNextMessage()
                }
            },
            Benchmark("http.response.parse", bytes: response.count) {
                var decoder = HTTPResponseDecoder()
                return {
                    decoder.expectResponse(to: "GET")
                    decoder.receive(response[...])
                    while let event = try decoder.next() { consume(event) }
                }
            },
            Benchmark("http.request.encode", bytes: request.count) {
                let head = try parsedRequest()
                var bytes: [UInt8] = []
                return {
                    bytes.removeAll(keepingCapacity: true)
                    try head.encode(into: &bytes)
                }
            },
        ]
    }

    static func parsedRequest() throws -> HTTPRequestHead {
        var decoder = HTTPRequestDecoder()
        decoder.receive(Requests.browserGet[...])
        guard case .head(let head, _) = try decoder.next() else { throw WrongResult("no head") }
        return head
    }

    private static var fields: [Benchmark] {
        [
            Benchmark("http.fields.lookup") {
                let fields = try parsedRequest().fields
                return { consume(fields.first(.acceptEncoding)) }
            },
            Benchmark("http.fields.miss") {
                let fields = try parsedRequest().fields
                return { consume(fields.first(.transferEncoding)) }
            },
            // A copy, four fields removed or replaced and one added: what a proxy does to a head.
            Benchmark("http.fields.edit") {
                let fields = try parsedRequest().fields
                return {
                    var copy = fields
                    copy.removeAll(.connection)
                    copy.removeAll("Keep-Alive")
                    try copy.set(.host, "localhost:4173")
                    try copy.append("X-Forwarded-For", "203.0.113.9")
                    consume(copy)
                }
            },
        ]
    }

    private static var chunks: [Benchmark] {
        let piece = Requests.pad(16 * 1024)
        let head = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        let chunk = Array("4000\r\n".utf8) + piece + Array("\r\n".utf8)
        return [
            Benchmark("http.chunk.encode.16KiB", bytes: piece.count) {
                var bytes: [UInt8] = []
                var encoder = HTTPBodyEncoder(.chunked)
                return {
                    bytes.removeAll(keepingCapacity: true)
                    try encoder.encode(piece[...], into: &bytes)
                }
            },
            Benchmark("http.chunk.decode.16KiB", bytes: piece.count) {
                var decoder = HTTPRequestDecoder()
                decoder.receive(head[...])
                while let event = try decoder.next() { consume(event) }
                return {
                    decoder.receive(chunk[...])
                    while let event = try decoder.next() { consume(event) }
                }
            },
        ]
    }

    // MARK: WebSocket

    private static var frames: [Benchmark] {
        [
            frame("ws.text.toAgent.700B", from: .server, to: .client(seed: [1]), count: 700, isText: true),
            frame("ws.text.toGateway.700B", from: .client(seed: [1]), to: .server, count: 700, isText: true),
            frame("ws.binary.toAgent.64KiB", from: .server, to: .client(seed: [1]), count: 65_536, isText: false),
            frame("ws.binary.toGateway.64KiB", from: .client(seed: [1]), to: .server, count: 65_536, isText: false),
            Benchmark("ws.mask.64KiB", bytes: 65_536) {
                let bytes = Requests.pad(65_536)
                var masked: [UInt8] = []
                masked.reserveCapacity(bytes.count)
                return {
                    var mask = WSMask(key: 0x37fa_213d)
                    masked.removeAll(keepingCapacity: true)
                    mask.append(bytes[...], to: &masked)
                }
            },
        ]
    }

    /// A message framed at one end and read at the other.
    private static func frame(_ name: String, from: WSRole, to: WSRole, count: Int, isText: Bool) -> Benchmark {
        Benchmark(name, bytes: count) {
            let payload = isText ? [UInt8](repeating: 0x61, count: count) : Requests.pad(count)
            var sender = WSConnection(from)
            var receiver = WSConnection(to)
            var bytes: [UInt8] = []
            var replies: [UInt8] = []
            return {
                bytes.removeAll(keepingCapacity: true)
                _ = isText ? sender.text(payload[...], into: &bytes) : sender.binary(payload[...], into: &bytes)
                receiver.receive(bytes[...])
                while let event = try receiver.next(replies: &replies) { consume(event) }
            }
        }
    }

    // MARK: Text

    private static var texts: [Benchmark] {
        let ascii = [UInt8](repeating: 0x61, count: 65_536)
        let mixed = Array(String(repeating: "Größe: 12 €, 東京 🙂. ", count: 2_000).utf8)
        let binary = Requests.pad(65_535)
        let base64 = Base64.encode(binary[...])
        return [
            Benchmark("utf8.ascii.64KiB", bytes: ascii.count) {
                {
                    var validator = UTF8Validator()
                    consume(validator.validate(ascii[...]))
                }
            },
            Benchmark("utf8.mixed", bytes: mixed.count) {
                {
                    var validator = UTF8Validator()
                    consume(validator.validate(mixed[...]))
                }
            },
            Benchmark("base64.encode.64KiB", bytes: binary.count) {
                var text: [UInt8] = []
                return {
                    text.removeAll(keepingCapacity: true)
                    Base64.encode(binary[...], into: &text)
                }
            },
            Benchmark("base64.decode.64KiB", bytes: binary.count) {
                var bytes: [UInt8] = []
                return {
                    bytes.removeAll(keepingCapacity: true)
                    try Base64.decode(base64[...], into: &bytes)
                }
            },
        ]
    }
}
