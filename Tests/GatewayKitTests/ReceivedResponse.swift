// What a visitor makes of what it was sent.

import HTTPCodec
import MachineCore
import Testing

/// A whole response.
struct ReceivedResponse {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]
    var trailers = HTTPFields()
    /// Statuses of the informational responses before it.
    var interim: [Int] = []

    var text: String { String(decoding: body, as: UTF8.self) }
    var errorCode: String? { fields["x-miagent-error"] }
}

extension GatewayFixture {
    /// The next response on the connection; nil if none is complete. Pipelined ones stay.
    func response(_ id: ConnectionID, to method: String = "GET") -> ReceivedResponse? {
        let bytes = readBytes(id)
        var decoder = HTTPResponseDecoder()
        decoder.expectResponse(to: method)
        decoder.receive(bytes[...])
        if connection(id).isGone || connection(id).isFinished { decoder.receiveEOF() }
        var response: ReceivedResponse?
        var interim: [Int] = []
        do {
            while let event = try decoder.next() {
                switch event {
                case .head(let head, _):
                    if head.status == 101 {
                        putBack(Array(decoder.takeUnread()), id)
                        return ReceivedResponse(status: 101, fields: head.fields, body: [], interim: interim)
                    }
                    if head.isInformational { interim.append(head.status) }
                    response = ReceivedResponse(status: head.status, fields: head.fields, body: [], interim: interim)
                case .body(let piece): response?.body += piece
                case .end(let trailers):
                    response?.trailers = trailers
                    putBack(Array(decoder.takeUnread()), id)
                    return response
                case .closed: break
                }
            }
        } catch {
            putBack(bytes, id)
            return nil
        }
        putBack(bytes, id)
        return nil
    }

    /// The next response, which must be there.
    func expectResponse(_ id: ConnectionID, to method: String = "GET", sourceLocation: SourceLocation = #_sourceLocation) throws
        -> ReceivedResponse
    {
        try #require(response(id, to: method), "\(connection(id).written.count) bytes", sourceLocation: sourceLocation)
    }

    /// Sends one request on a new connection and gives its response.
    func get(
        _ target: String, method: String = "GET", host: String = "gw.example", _ extra: String = "",
        from peer: String = "203.0.113.9", on loop: Int = 0, listener: Int = 0, tls: TLSFacts? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> ReceivedResponse {
        let text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n\(extra)\r\n"
        let id = visit(text, from: peer, on: loop, listener: listener, tls: tls)
        defer { leave(id) }
        return try expectResponse(id, to: method, sourceLocation: sourceLocation)
    }
}

/// A GET of `target`.
func get(_ target: String, _ extra: String = "") -> String { "GET \(target) HTTP/1.1\r\nHost: gw.example\r\n\(extra)\r\n" }

/// Fields, in order.
func fields(_ pairs: (String, String)...) -> HTTPFields {
    var fields = HTTPFields()
    for (name, value) in pairs {
        do { try fields.append(HTTPFieldName(name), value) } catch { Issue.record("\(name): \(error)") }
    }
    return fields
}

extension String {
    /// This text with each `old` replaced.
    func replacing(_ old: String, with new: String) -> String {
        var result = ""
        var rest = self[...]
        while let first = rest.first {
            if rest.hasPrefix(old) {
                result += new
                rest = rest.dropFirst(old.count)
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return result
    }
}
