// Fields from and to the members of a JSON object, `"name":"value",…`, in the form that the tunnel's own writer gives them:
// nothing stands between the tokens, values are plain text in which only `\"` and `\\` are escaped, and no name occurs twice.
// Of anything else nothing is said but that it is in another form; the general reader and writer of JSON take it, with the same
// result.

extension HTTPFields {
    /// More fields than these are left to the general reader.
    private static let maximumMembers = 128

    /// The fields in the text from `position` on, which stands behind the opening brace of their object; afterwards it stands
    /// behind the closing one. Nil: they are in another form, and `position` means nothing.
    package static func readMembers(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> HTTPFields? {
        guard let base = text.baseAddress, position < text.count else { return nil }
        if text[position] == Octet.closingBrace {
            position += 1
            return HTTPFields()
        }
        var reader = MemberReader(base, text.count, position)
        // Room for a few more fields, as in a decoded head.
        let storage = [UInt8](unsafeUninitializedCapacity: text.count - position + 256) { target, count in
            if let target = target.baseAddress { reader.read(to: target, maximumMembers) }
            count = reader.written
        }
        position = reader.position
        return reader.isWhole ? HTTPFields(storage: storage, slots: reader.slots) : nil
    }

    /// How much room `writeMembers` needs at most, in bytes.
    package var memberBytes: Int { 2 * storage.count + 8 * slots.count + 2 * PlainText.slack }

    /// Writes the fields but for those of `mask` as members, their names in small letters, to `target`, which has room for
    /// `memberBytes`; how many bytes they take. Nil: they need another form, and what stands in `target` means nothing.
    package func writeMembers(to target: UnsafeMutableRawPointer, without mask: HTTPFieldMask) -> Int? {
        storage.withUnsafeBytes { storage in
            guard let base = storage.baseAddress else { return 0 }
            var names = NameFilter()
            var written = 0
            for index in slots.indices where !mask.contains(index) {
                let slot = slots[index]
                guard names.isNew(slot.hash, among: slots[..<index]) else { return nil }
                if written > 0 { target.put(Octet.comma, &written) }
                target.put(Octet.quote, &written)
                let nameCount = Int(slot.nameEnd &- slot.nameStart)
                PlainText.copyLowered(base + Int(slot.nameStart), nameCount, to: target + written)
                written &+= nameCount
                target.put(Octet.quote, &written)
                target.put(Octet.colon, &written)
                target.put(Octet.quote, &written)
                let value = base + Int(slot.valueStart)
                guard Self.writeValue(value, Int(slot.valueEnd &- slot.valueStart), to: target, &written) else { return nil }
                target.put(Octet.quote, &written)
            }
            return written
        }
    }

    /// Writes a value with its quotation marks and backslashes escaped; false if it is no plain text besides.
    @inline(__always)
    private static func writeValue(
        _ value: UnsafeRawPointer, _ count: Int, to target: UnsafeMutableRawPointer, _ written: inout Int
    ) -> Bool {
        var read = 0
        while true {
            let run = PlainText.copy(value + read, count &- read, to: target + written)
            read &+= run
            written &+= run
            guard read < count else { return true }
            let byte = value.load(fromByteOffset: read, as: UInt8.self)
            guard byte == Octet.quote || byte == Octet.backslash else { return false }
            target.put(Octet.backslash, &written)
            target.put(byte, &written)
            read &+= 1
        }
    }
}

/// Tells whether a name is the first of its kind: one bit of 64 for each that came says that most are.
private struct NameFilter {
    private var seen: UInt64 = 0

    /// Whether no slot before has this hash.
    @inline(__always)
    mutating func isNew(_ hash: UInt32, among slots: ArraySlice<HTTPFields.Slot>) -> Bool {
        let bit: UInt64 = 1 << UInt64(hash & 63)
        defer { seen |= bit }
        return seen & bit == 0 || !slots.contains { $0.hash == hash }
    }
}

/// Reads members into lines of the form that they have in HTTP.
private struct MemberReader {
    private let base: UnsafeRawPointer
    private let count: Int
    private var names = NameFilter()
    /// The next byte of the text: `position <= count`.
    private(set) var position: Int
    /// How many bytes of lines there are; never more than was read.
    private(set) var written = 0
    private(set) var slots: [HTTPFields.Slot] = []
    /// The closing brace came.
    private(set) var isWhole = false

    init(_ base: UnsafeRawPointer, _ count: Int, _ position: Int) {
        self.base = base
        self.count = count
        self.position = position
        slots.reserveCapacity(16)
    }

    mutating func read(to target: UnsafeMutablePointer<UInt8>, _ maximum: Int) {
        let target = UnsafeMutableRawPointer(target)
        while slots.count < maximum, let slot = readMember(to: target), names.isNew(slot.hash, among: slots[...]) {
            slots.append(slot)
            guard position < count else { return }
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            position &+= 1
            isWhole = byte == Octet.closingBrace
            guard byte == Octet.comma else { return }
        }
    }

    /// `"name":"value"` as `name: value CRLF`.
    @inline(__always)
    private mutating func readMember(to target: UnsafeMutableRawPointer) -> HTTPFields.Slot? {
        let start = position &+ 1
        guard start &+ 4 <= count, base.load(fromByteOffset: position, as: UInt8.self) == Octet.quote else { return nil }
        // The text's last byte stands behind every name.
        let (end, hash) = Scan.token(base, start, count &- 1, count)
        guard end > start, end &+ 4 <= count, isSeparator(at: end) else { return nil }
        let nameStart = written
        (target + written).copyMemory(from: base + start, byteCount: end &- start)
        written &+= end &- start
        target.put(Octet.colon, &written)
        target.put(Octet.space, &written)
        position = end &+ 3
        let valueStart = written
        guard readValue(to: target), !isPadded(target, valueStart) else { return nil }
        let valueEnd = written
        target.put(Octet.carriageReturn, &written)
        target.put(Octet.lineFeed, &written)
        return HTTPFields.Slot(
            nameStart: UInt32(truncatingIfNeeded: nameStart), nameEnd: UInt32(truncatingIfNeeded: valueStart &- 2),
            valueStart: UInt32(truncatingIfNeeded: valueStart), valueEnd: UInt32(truncatingIfNeeded: valueEnd), hash: hash)
    }

    /// Whether `":"` stands there; four bytes may be read.
    @inline(__always)
    private func isSeparator(at place: Int) -> Bool {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: place, as: UInt32.self)) & 0xff_ffff == 0x22_3a22
    }

    /// A value up to its closing quotation mark; false if it is in another form.
    @inline(__always)
    private mutating func readValue(to target: UnsafeMutableRawPointer) -> Bool {
        while true {
            let run = PlainText.copy(base + position, count &- position, to: target + written)
            position &+= run
            written &+= run
            guard position &+ 1 < count else { return false }
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            position &+= 1
            if byte == Octet.quote { return true }
            let escaped = base.load(fromByteOffset: position, as: UInt8.self)
            guard byte == Octet.backslash, escaped == Octet.quote || escaped == Octet.backslash else { return false }
            target.put(escaped, &written)
            position &+= 1
        }
    }

    /// Whether there is a space around the value, which would not belong to it.
    @inline(__always)
    private func isPadded(_ target: UnsafeMutableRawPointer, _ start: Int) -> Bool {
        written > start
            && (target.load(fromByteOffset: start, as: UInt8.self) == Octet.space
                || target.load(fromByteOffset: written &- 1, as: UInt8.self) == Octet.space)
    }
}

extension UnsafeMutableRawPointer {
    /// Puts a byte at the end of what was written.
    @inline(__always)
    fileprivate func put(_ byte: UInt8, _ written: inout Int) {
        storeBytes(of: byte, toByteOffset: written, as: UInt8.self)
        written &+= 1
    }
}
