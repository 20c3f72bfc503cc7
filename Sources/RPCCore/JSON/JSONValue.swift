// A JSON value as a tree of its own, for messages whose shape is not known beforehand, and the way to it and from it. Hot paths
// read `JSONNode` and write with `JSONWriter` instead. A number keeps exactly what its text said: reading and writing never
// changes a value.

/// A JSON value (RFC 8259, section 3).
public enum JSONValue: Sendable, Hashable {
    /// The literal `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number written without fraction and exponent, within Int64.
    case integer(Int64)
    /// Another number, if the shortest decimal that reads back as this Double is what was written. Written as `null` if it
    /// is not finite: JSON has no such number.
    case double(Double)
    /// A legal number that neither of the two above holds without loss, as written: `18446744073709551615`, `1e400`.
    /// Written as `null` if the text is not a number by RFC 8259.
    case number(String)
    /// A string.
    case string(String)
    /// Values in order.
    case array([JSONValue])
    /// Members in order. A parsed object never holds one name twice; two objects are equal if order and values are.
    case object([JSONMember])
}

/// One name and value of an object.
public struct JSONMember: Sendable, Hashable {
    /// The name, escapes decoded.
    public var name: String
    /// The value.
    public var value: JSONValue

    /// A member called `name`.
    public init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }
}

extension JSONValue {
    /// Parses `bytes`, which hold one JSON text and nothing else but white space. See `JSONDocument` for what is refused.
    public init(
        decoding bytes: ArraySlice<UInt8>, dialect: JSONDialect = .strict, limits: JSONLimits = .init()
    ) throws(JSONError) {
        self = try JSONDocument(bytes, dialect: dialect, limits: limits).root.value
    }

    /// Appends this value as JSON text, without white space.
    public func encode(into bytes: inout [UInt8]) {
        JSONWriter.append(to: &bytes) { writer in writer.value(self) }
    }

    /// The value of an object's first member called `name`; nil if there is none, or if this is not an object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }
}

extension JSONNode {
    /// This value as a tree of its own.
    public var value: JSONValue {
        switch kind {
        case .null: .null
        case .bool: .bool(bool ?? false)
        case .number: tape.withText(of: index) { JSONNumber.value($0, isPlainInteger: $1.hasFirstFlag) }
        case .string: .string(string ?? "")
        case .array: .array(elements.map(\.value))
        case .object: .object(members.map { JSONMember($0.name.string ?? "", $0.value.value) })
        }
    }
}

extension JSONNumber {
    /// The value that says neither more nor less than the text: see `JSONValue`.
    static func value(_ text: ByteView, isPlainInteger: Bool) -> JSONValue {
        if isPlainInteger, let integer = int64(text, isPlainInteger: true) {
            let isMinusZero = integer == 0 && text.first == UInt8(ascii: "-")
            return isMinusZero ? .double(-0.0) : .integer(integer)
        }
        guard let double = double(text), isFaithful(double, to: JSONDecimal(text)) else {
            return .number(String(decoding: text, as: UTF8.self))
        }
        return .double(double)
    }

    /// Whether the shortest decimal that reads back as `double` is `decimal` itself. 15 digits always survive the journey.
    private static func isFaithful(_ double: Double, to decimal: JSONDecimal) -> Bool {
        if decimal.isZero || decimal.digitCount <= 15 && (-280...280).contains(decimal.exponent) { return true }
        return ByteView.lend(double.description) { JSONDecimal($0) == decimal }
    }
}

extension JSONWriter {
    /// Writes a tree.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .double(let value): double(value)
        case .number(let text): number(text)
        case .string(let value): string(value)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                name(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }

    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }

    /// A number with a fraction.
    public init(floatLiteral value: Double) { self = .double(value) }

    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    /// `null`.
    public init(nilLiteral: ()) { self = .null }

    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// An object, members in the order of the literal.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember($0.0, $0.1) })
    }
}
