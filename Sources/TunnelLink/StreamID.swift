// The numbers of exchanges, and the JSON-RPC ids that are made of them.

/// One exchange on one tunnel: the `<n>` of the JSON-RPC id `web_<n>`, and the stream number of its data frames.
public struct StreamID: Sendable, Hashable {
    /// Chosen by the gateway; unique among the streams that are open.
    public var rawValue: UInt32
    /// The stream with this number.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

extension StreamID {
    /// The JSON-RPC id, and `requestId`, of this stream's request.
    var requestID: String { "web_\(rawValue)" }

    /// The stream whose request had this id, or nil.
    init?(requestID: String) {
        let text = requestID.utf8
        guard (5...14).contains(text.count), requestID.hasPrefix("web_") else { return nil }
        var number: UInt64 = 0
        for byte in text.dropFirst(4) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        guard let exact = UInt32(exactly: number) else { return nil }
        self.init(rawValue: exact)
    }
}
