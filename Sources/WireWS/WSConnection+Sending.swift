// What this end sends (RFC 6455 §6.1, §5.5): one frame for each message, masked if this end is the client.
//
// Nothing is sent after a Close frame, nor after the peer broke the protocol, except the Close frame that says so. Payloads
// are copied once, into the caller's output, by the pass that masks them; those of binary messages that no mask changes can
// stay where they are.

extension WSConnection {
    /// Appends a text message. `payload` must be UTF-8; that is not checked. False, and nothing is written: this end is
    /// closing, or has failed.
    public mutating func text(_ payload: ArraySlice<UInt8>, into bytes: inout [UInt8]) -> Bool {
        send(.text, [], payload, to: &bytes)
    }

    /// Appends a binary message. False, and nothing is written: this end is closing, or has failed.
    public mutating func binary(_ payload: ArraySlice<UInt8>, into bytes: inout [UInt8]) -> Bool {
        send(.binary, [], payload, to: &bytes)
    }

    /// Appends one binary message made of two parts, without joining them first. False, and nothing is written: this end is
    /// closing, or has failed.
    public mutating func binary(
        _ head: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>, into bytes: inout [UInt8]
    ) -> Bool {
        send(.binary, head, payload, to: &bytes)
    }

    /// Whether the payload of a binary message goes out as it is: this end is a server, or masks such messages with the key
    /// zero.
    public var lendsBinary: Bool { keys == nil || masksBinaryWithZero }

    /// Appends all of a binary message but its last `payloadCount` bytes, which the caller sends behind it from where they are.
    /// False, and nothing is written: `lendsBinary` is false, so it cannot be; or this end is closing, or has failed.
    public mutating func binary(_ head: ArraySlice<UInt8>, beforePayloadOf payloadCount: Int, into bytes: inout [UInt8]) -> Bool
    {
        if !lendsBinary || hasSentClose || hasReceivedClose || hasFailed { return false }
        let mask = keys == nil ? nil : WSMask(key: 0)
        WSFrameHeader(opcode: .binary, mask: mask, payloadCount: head.count + payloadCount).encode(into: &bytes)
        bytes.append(contentsOf: head)
        return true
    }

    /// Appends a ping. False, and nothing is written: `payload` is longer than 125 bytes (RFC 6455 §5.5), or this end is
    /// closing, or has failed.
    public mutating func ping(_ payload: ArraySlice<UInt8>, into bytes: inout [UInt8]) -> Bool {
        payload.count <= 125 && send(.ping, [], payload, to: &bytes)
    }

    /// Appends this end's Close frame; a second call does nothing (RFC 6455 §5.5.1).
    ///
    /// Nil and 1005 both mean a frame without a code, and so without a reason. Any other code that may not be sent is
    /// replaced by 1011. The reason is cut to 123 bytes of UTF-8, between two characters.
    public mutating func close(_ code: WSCloseCode?, reason: String, into bytes: inout [UInt8]) {
        if hasSentClose { return }
        hasSentClose = true
        guard let code, code != .noStatus else { return append(.close, [], [], to: &bytes) }
        let number = (code.mayBeSent ? code : .internalError).rawValue
        let head = [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        append(.close, head[...], Self.cut(reason)[...], to: &bytes)
    }

    private mutating func send(
        _ opcode: WSOpcode, _ head: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>, to bytes: inout [UInt8]
    ) -> Bool {
        if hasSentClose || hasReceivedClose || hasFailed { return false }
        append(opcode, head, payload, to: &bytes)
        return true
    }

    /// Appends one whole frame whose payload is `head` and then `payload`.
    mutating func append(
        _ opcode: WSOpcode, _ head: ArraySlice<UInt8>, _ payload: ArraySlice<UInt8>, to bytes: inout [UInt8]
    ) {
        let mask = nextMask(opcode)
        WSFrameHeader(opcode: opcode, mask: mask, payloadCount: head.count + payload.count).encode(into: &bytes)
        if var mask {
            mask.append(head, to: &bytes)
            mask.append(payload, to: &bytes)
        } else {
            bytes.append(contentsOf: head)
            bytes.append(contentsOf: payload)
        }
    }

    /// The mask of the next frame; nil at a server.
    private mutating func nextMask(_ opcode: WSOpcode) -> WSMask? {
        if opcode == .binary, masksBinaryWithZero, keys != nil { return WSMask(key: 0) }
        let key = keys?.nextWord()
        return key.map(WSMask.init(key:))
    }

    /// The longest beginning of `reason` that fits beside the code: 123 bytes.
    private static func cut(_ reason: String) -> [UInt8] {
        var end = reason.startIndex
        var count = 0
        for scalar in reason.unicodeScalars {
            count += UTF8.width(scalar)
            if count > 123 { break }
            end = reason.unicodeScalars.index(after: end)
        }
        return Array(reason.utf8[..<end])
    }
}
