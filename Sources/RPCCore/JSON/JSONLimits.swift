// What a JSON text may cost, which dialect it is in, and the one error that refuses it.
// RFC 8259, section 9, allows an implementation to limit size and depth; a breach names its limit. Nothing here has
// a switch to accept more than the RFC does, save the dialect of configuration files.

/// What one JSON text may cost its reader.
public struct JSONLimits: Sendable, Hashable {
    /// The longest text, in bytes. Default 64 KiB. Beside its text a parsed document costs 16 bytes for each value and name,
    /// eight times the text at worst. Never above `greatestBytes`.
    public var maximumBytes: Int

    /// How many arrays and objects may stand inside one another; `[[]]` has depth 2. Default 32.
    /// It bounds the recursion over trees as well, hence never above `greatestDepth`.
    public var maximumDepth: Int

    /// The largest value of `maximumBytes` that is honoured: 128 MiB, what the tape's index can address.
    public static let greatestBytes = 1 << 27

    /// The largest value of `maximumDepth` that is honoured: 512 levels fit any thread's stack.
    public static let greatestDepth = 512

    /// 64 KiB and 32 levels.
    public init() {
        self.init(maximumBytes: 64 * 1024)
    }

    /// Limits of one's own.
    public init(maximumBytes: Int, maximumDepth: Int = 32) {
        self.maximumBytes = maximumBytes
        self.maximumDepth = maximumDepth
    }

    /// The limits that hold, whatever was asked for.
    var effective: JSONLimits {
        JSONLimits(
            maximumBytes: min(max(maximumBytes, 0), Self.greatestBytes),
            maximumDepth: min(max(maximumDepth, 0), Self.greatestDepth))
    }
}

/// Which grammar a text is held to.
public enum JSONDialect: Sendable, Hashable {
    /// RFC 8259 to the letter.
    case strict
    /// For files that people write: RFC 8259, and besides `//` and `/* */` comments wherever white space may stand, and
    /// one comma after the last element or member.
    case commented
}

/// Why a text is not the JSON that it should be.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    public enum Code: Sendable, Hashable {
        /// This byte may not stand here.
        case unexpectedByte(UInt8)
        /// The text stops before its value is complete.
        case unexpectedEnd
        /// More than `limit` arrays and objects inside one another.
        case tooDeep(limit: Int)
        /// More than `limit` bytes of text.
        case tooLong(limit: Int)
        /// A number with a leading zero, or without a digit where one must stand.
        case badNumber
        /// A bare control character in a string: U+0000 to U+001F must be escaped.
        case badString
        /// A backslash followed by anything but `"\/bfnrt` or `u` and four hexadecimal digits.
        case badEscape
        /// Bytes that are not UTF-8 (RFC 3629).
        case invalidUTF8
        /// A `\u` escape that is half of a surrogate pair.
        case loneSurrogate
        /// A member whose name another member of the same object already has.
        case duplicateName(String)
        /// Something follows the value.
        case trailingBytes
    }

    /// What is wrong.
    public var code: Code

    /// Where: the offset of the offending byte from the start of the text, 0-based; the text's length where it ends too
    /// early.
    public var offset: Int

    /// An error of this kind at this offset.
    public init(_ code: Code, offset: Int) {
        self.code = code
        self.offset = offset
    }

    /// A sentence for people, with the offset.
    public var description: String { "\(reason) at byte \(offset)" }

    /// The same without the offset, for those who know line and column (`JSONDocument.lineAndColumn(ofOffset:in:)`).
    public var reason: String {
        switch code {
        case .unexpectedByte(let byte): "unexpected \(Self.name(of: byte))"
        case .unexpectedEnd: "unexpected end of the text"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooLong(let limit): "longer than \(limit) bytes"
        case .badNumber: "malformed number"
        case .badString: "unescaped control character in a string"
        case .badEscape: "malformed escape sequence"
        case .invalidUTF8: "invalid UTF-8"
        case .loneSurrogate: "half of a surrogate pair"
        case .duplicateName(let name): "duplicate name \"\(name)\""
        case .trailingBytes: "something after the end of the value"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x21...0x7e: "'\(Character(Unicode.Scalar(byte)))'"
        default: "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
}
