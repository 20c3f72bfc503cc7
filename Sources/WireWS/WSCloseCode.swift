// The status code of a Close frame (RFC 6455 §7.4) and which codes may stand on the wire.
//
// 0–999 are never used; 1004 is reserved; 1005, 1006 and 1015 only describe what an end saw and must not be sent; 1012–1014
// were registered later (IANA, "WebSocket Close Code Number Registry"); 3000–3999 belong to frameworks, 4000–4999 to
// applications. The same table decides what may be sent and what may arrive.

/// Why a connection is closed.
public struct WSCloseCode: RawRepresentable, Sendable, Hashable {
    /// The number as it stands in the first two bytes of a Close frame.
    public var rawValue: UInt16

    /// Any number; see `mayBeSent`.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// 1000: the purpose is fulfilled.
    public static let normal = Self(rawValue: 1000)
    /// 1001: the server goes down, or the browser leaves the page.
    public static let goingAway = Self(rawValue: 1001)
    /// 1002: the peer broke the protocol.
    public static let protocolError = Self(rawValue: 1002)
    /// 1003: a kind of data that this end cannot accept.
    public static let unsupportedData = Self(rawValue: 1003)
    /// 1005: the Close frame had no code. Never on the wire.
    public static let noStatus = Self(rawValue: 1005)
    /// 1006: the connection was lost without a Close frame. Never on the wire.
    public static let abnormal = Self(rawValue: 1006)
    /// 1007: text that is not UTF-8.
    public static let invalidPayload = Self(rawValue: 1007)
    /// 1008: a message against this end's policy.
    public static let policyViolation = Self(rawValue: 1008)
    /// 1009: a message too big to process.
    public static let messageTooBig = Self(rawValue: 1009)
    /// 1010: the client needs an extension that the server did not negotiate.
    public static let mandatoryExtension = Self(rawValue: 1010)
    /// 1011: the server met a condition that it did not expect.
    public static let internalError = Self(rawValue: 1011)
    /// 1012: the server restarts; connect again.
    public static let serviceRestart = Self(rawValue: 1012)
    /// 1013: the server is overloaded; connect again later.
    public static let tryAgainLater = Self(rawValue: 1013)
    /// 1014: a gateway got a bad response from the server behind it.
    public static let badGateway = Self(rawValue: 1014)

    /// Whether the code may stand in a Close frame (RFC 6455 §7.4.1, §7.4.2 and the IANA registry).
    public var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
