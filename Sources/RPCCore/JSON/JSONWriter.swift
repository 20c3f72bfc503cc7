// JSON text written from front to back, without a tree. The writer sets commas and escapes strings; that names stand
// only in objects, and that what is begun is ended, is its caller's part. Escaped is what RFC 8259, section 7, requires
// and nothing more: `"`, `\` and the controls.

/// Writes JSON text into bytes of its own.
///
/// It owns its bytes so that no check of exclusive access is paid per member; hand it a buffer to fill and take it back
/// with `finish()` to use one allocation again and again.
public struct JSONWriter: Sendable {
    /// What has been written, after what was there.
    public internal(set) var bytes: [UInt8]

    /// Whether a comma must come before the next name or value.
    var needsComma = false

    /// A writer that appends to `bytes`.
    public init(reusing bytes: consuming [UInt8] = []) {
        self.bytes = bytes
    }

    /// What has been written, after what was there; the writer is done.
    public consuming func finish() -> [UInt8] { bytes }

    /// Runs `body` on a writer that appends to `bytes`, without a copy.
    static func append(to bytes: inout [UInt8], _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(reusing: bytes.take())
        body(&writer)
        bytes = writer.finish()
    }

    // MARK: Structure

    /// Writes `{`. Then come names, each with its value.
    public mutating func beginObject() { open(UInt8(ascii: "{")) }

    /// Writes `}`.
    public mutating func endObject() { close(UInt8(ascii: "}")) }

    /// Writes `[`. Then come values.
    public mutating func beginArray() { open(UInt8(ascii: "[")) }

    /// Writes `]`.
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    /// Writes the comma that stands before what comes now, and notes that the next will need one.
    @inline(__always)
    mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Names

    /// Writes a member's name that needs no escape, which a program knows of its own names, and the colon. Exactly one value
    /// must follow.
    public mutating func name(_ name: StaticString) {
        guard name.hasPointerRepresentation else { return self.name(name.description) }
        let comma = needsComma
        needsComma = false
        bytes.append(room: name.utf8CodeUnitCount + 8) { room in
            Self.open(after: comma, &room)
            room.put(ByteView(name))
            room.put(Self.quoteColonQuote, length: 2)
        }
    }

    /// Writes a member's name and the colon. Exactly one value must follow.
    @_disfavoredOverload
    public mutating func name(_ name: String) {
        ByteView.lend(name) { quote($0, as: .utf8, isLowered: false, isName: true) }
    }

    /// Writes a member's name from ISO-8859-1 bytes, A–Z lowered, and the colon: the form of an HTTP field's name. Exactly
    /// one value must follow.
    public mutating func nameLowercasedASCII(_ name: ArraySlice<UInt8>) {
        ByteView.lend(name) { quote($0, as: .latin1, isLowered: true, isName: true) }
    }

    // MARK: Scalars

    /// Writes `null`.
    public mutating func null() { literal("null") }

    /// Writes `true` or `false`.
    public mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    /// Writes an integer.
    public mutating func integer(_ value: Int) { integer(Int64(value)) }

    /// Writes an integer.
    public mutating func integer(_ value: Int64) {
        decimal(magnitude: value.magnitude, isNegative: value < 0)
    }

    /// Writes an integer of any width.
    @inlinable
    public mutating func integer(_ value: some BinaryInteger) {
        if let narrow = Int64(exactly: value) { integer(narrow) } else { wideInteger(value.description) }
    }

    /// Writes an integer's decimal digits, which a program made and which need no check.
    @usableFromInline
    mutating func wideInteger(_ digits: String) {
        separate()
        bytes.append(contentsOf: digits.utf8)
    }

    /// Writes an integer of 64 bits without a sign.
    public mutating func unsigned(_ value: UInt64) { decimal(magnitude: value, isNegative: false) }

    /// Writes the shortest decimal that reads back as `value`; `null` if it is not finite (RFC 8259, section 6).
    public mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        separate()
        bytes.append(contentsOf: value.description.utf8)
    }

    /// Writes a number as it was written; `null` if the text is not a number by RFC 8259, section 6.
    mutating func number(_ text: String) {
        guard ByteView.lend(text, { JSONNumber.isNumber($0) }) else { return null() }
        separate()
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func literal(_ word: StaticString) {
        separate()
        raw(word)
    }

    /// Writes text that needs neither comma nor escape.
    mutating func raw(_ word: StaticString) {
        bytes.append(contentsOf: ByteView(word))
    }

    private mutating func decimal(magnitude: UInt64, isNegative: Bool) {
        separate()
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = magnitude
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            first -= 1
            digits[first] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digit)
            rest = quotient
        } while rest != 0 && first > 0
        bytes.append(addingCapacity: 20) { output in
            for index in first..<20 { output.append(digits[index]) }
        }
    }
}

extension [UInt8] {
    /// Moves the bytes out and leaves none, so that whoever takes them is their only owner.
    mutating func take() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&self, &taken)
        return taken
    }
}
