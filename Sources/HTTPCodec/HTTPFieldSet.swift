// Sets of field names, made once and asked for every field of every message: one bit of the hash tells that most fields are not
// in it, so that a message is gone through once, whatever the number of names.

/// A set of field names.
public struct HTTPFieldSet: Sendable {
    private let names: [HTTPFieldName]
    /// One bit for the hash of each name.
    private let filter: UInt64

    /// The set of these names. Those that are no tokens are in no message.
    public init(_ names: [HTTPFieldName]) {
        self.names = names
        filter = names.reduce(0) { $0 | Self.bit($1.hash) }
    }

    /// Whether the field that `slot` describes, in the storage that begins at `storage`, has one of the names.
    @inline(__always)
    func contains(_ slot: HTTPFields.Slot, _ storage: UnsafeRawPointer) -> Bool {
        filter & Self.bit(slot.hash) != 0 && names.contains { HTTPFields.hasName(slot, storage, $0) }
    }

    @inline(__always)
    private static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64(hash & 63) }
}

extension HTTPFieldSet: ExpressibleByArrayLiteral {
    /// The set of these names.
    public init(arrayLiteral names: HTTPFieldName...) { self.init(names) }
}

extension HTTPFieldSet {
    /// No names.
    public static let none: HTTPFieldSet = []

    /// What says where a message ends and who it is for.
    public static let framingAndAddress: HTTPFieldSet = [.contentLength, .host]

    /// What belongs to one connection (RFC 9110 §7.6.1), and credentials for a proxy (§11.7).
    static let hopByHop: HTTPFieldSet = [
        .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .proxyAuthenticate,
        .proxyAuthorization,
    ]
}
