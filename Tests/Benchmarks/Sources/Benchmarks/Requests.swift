// Whole requests through both machines.

import AgentKit
import TunnelLink

enum Requests {
    static var benchmarks: [Benchmark] {
        [
            request("request.v2", .v2, visitors: 64, Script(request: browserGet, response: smallResponse)),
            request(
                "request.v2.inspected", .v2, visitors: 64, isInspected: true,
                Script(request: browserGet, response: smallResponse)
            ),
            request("request.v1", .v1, visitors: 64, Script(request: browserGet, response: smallResponse)),
            request("request.v2.alone", .v2, visitors: 1, Script(request: browserGet, response: smallResponse)),
            request("request.v2.bare", .v2, visitors: 64, Script(request: bareGet, response: bareResponse)),
            request("request.v1.bare", .v1, visitors: 64, Script(request: bareGet, response: bareResponse)),
            request("download.1MiB.v2", .v2, visitors: 8, Script(request: bareGet, response: largeResponse), bytes: 1 << 20),
            request(
                "download.1MiB.zeroMask", .v2, visitors: 8, mask: .zero,
                Script(request: bareGet, response: largeResponse), bytes: 1 << 20),
            request("upload.1MiB.v2", .v2, visitors: 8, Script(request: largePost, response: bareResponse), bytes: 1 << 20),
        ]
    }

    private static func request(
        _ name: String, _ version: TunnelVersion, visitors: Int, isInspected: Bool = false, mask: TunnelMask = .automatic,
        _ script: @escaping @autoclosure () -> Script,
        bytes: Int = 0
    ) -> Benchmark {
        Benchmark(name, bytes: bytes, batch: visitors) {
            let endToEnd = try EndToEnd(version: version, visitors: visitors, isInspected: isInspected, mask: mask, script())
            for _ in 0..<4 { try endToEnd.round() }  // connections to the service are made, tables have grown
            return endToEnd.round
        }
    }

    private static func lines(_ lines: [String], _ body: [UInt8] = []) -> [UInt8] {
        Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }

    /// As wrk sends it.
    static let bareGet = lines(["GET /web/bench/small HTTP/1.1", "Host: 127.0.0.1:18100"])
    /// As a browser sends it: 12 fields.
    static let browserGet = lines([
        "GET /web/bench/assets/app.js?v=3 HTTP/1.1", "Host: gateway.example.com", "Connection: keep-alive",
        "sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"", "sec-ch-ua-mobile: ?0", "sec-ch-ua-platform: \"Linux\"",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate", "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.9,it;q=0.8", "Cookie: session=7f3a9c1e5b2d4806; theme=dark; consent=1; tz=Europe%2FRome",
    ])

    static let bareResponse = lines(
        ["HTTP/1.1 200 OK", "Server: bench", "Content-Type: application/json", "Content-Length: 128"], pad(128))
    /// As a framework responds: 9 fields.
    static let smallResponse = lines(
        [
            "HTTP/1.1 200 OK", "Date: Fri, 10 Apr 2026 05:21:22 GMT", "Content-Type: application/json; charset=utf-8",
            "Content-Length: 128", "Connection: keep-alive", "Cache-Control: no-cache, no-store, must-revalidate",
            "ETag: W/\"80-KJ0dPqVq1r4l1xTq3w\"", "Vary: Accept-Encoding", "X-Powered-By: Express",
        ], pad(128))
    static let largeResponse = lines(
        ["HTTP/1.1 200 OK", "Content-Type: application/octet-stream", "Content-Length: 1048576"], pad(1 << 20))
    static let largePost = lines(
        ["POST /web/bench/sink HTTP/1.1", "Host: 127.0.0.1:18100", "Content-Length: 1048576"], pad(1 << 20))

    /// Bytes that are not all alike.
    static func pad(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) } }
}
