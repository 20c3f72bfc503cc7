// Sets of field names, made once and asked for every message: a bit for each known name, so that a message whose known names
// are others is done with at once, and the texts of the rest.

/// Some of the known names, a bit for each.
struct KnownNameSet: Sendable, Hashable {
    private var low: UInt64 = 0
    private var middle: UInt64 = 0
    private var high: UInt64 = 0

    /// Adds the name with this number; 0 is none.
    @inline(__always)
    mutating func insert(_ number: UInt8) {
        let bit: UInt64 = 1 &<< UInt64(number & 63)
        switch number >> 6 {
        case 0: low |= bit
        case 1: middle |= bit
        default: high |= bit
        }
    }

    /// Whether the name with this number is in it; 0 is for those that are not known.
    @inline(__always)
    func contains(_ number: UInt8) -> Bool {
        let word = number < 64 ? low : number < 128 ? middle : high
        return word &>> UInt64(number & 63) & 1 == 1
    }

    /// Whether both have a name, or 0, in common.
    @inline(__always)
    func intersects(_ other: KnownNameSet) -> Bool { low & other.low | middle & other.middle | high & other.high != 0 }

    /// Adds those of `other`.
    @inline(__always)
    mutating func formUnion(_ other: KnownNameSet) {
        low |= other.low
        middle |= other.middle
        high |= other.high
    }
}

/// A set of field names.
public struct HTTPFieldSet: Sendable {
    private let names: [HTTPFieldName]
    /// Those that are known by number, and 0 if there are others.
    let known: KnownNameSet
    /// The others.
    private let others: [HTTPFieldName]

    /// The set of these names. Those that are no tokens are in no message.
    public init(_ names: [HTTPFieldName]) {
        self.names = names
        var known = KnownNameSet()
        for name in names { known.insert(name.number) }
        self.known = known
        others = names.filter { $0.number == 0 }
    }

    /// The set of these names and those of `others`.
    public init(_ names: [HTTPFieldName], and others: [HTTPFieldSet]) {
        self.init(names + others.flatMap(\.names))
    }

    /// Whether the field that `slot` describes, in the storage that begins at `storage`, has one of the names.
    @inline(__always)
    func contains(_ slot: HTTPFields.Slot, _ storage: UnsafeRawPointer) -> Bool {
        known.contains(slot.number) && (slot.number != 0 || others.contains { HTTPFields.hasName(slot, storage, $0) })
    }

    /// Whether `name` is in it.
    public func contains(_ name: HTTPFieldName) -> Bool { names.contains(name) }
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
