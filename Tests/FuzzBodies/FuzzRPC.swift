// Invariant: any bytes are messages, each good or bad for itself, or throw the one RPCDecodeError; every good message
// re-encodes to a text that decodes equal, alone and in a batch; every bad one has a reply that is itself a good message.
// Read as operations, the same bytes drive PendingCalls, which always agrees with a plain list.

import RPCCore

/// Decodes `bytes` as JSON-RPC, then plays them as calls and replies; traps if an invariant does not hold.
public func fuzzRPC(_ bytes: [UInt8]) {
    fuzzMessages(bytes)
    fuzzPendingCalls(bytes)
}

private func fuzzMessages(_ bytes: [UInt8]) {
    let batch: RPCBatch
    do throws(RPCDecodeError) {
        batch = try RPCCodec.decodeEnvelopes(bytes[...])
    } catch {
        checkReply(to: error)
        return
    }
    precondition(batch.isBatch || batch.envelopes.count == 1)
    precondition(!batch.envelopes.isEmpty && batch.envelopes.count <= RPCCodec.defaultMaximumBatchCount)
    var messages: [RPCMessage] = []
    for element in batch.envelopes {
        switch element {
        case .success(let envelope):
            precondition((envelope.kind == .failure) == (envelope.failure != nil))
            messages.append(envelope.message)
            precondition(decodeOnly(envelope.message) == envelope.message, "a message reads back as another")
        case .failure(let error): checkReply(to: error)
        }
    }
    guard !messages.isEmpty else { return }
    var text: [UInt8] = []
    RPCCodec.encodeBatch(messages, into: &text)
    let again = try? RPCCodec.decode(text[...], limits: generousLimits)
    precondition(again == messages.map { .success($0) }, "a batch reads back as another")
}

/// What is re-encoded may be longer than it was: controls are escaped, and Doubles keep a fraction.
private let generousLimits = JSONLimits(maximumBytes: 1 << 24, maximumDepth: 64)

private func decodeOnly(_ message: RPCMessage) -> RPCMessage? {
    var text: [UInt8] = []
    RPCCodec.encode(message, into: &text)
    guard let results = try? RPCCodec.decode(text[...], limits: generousLimits), results.count == 1 else { return nil }
    return try? results.first?.get()
}

private func checkReply(to error: RPCDecodeError) {
    guard case .failure = error.reply else { preconditionFailure("an error is answered with a failure") }
    precondition(decodeOnly(error.reply) == error.reply, "a reply that its receiver cannot read")
}

/// Two bytes an operation: begin with a deadline, finish by position in the list, or let time pass and expire.
private func fuzzPendingCalls(_ bytes: [UInt8]) {
    var calls = PendingCalls<Int, Int>(maximumCount: 24, prefix: bytes.count % 2 == 0 ? "" : "web_")
    var model: [(id: RPCID, context: Int, deadline: Int)] = []
    var now = 0
    for index in stride(from: 0, to: bytes.count - 1, by: 2) {
        let operand = Int(bytes[index + 1])
        switch bytes[index] % 4 {
        case 0, 1:
            let id = calls.begin(index, deadline: now + operand)
            precondition((id == nil) == (model.count == 24), "the table is full, or is not")
            if let id { model.append((id, index, now + operand)) }
        case 2:
            guard !model.isEmpty else { continue }
            let call = model.remove(at: operand % model.count)
            precondition(calls.finish(call.id) == call.context && calls.finish(call.id) == nil, "finished once, and only once")
        default:
            now += operand / 4
            while let context = calls.popExpired(at: now) {
                let place = model.firstIndex { $0.context == context }
                guard let place else { preconditionFailure("a call expired that does not wait") }
                precondition(model[place].deadline == model.map(\.deadline).min(), "expired out of order")
                model.remove(at: place)
            }
            precondition(model.allSatisfy { $0.deadline > now }, "a call outlived its deadline")
        }
        precondition(calls.count == model.count && calls.nextDeadline == model.map(\.deadline).min())
    }
    precondition(calls.removeAll() == model.map(\.context), "something is left over")
}
