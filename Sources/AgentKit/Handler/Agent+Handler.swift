// Exchanges that the program itself answers in whole values. A request is collected whole, up to its limit, and handed to the
// host as a note; the host's answer comes back as a message, at any time, or never.
//
// The host's answer is framed here, whatever fields it has: it cannot break the framing, nor answer with a status that is none.

import HTTPCodec
import MachineCore
import TunnelLink

extension Agent {
    /// What is collected counts as gone from the tunnel: it is bounded by a limit of its own.
    mutating func collectForHandler(_ bytes: ArraySlice<UInt8>, for exchange: LocalExchange) {
        consumed(bytes.count, by: exchange)
        let count = exchange.held.count + bytes.count
        guard count > configuration.maximumHandlerBodyBytes else {
            exchange.held.append(contentsOf: bytes)
            return
        }
        exchange.held = []
        let limit = configuration.maximumHandlerBodyBytes
        give(.text("The request body is larger than \(limit) bytes.\n", status: 413), to: exchange)
    }

    mutating func callHandler(_ exchange: LocalExchange) {
        let call = HandlerCall(id: nextNumber())
        calls[call] = exchange
        let request = exchange.request
        let body = exchange.held
        exchange.server = .handler(call)
        exchange.held = []
        emit(
            .call(
                call,
                HandlerRequest(
                    method: request.method, path: latin1Text(request.path), query: request.query.map { latin1Text($0) },
                    fields: request.fields, body: body)))
    }

    mutating func respond(to call: HandlerCall, _ response: HandlerResponse) {
        guard let exchange = calls[call], exchange.status == nil else { return }  // a streaming host may have sent a head
        calls[call] = nil
        give(response, to: exchange)
    }

    private mutating func give(_ response: HandlerResponse, to exchange: LocalExchange) {
        let method = exchange.request.method
        let isLegal = (200...599).contains(response.status)
        let response = isLegal ? response : .text("The handler answered \(response.status).\n", status: 500)
        let hasBody = method != "HEAD" && response.status != 204 && response.status != 304 && !response.body.isEmpty
        let fields = response.framedFields(answering: method)
        respond(WebResponse(status: response.status, fields: fields, hasBody: hasBody), for: exchange)
        if hasBody {
            switch forward(response.body[...], end: true, for: exchange) {
            case .sent, .full: break
            case .overflow, .gone: return
            }
        }
        answered(exchange)
    }
}

extension HandlerResponse {
    /// The fields with the length that the body has (RFC 9110 §8.6): none with 204, the host's own word for HEAD and 304, where
    /// it may describe a body that is not there.
    fileprivate func framedFields(answering method: String) -> HTTPFields {
        var fields = self.fields
        fields.removeHopByHop()
        if status == 204 {
            fields.removeAll(.contentLength)
        } else if status != 304, method != "HEAD" || !fields.contains(.contentLength) {
            try? fields.set(.contentLength, "\(body.count)")  // digits are legal
        }
        return fields
    }
}
