// How a response of the gateway's own becomes bytes: the one place where its head is made. Each carries `Server`, `Date` and
// the request's id, has the addresses in it under the prefix that the visitor sees, is counted, and is a line of the access
// log.

import HTTPCodec
import MachineCore

extension VisitorResources {
    /// The response's bytes, but for the body to a HEAD. `isWhole`: its body is all there will be.
    func encode(
        _ response: OwnResponse, to request: VisitorRequest?, from peer: String, keepsAlive: Bool, isWhole: Bool = true,
        _ turn: inout Turn
    ) -> [UInt8] {
        var response = response
        if let request { response.prefixAddresses(with: prefix(of: request, from: peer)) }
        record(response, to: request, from: peer, &turn)
        var head = HTTPResponseHead(status: response.status, fields: response.fields)
        try? head.fields.append(.server, "miagent")
        if isWhole { try? head.fields.append(.contentLength, "\(response.body.count)") }
        if let request { try? head.fields.append(.xRequestID, request.id) }
        if request?.security != nil, let value = environment.configuration.strictTransport {
            try? head.fields.append(.strictTransportSecurity, value)
        }
        head.setConnection(keepsAlive: keepsAlive, minorVersion: request?.head.minorVersion ?? 1)
        var bytes: [UInt8] = []
        // Every field was made here, of checked parts.
        try? head.encode(into: &bytes, adding: date(at: turn.now))
        if request?.head.method != "HEAD" { bytes.append(contentsOf: response.body) }
        return bytes
    }

    private func prefix(of request: VisitorRequest, from peer: String) -> String {
        let forwarding = environment.forwarding
        let visitor = forwarding.provenance(peer, of: request)
        return forwarding.prefix(of: request.head.fields, isByTrustedProxy: visitor.isByTrustedProxy)
    }

    private func record(_ response: OwnResponse, to request: VisitorRequest?, from peer: String, _ turn: inout Turn) {
        metrics.ownResponse(response.status)
        if let error = response.error {
            metrics.failed(error)
            turn.log(
                .debug, "visitor.refused",
                [
                    .init("peer", peer), .init("status", "\(error.status)"), .init("code", error.code),
                    .init("id", request?.id ?? "-"),
                ])
        }
        guard let request, environment.configuration.accessLog != .off else { return }
        let duration = turn.now.since(request.received)
        var record = AccessRecord(
            requestID: request.id, time: environment.clock.unixSeconds(at: request.received),
            peer: environment.forwarding.clientText(peer, request.head.fields), request: request.head,
            agentID: request.agentID, status: response.status, duration: duration, outcome: response.error?.code ?? "done")
        record.tlsVersion = request.security?.version
        record.responseBytes = UInt64(request.head.method == "HEAD" ? 0 : response.body.count)
        record.untilResponse = duration
        turn.emit(.access(record))
    }
}

extension HTTPResponseHead {
    /// Says whether the connection stays, where the version does not say so by itself (RFC 9112 §9.3).
    mutating func setConnection(keepsAlive: Bool, minorVersion: Int) {
        if !keepsAlive {
            try? fields.append(.connection, "close")
        } else if minorVersion == 0 {
            try? fields.append(.connection, "keep-alive")
        }
    }
}
