// Sets of field names, made once and asked for every field of every message: one bit of 256, chosen by the hash, tells that
// most fields are not in it, so that a message is gone through once, whatever the number of names.

/// A set of field names.
public struct HTTPFieldSet: Sendable {
    private let names: [HTTPFieldName]
    /// One bit for the hash of each name.
    private let filter: SIMD4<UInt64>

    /// The set of these names. Those that are no tokens are in no message.
    public init(_ names: [HTTPFieldName]) {
        self.names = names
        var filter = SIMD4<UInt64>()
        for name in names { filter[Self.word(name.hash)] |= Self.bit(name.hash) }
        self.filter = filter
    }

    /// The set of these names and those of `others`.
    public init(_ names: [HTTPFieldName], and others: [HTTPFieldSet]) {
        self.init(names + others.flatMap(\.names))
    }

    /// Whether the field that `slot` describes, in the storage that begins at `storage`, has one of the names.
    @inline(__always)
    func contains(_ slot: HTTPFields.Slot, _ storage: UnsafeRawPointer) -> Bool {
        filter[Self.word(slot.hash)] & Self.bit(slot.hash) != 0 && names.contains { HTTPFields.hasName(slot, storage, $0) }
    }

    /// Whether `name` is in it.
    public func contains(_ name: HTTPFieldName) -> Bool { names.contains(name) }

    @inline(__always)
    private static func word(_ hash: UInt32) -> Int { Int(truncatingIfNeeded: hash &>> 6 & 3) }

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
    public static let hopByHop: HTTPFieldSet = [
        .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade, .proxyAuthenticate,
        .proxyAuthorization,
    ]
}
