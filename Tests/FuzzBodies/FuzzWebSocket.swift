// Invariant: however the bytes are cut, a WebSocket gives the same events or the same one error, and never traps; text is
// UTF-8 and within the limits; whatever is written in reply decodes as legal control frames, with at most one Close, the last.
//
// The first byte chooses: bit 0 the role, bit 1 tiny limits, bits 2–7 the length of the pieces of the second reading. The
// rest is what the peer sends.

import WireWS

/// What one reading of the input came to; replies are judged apart, since they depend on the cut.
private struct WSReading: Equatable {
    var events: [WSEvent] = []
    var error: WSError?
}

/// Feeds `bytes` to one end of a WebSocket; stops the process if the invariant above does not hold.
public func fuzzWebSocket(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let input = bytes.dropFirst()
    let role: WSRole = choice & 1 == 0 ? .server : .client(seed: [choice])
    let limits = choice & 2 == 0 ? WSLimits() : WSLimits(maximumFrameBytes: 40, maximumMessageBytes: 64)
    let whole = readWebSocket(input, in: max(1, input.count), as: role, limits: limits)
    let cut = readWebSocket(input, in: Int(choice >> 2) + 1, as: role, limits: limits)
    precondition(whole == cut, "the cut changes what is read")
    precondition(readWebSocket(input, in: 1, as: role, limits: limits) == whole, "byte by byte something else is read")
    let split = readWebSocket(input, in: Int(choice >> 2) + 1, as: role, limits: limits, splitsBinary: true)
    precondition(split == whole, "pieces of binary messages are not the whole")
    for event in whole.events {
        switch event {
        case .text(let text):
            precondition(String(validating: text, as: UTF8.self) != nil, "text is not UTF-8")
            precondition(text.count <= limits.maximumMessageBytes, "a message exceeds the limit")
        case .binaryPiece: preconditionFailure("pieces that were not asked for")
        case .binary(let payload):
            precondition(payload.count <= limits.maximumMessageBytes, "a message exceeds the limit")
        case .pong(let payload):
            precondition(payload.count <= 125, "a pong exceeds 125 bytes")
        case .closed(let code, _):
            precondition(code?.mayBeSent ?? true, "a code arrived that may not be sent")
        case .ping: break
        }
    }
}

/// What a fresh connection makes of `input` in pieces of `length` bytes.
private func readWebSocket(
    _ input: ArraySlice<UInt8>, in length: Int, as role: WSRole, limits: WSLimits, splitsBinary: Bool = false
) -> WSReading {
    var connection = WSConnection(role, limits: limits, splitsBinary: splitsBinary)
    var reading = WSReading()
    var message: [UInt8] = []
    var replies: [UInt8] = []
    for start in stride(from: input.startIndex, to: input.endIndex, by: length) {
        connection.receive(input[start..<min(start + length, input.endIndex)])
        do throws(WSError) {
            while let event = try connection.next(replies: &replies) {
                if case .closed = reading.events.last { preconditionFailure("something follows the Close frame") }
                precondition(reading.error == nil, "something follows an error")
                guard case .binaryPiece(let piece, let isLast) = event else {
                    reading.events.append(event)
                    continue
                }
                message += piece
                guard isLast else { continue }
                reading.events.append(.binary(message[...]))
                message = []
            }
        } catch {
            precondition(reading.error == nil, "a second error")
            reading.error = error
            connection.close(error.closeCode, reason: error.description, into: &replies)
        }
    }
    let isOver: Bool = if case .closed = reading.events.last { true } else { reading.error != nil }
    precondition(connection.isClosed == isOver, "closed too early or too late")
    checkReplies(replies[...], of: role, isOver: isOver)
    return reading
}

/// The other end must be able to read what was written, to the last byte.
private func checkReplies(_ replies: ArraySlice<UInt8>, of role: WSRole, isOver: Bool) {
    var decoder = WSFrameDecoder(expectingMask: role != .server)
    decoder.receive(replies)
    var (open, closes, last) = (0, 0, WSOpcode.pong)
    do throws(WSError) {
        while let event = try decoder.next() {
            switch event {
            case .header(let header):
                open += 1
                last = header.opcode
                precondition(last == .pong || last == .close, "a reply is neither a pong nor a Close frame")
                if last == .close { closes += 1 }
            case .payload: break
            case .end: open -= 1
            }
        }
    } catch {
        preconditionFailure("a reply is not a legal frame: \(error)")
    }
    precondition(open == 0, "a reply is cut")
    precondition(closes == (isOver ? 1 : 0) && (last == .close) == isOver, "not exactly one Close frame at the end")
}
