// JSON-RPC messages: the text alone, and through both ends of a tunnel.

import HTTPCodec
import RPCCore
import TunnelLink

enum Messages {
    static var benchmarks: [Benchmark] {
        [
            Benchmark("rpc.request.parse", bytes: request.count) {
                { consume(try RPCCodec.decodeEnvelopes(request[...])) }
            },
            Benchmark("rpc.result.parse", bytes: result.count) {
                { consume(try RPCCodec.decodeEnvelopes(result[...])) }
            },
            Benchmark("json.write", bytes: request.count, prepare: write),
            Benchmark("tunnel.request.v2") { try exchange(.v2) },
            Benchmark("tunnel.request.v1") { try exchange(.v1) },
        ]
    }

    /// The browser's request as it goes through the tunnel.
    private static let request = Array(
        """
        {"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"requestId":"web_1","httpMethod":"GET",\
        "path":"/assets/app.js","query":"v=3","headers":{"sec-ch-ua":"\\"Chromium\\";v=\\"130\\"","sec-ch-ua-mobile":"?0",\
        "user-agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",\
        "accept":"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",\
        "sec-fetch-site":"same-origin","accept-encoding":"gzip, deflate, br, zstd","accept-language":"en-GB,en;q=0.9,it;q=0.8",\
        "cookie":"session=7f3a9c1e5b2d4806; theme=dark; consent=1","x-forwarded-for":"203.0.113.9",\
        "x-forwarded-proto":"http","x-forwarded-host":"gateway.example.com","x-forwarded-prefix":"/web/bench"},\
        "stream":1,"end":true}}
        """.utf8)
    private static let result = Array(
        """
        {"jsonrpc":"2.0","id":"web_1","result":{"statusCode":200,"headers":{"date":"Fri, 10 Apr 2026 05:21:22 GMT",\
        "content-type":"application/json; charset=utf-8","content-length":"128",\
        "cache-control":"no-cache, no-store, must-revalidate","etag":"W/\\"80-KJ0dPqVq1r4l1xTq3w\\"",\
        "vary":"Accept-Encoding","x-powered-by":"Express"},"stream":1}}
        """.utf8)

    private static func write() throws -> () throws -> Void {
        let fields = try Codecs.parsedRequest().fields
        var buffer: [UInt8] = []
        return {
            buffer.removeAll(keepingCapacity: true)
            var writer = JSONWriter(reusing: buffer)
            buffer = []
            writer.beginObject()
            for index in fields.indices {
                writer.nameLowercasedASCII(fields.name(at: index))
                writer.latin1(fields.value(at: index))
            }
            writer.endObject()
            buffer = writer.finish()
        }
    }

    /// A request and its response through two sessions, body included, without the machines around them.
    private static func exchange(_ version: TunnelVersion) throws -> () throws -> Void {
        let response = WebResponse(status: 200, fields: try responseFields(), hasBody: true, wholeBodyCount: 128)
        let body = Requests.pad(128)
        var request = WebRequest(method: "GET", path: Array("/assets/app.js".utf8))
        request.fields = try Codecs.parsedRequest().fields
        var near = TunnelSession(.gateway, version: version)
        near.admit()
        var far = TunnelSession(.agent(seed: Array(0..<32)), version: version)
        return {
            try require(near.open(request) != nil, "no stream")
            carry(from: &near, to: &far)
            while let event = far.next() {
                guard case .request(let id, _) = event else { continue }
                far.respond(response, on: id)
                _ = far.send(body[...], on: id, end: true)
            }
            carry(from: &far, to: &near)
            while let event = near.next() {
                if case .data(let id, let bytes) = event { near.consumed(bytes.count, on: id) }
            }
            carry(from: &near, to: &far)
            while far.next() != nil {}
            try require(near.openStreams == 0, "the response is not whole")
        }
    }

    private static func responseFields() throws -> HTTPFields {
        var decoder = HTTPResponseDecoder()
        decoder.expectResponse(to: "GET")
        decoder.receive(Requests.smallResponse[...])
        guard case .head(let head, _) = try decoder.next() else { throw WrongResult("no head") }
        return head.fields
    }

    private static func carry(from sender: inout TunnelSession, to receiver: inout TunnelSession) {
        let bytes = sender.takeOutput()
        sender.wrote(bytes.count)
        receiver.receive(bytes)
    }
}
