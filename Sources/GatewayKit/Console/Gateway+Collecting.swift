// The body of a request to one of our own addresses: small, held whole, then answered.

import HTTPCodec
import MachineCore

/// A request of ours whose body is on its way.
struct CollectedRequest: Sendable {
    var request: VisitorRequest
    let route: OwnRoute
    var body: [UInt8] = []
}

extension Gateway {
    /// Waits for the body of `request`, which is answered when it is whole.
    mutating func collect(
        _ id: ConnectionID, _ request: VisitorRequest, _ route: OwnRoute, _ now: Moment, _ outputs: inout Outputs
    ) {
        if case .length(let count) = request.framing, count > route.maximumBody {
            return answer(id, .bodyTooLarge(limit: UInt64(route.maximumBody)), to: request, now, &outputs)
        }
        visitors[id]?.collected = CollectedRequest(request: request, route: route)
        visitors[id]?.phase = .collecting
        setDeadline(of: id, at: now.advanced(by: configuration.limits.headTimeout))
        if request.expectsContinue { write(id, Self.continueLine, &outputs) }
    }

    mutating func collect(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs) {
        guard let visitor = visitors[id], let collected = visitor.collected else { return }
        guard collected.body.count + bytes.count <= collected.route.maximumBody else {
            visitor.collected = nil
            let error = GatewayError.bodyTooLarge(limit: UInt64(collected.route.maximumBody))
            return answer(id, error, to: collected.request, now, &outputs)
        }
        visitor.collected?.body.append(contentsOf: bytes)
    }

    /// The body is whole.
    mutating func finishCollecting(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard var collected = visitors[id]?.collected else { return }
        visitors[id]?.collected = nil
        collected.request.isOver = true
        answerOwn(id, collected.request, collected.route, body: collected.body, now, &outputs)
    }
}
