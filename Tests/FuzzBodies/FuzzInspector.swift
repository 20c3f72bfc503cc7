// Invariant: any bytes posted as a replay request are one, or one problem with a reason, and what is made of an exchange is a
// legal request within the limits. The same bytes as a target, a query, a body and a name: masking twice is masking once,
// filters read anything, the JSON of an exchange is JSON, and nothing that was escaped for a page can end a text there.

import HTTPCodec
import Inspection
import RPCCore
import WebConsole

/// Runs the invariant over `bytes`.
public func fuzzInspector(_ bytes: [UInt8]) {
    checkReplay(bytes)
    checkMasks(bytes)
    checkTexts(bytes)
}

private func exchange(_ target: [UInt8], body: [UInt8] = []) -> CapturedExchange {
    var exchange = CapturedExchange(
        agentID: "pi", method: "POST", target: Secrets.masked(target: target), requestFields: HTTPFields(),
        startedAtMilliseconds: 1_775_798_482_123)
    exchange.number = 7
    exchange.requestBody.append(body[...], limit: 1_024)
    return exchange
}

private func checkReplay(_ bytes: [UInt8]) {
    let request: ReplayRequest
    do { request = try ReplayRequest(json: bytes) } catch {
        precondition(!error.reason.isEmpty, "a problem without a reason")
        return
    }
    guard let made = try? request.applied(to: exchange(Array("/a?token=x&b=2".utf8), body: Array("hello".utf8))) else { return }
    precondition(made.body.count <= ReplayRequest.maximumBodyBytes && made.fields.count <= ReplayRequest.maximumFields)
    var head: [UInt8] = []
    let isLegal =
        (try? HTTPRequestHead(method: made.method, target: made.target[...], fields: made.fields).encode(into: &head)) != nil
    precondition(isLegal, "a request that cannot be sent")
}

private func checkMasks(_ bytes: [UInt8]) {
    let masked = Secrets.masked(target: bytes)
    precondition(Secrets.masked(target: masked) == masked, "masking twice masks more")
    var fields = HTTPFields()
    if (try? fields.append(name: Array("Cookie".utf8)[...], value: bytes[...])) != nil {
        let once = Secrets.masked(fields)
        precondition(once.count == 1 && Secrets.masked(once) == once, "masking twice masks more")
    }
    _ = ExchangeFilter(query: bytes[...]).matches(exchange(bytes))
}

private func checkTexts(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    precondition(!HTML.escaped(text).utf8.contains { "<>\"'".utf8.contains($0) }, "a text ends where it should not")
    let full = ExchangeJSON.full(exchange(bytes, body: bytes))
    precondition((try? JSONDocument(full[...])) != nil, "the exchange is not JSON")
    _ = Language(chosen: text, accept: text)
}
