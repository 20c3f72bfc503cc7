// Invariant: any bytes are messages, each good or bad for itself, or throw the one RPCDecodeError; every good message
// re-encodes to a text that decodes equal, alone and in a batch; every bad one has a reply that is itself a good message.

import RPCCore

/// Decodes `bytes` as JSON-RPC; traps if an invariant does not hold.
public func fuzzRPC(_ bytes: [UInt8]) {
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
    let texts = messages.map { message in
        var text: [UInt8] = []
        RPCCodec.encode(message, into: &text)
        return text
    }
    let text = [UInt8(ascii: "[")] + texts.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "]")]
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
    guard case .failure = error.reply else { preconditionFailure("the reply to an error is a failure") }
    precondition(decodeOnly(error.reply) == error.reply, "a reply that its receiver cannot read")
}
