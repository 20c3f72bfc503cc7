// Invariant: a message tells the same with and without a blank behind it. A blank makes the text one that the canonical reader
// of heads leaves to the general reader of JSON, so the two must agree whatever the bytes are; and a head that was read is the
// same after it was written and read again.

import HTTPCodec
import TunnelLink
import WireWS

/// Gives `bytes` as a text message to both ends of a tunnel; traps if an invariant does not hold.
public func fuzzHeads(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    let requests = events(of: text, at: agent())
    precondition(requests.isEmpty || requests == events(of: text + " ", at: agent()), "two readers of a request")
    for case .request(_, let request) in requests { carry(request) }
    let responses = events(of: text, at: gateway())
    precondition(responses.isEmpty || responses == events(of: text + " ", at: gateway()), "two readers of a response")
    for case .response(_, let response) in responses { carry(response) }
}

private func agent() -> TunnelSession { TunnelSession(.agent(seed: [1]), version: .v2) }

/// A gateway that awaits the responses 1 to 3.
private func gateway() -> TunnelSession {
    var session = TunnelSession(.gateway, version: .v2)
    session.admit()
    for _ in 1...3 { _ = session.open(WebRequest(method: "GET", path: [UInt8(ascii: "/")])) }
    _ = session.takeOutput()
    return session
}

private func events(of text: String, at session: TunnelSession) -> [TunnelEvent] {
    var session = session
    var peer = WSConnection(session.openStreams == 0 ? .server : .client(seed: [2]), limits: .init())
    var frame: [UInt8] = []
    _ = peer.text(Array(text.utf8)[...], into: &frame)
    return events(of: frame[...], at: &session)
}

private func events(of bytes: ArraySlice<UInt8>, at session: inout TunnelSession) -> [TunnelEvent] {
    session.receive(bytes)
    var events: [TunnelEvent] = []
    while let event = session.next() { events.append(event) }
    return events
}

private func carry(_ request: WebRequest) {
    var sender = TunnelSession(.gateway, version: .v2)
    sender.admit()
    guard sender.limits.fits(ForwardedRequest(request)), let id = sender.open(request) else { return }
    var receiver = agent()
    let heard = events(of: sender.takeOutput(), at: &receiver)
    guard case .request(id, let again)? = heard.first else { preconditionFailure("a request is not read back") }
    var lowered = again
    lowered.fields = request.fields
    precondition(lowered == request && lines(again.fields) == lines(request.fields), "a request reads back as another")
}

private func carry(_ response: WebResponse) {
    var sender = agent()
    var receiver = gateway()
    let request = #"{"jsonrpc":"2.0","id":"web_1","method":"web.request","params":{"httpMethod":"GET","path":"/","stream":1}}"#
    var peer = WSConnection(.server, limits: .init())
    var frame: [UInt8] = []
    _ = peer.text(Array(request.utf8)[...], into: &frame)
    _ = events(of: frame[...], at: &sender)
    guard sender.limits.fits(response) else { return }
    sender.respond(response, on: StreamID(rawValue: 1))
    guard case .response(_, let again)? = events(of: sender.takeOutput(), at: &receiver).first else {
        preconditionFailure("a response is not read back")
    }
    precondition(again.status == response.status && again.hasBody == response.hasBody, "a response reads back as another")
    precondition(lines(again.fields) == lines(response.fields), "fields read back as others")
}

/// Names in small letters, each with its values in order: fields of one name are brought together on their way.
private func lines(_ fields: HTTPFields) -> [String: [[UInt8]]] {
    Dictionary(grouping: fields) { $0.nameString.lowercased() }.mapValues { $0.map { Array($0.value) } }
}
