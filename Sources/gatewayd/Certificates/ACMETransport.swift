// Carries an ACME client's requests to its CA: HTTP/1.1 over TLS, one connection for each request, since a CA is asked a dozen
// times in two months. The client has its own time limit and cancels what takes longer; how long a response may be it says
// with each request.

import ACMEKit
import HTTPCodec
import MachineCore

struct ACMETransport: Sendable {
    private struct Call: Sendable {
        let request: ACMERequest
        let bytes: [UInt8]
        var connection: ConnectionID?
        var decoder: HTTPResponseDecoder
        var response: ACMEResponse?
    }

    /// A dial has the number of its request: neither is ever reused.
    private var calls: [DialID: Call] = [:]
    private var connections: [ConnectionID: DialID] = [:]

    /// Whom the CA's server is believed by; the host prepares it.
    static let profile = TLSProfile(rawValue: "acme")

    // MARK: Requests

    /// Begins a request. The reply, if it cannot be sent at all.
    mutating func send(_ request: ACMERequest, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        let id = DialID(rawValue: request.id.rawValue)
        do throws(HTTPFieldError) {
            var decoder = HTTPResponseDecoder()
            decoder.expectResponse(to: request.method)
            calls[id] = Call(request: request, bytes: try Self.encoded(request), decoder: decoder)
        } catch {
            return .failed(request.id, reason: "the request cannot be written: \(error)")
        }
        turn.emit(.dial(id, .tcp(host: request.url.host, port: request.url.port)))
        return nil
    }

    /// The response is not wanted any more.
    mutating func cancel(_ id: ACMERequestID, _ turn: inout Turn<ACMENote>) {
        let dial = DialID(rawValue: id.rawValue)
        guard let call = calls[dial] else { return }
        forget(dial)
        turn.emit(call.connection.map { .abort($0) } ?? .cancelDial(dial))
    }

    private static func encoded(_ request: ACMERequest) throws(HTTPFieldError) -> [UInt8] {
        var fields = HTTPFields()
        try fields.append(.host, request.url.authority)
        for field in request.fields { try fields.append(field) }
        try fields.append(.connection, "close")
        if request.method == "POST" { try fields.append(.contentLength, "\(request.body.count)") }
        var bytes: [UInt8] = []
        try HTTPRequestHead(method: request.method, target: request.url.target, fields: fields).encode(into: &bytes)
        return bytes + request.body
    }

    // MARK: Connections

    /// Takes what happened to a connection. The reply to a request, if that was all there is to come.
    mutating func receive(_ event: TransportEvent, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        switch event {
        case .connected(let dial, let id): connected(dial, id, &turn)
        case .dialFailed(let dial, let reason): end(dial, failure: "cannot connect: \(reason)")
        case .received(let id, let bytes): connections[id].flatMap { received(bytes, $0, &turn) }
        case .receivedEOF(let id): connections[id].flatMap { receivedEOF($0, &turn) }
        case .closed(let id, let error): connections[id].flatMap { end($0, failure: error ?? Self.endedEarly) }
        case .accepted, .secured, .wrote: nil
        }
    }

    private mutating func connected(_ dial: DialID, _ id: ConnectionID, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        guard let call = calls[dial] else {
            turn.emit(.abort(id))
            return nil
        }
        calls[dial]?.connection = id
        connections[id] = dial
        let url = call.request.url
        if url.isSecure { turn.emit(.startTLS(id, TLSPeer(host: url.host, profile: Self.profile))) }
        turn.emit(.write(id, call.bytes[...]))
        return nil
    }

    private mutating func received(
        _ bytes: ArraySlice<UInt8>, _ dial: DialID, _ turn: inout Turn<ACMENote>
    ) -> ACMEMessage? {
        calls[dial]?.decoder.receive(bytes)
        return read(dial, &turn)
    }

    private mutating func receivedEOF(_ dial: DialID, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        calls[dial]?.decoder.receiveEOF()
        return read(dial, &turn) ?? abandon(dial, Self.endedEarly, &turn)
    }

    private mutating func read(_ dial: DialID, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        do throws(HTTPDecodeError) {
            while let event = try calls[dial]?.decoder.next() {
                switch event {
                case .head(let head, _):
                    if head.status == 101 { return abandon(dial, "the CA's server wants another protocol", &turn) }
                    if !head.isInformational { calls[dial]?.response = ACMEResponse(status: head.status, fields: head.fields) }
                case .body(let bytes):
                    calls[dial]?.response?.body += bytes
                    if isTooLong(dial) { return abandon(dial, "the CA's response is too long", &turn) }
                case .end: return finish(dial, &turn)
                case .closed: return abandon(dial, Self.endedEarly, &turn)
                }
            }
        } catch {
            return abandon(dial, "the CA's response is no HTTP: \(error)", &turn)
        }
        return nil
    }

    private func isTooLong(_ dial: DialID) -> Bool {
        guard let call = calls[dial], let response = call.response else { return false }
        return response.body.count > call.request.maximumResponseBytes
    }

    // MARK: Ends

    private mutating func finish(_ dial: DialID, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        guard let call = calls[dial], let response = call.response else { return nil }
        forget(dial)
        if let id = call.connection { turn.emit(.close(id)) }
        return .response(call.request.id, response)
    }

    private mutating func abandon(_ dial: DialID, _ reason: String, _ turn: inout Turn<ACMENote>) -> ACMEMessage? {
        if let id = calls[dial]?.connection { turn.emit(.abort(id)) }
        return end(dial, failure: reason)
    }

    private mutating func end(_ dial: DialID, failure: String) -> ACMEMessage? {
        guard let call = calls[dial] else { return nil }
        forget(dial)
        return .failed(call.request.id, reason: failure)
    }

    private mutating func forget(_ dial: DialID) {
        if let id = calls.removeValue(forKey: dial)?.connection { connections[id] = nil }
    }

    private static let endedEarly = "the CA's server ended the connection before its response was whole"
}
