// The demo's web service: the two routes of the original v1, a page, and an echo. An ordinary function from a request to a
// response.

import AgentKit
import HTTPCodec
import RPCCore
import SocketKit

enum DemoService {
    static func respond(to request: HandlerRequest) -> HandlerResponse {
        switch (request.path, request.method) {
        case ("/api/hello", "GET"), ("/api/hello", "HEAD"): .json(["message": "Hello from Agent!"])
        case ("/api/status", "GET"), ("/api/status", "HEAD"): .json(["ok": true, "ts": .integer(milliseconds())])
        case ("/echo", _): echo(request)
        case ("/", "GET"), ("/", "HEAD"): .html(page)
        case ("/", _), ("/api/hello", _), ("/api/status", _): .text("method not allowed\n", status: 405)
        default: .text("not found\n", status: 404)
        }
    }

    private static func milliseconds() -> Int64 {
        let (seconds, nanoseconds) = unixNow()
        return seconds * 1_000 + nanoseconds / 1_000_000
    }

    private static func echo(_ request: HandlerRequest) -> HandlerResponse {
        var response = HandlerResponse(body: request.body)
        let type = request.fields[.contentType] ?? "application/octet-stream"
        try? response.fields.append(.contentType, type)
        try? response.fields.append("content-security-policy", "sandbox")  // an echo must not run as a page of ours
        return response
    }

    private static let page = """
        <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>Hello from an agent</title>
        <style>:root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}
        code{background:#8882;padding:.1em .3em;border-radius:.3em}</style>
        <h1>Hello from an agent</h1>
        <p>This page was made by a program without a public address. It came through a WebSocket tunnel and the gateway.</p>
        <p>Also here: <a href="api/hello">api/hello</a>, <a href="api/status">api/status</a>, and <code>POST echo</code>.</p>
        </html>
        """
}
