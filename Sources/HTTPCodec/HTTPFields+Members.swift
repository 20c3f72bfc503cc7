// Fields from and to the members of a JSON object, `"name":"value",…`, in the form that the tunnel's own writer gives them:
// nothing stands between the tokens, values are plain text in which only `\"` and `\\` are escaped, and no name occurs twice.
// Of anything else nothing is said but that it is in another form; the general reader and writer of JSON take it, with the same
// result.

extension HTTPFields {
    /// More fields than these are left to the general reader.
    private static let maximumMembers = 128

    /// The fields in the text from `position` on, which stands behind the opening brace of their object; afterwards it stands
    /// behind the closing one. Nil: they are in another form, and `position` means nothing.
    ///
    /// `preface` is kept before them (`preface(_:)`). `last` is what this returned last, or another section that is of no use
    /// any more: if nobody else holds it, its memory is used; afterwards it is what this returns.
    package static func readMembers(
        _ text: UnsafeRawBufferPointer, _ position: inout Int, preface: UnsafeRawBufferPointer, reusing last: inout HTTPFields
    ) -> HTTPFields? {
        guard let base = text.baseAddress, position < text.count else { return nil }
        let buffer = last.freshBuffer()
        let room = text.count - position + preface.count
        // Room for a few more fields, as in a decoded head.
        buffer.bytes.reserveCapacity(room + 256)
        var isWhole = false
        var place = position
        buffer.bytes.append(addingCapacity: room) { output in
            output.withUnsafeMutableBufferPointer { target, count in
                guard let target = UnsafeMutableRawPointer(target.baseAddress) else { return }
                if let start = preface.baseAddress { target.copyMemory(from: start, byteCount: preface.count) }
                var reader = MemberReader(base, text.count, place, target, preface.count)
                isWhole = reader.read(to: buffer, maximumMembers)
                count = reader.written
                place = reader.position
            }
        }
        position = place
        return isWhole ? last : nil
    }

    /// A part of what `readMembers` kept before the fields. `range` must be within it.
    package func preface(_ range: Range<Int>) -> ArraySlice<UInt8> { storage[range] }

    /// How much room `writeMembers` needs at most, in bytes.
    package var memberBytes: Int {
        return 2 * buffer.bytes.count + 8 * buffer.slots.count + 2 * PlainText.slack
    }

    /// Writes the fields but for those of `mask` as members, their names in small letters, to `target`, which has room for
    /// `memberBytes`; how many bytes they take. Nil: they need another form, and what stands in `target` means nothing.
    package func writeMembers(to target: UnsafeMutableRawPointer, without mask: HTTPFieldMask) -> Int? {
        return buffer.bytes.withUnsafeBytes { storage in
            guard let base = storage.baseAddress else { return 0 }
            return buffer.slots.withUnsafeBufferPointer { Self.writeMembers($0, base, to: target, without: mask) }
        }
    }

    private static func writeMembers(
        _ slots: UnsafeBufferPointer<Slot>, _ base: UnsafeRawPointer, to target: UnsafeMutableRawPointer,
        without mask: HTTPFieldMask
    ) -> Int? {
        var names = NameFilter()
        var written = 0
        for index in slots.indices where !mask.contains(index) {
            let slot = slots[index]
            guard names.isNew(slot, among: UnsafeBufferPointer(rebasing: slots[..<index])) else { return nil }
            if written > 0 { target.put(Octet.comma, &written) }
            target.put(Octet.quote, &written)
            let nameCount = Int(slot.nameEnd &- slot.nameStart)
            PlainText.copyLowered(base + Int(slot.nameStart), nameCount, to: target + written)
            written &+= nameCount
            target.put(Octet.quote, &written)
            target.put(Octet.colon, &written)
            target.put(Octet.quote, &written)
            let value = base + Int(slot.valueStart)
            guard writeValue(value, Int(slot.valueEnd &- slot.valueStart), to: target, &written) else { return nil }
            target.put(Octet.quote, &written)
        }
        return written
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

/// Tells whether a name is the first of its kind: by its number, or by one bit of 64 for each of the others that came.
private struct NameFilter {
    private var known = KnownNameSet()
    private var others: UInt64 = 0

    /// Whether no slot before has this name, or the hash of one that is not known.
    @inline(__always)
    mutating func isNew(_ slot: HTTPFields.Slot, among slots: UnsafeBufferPointer<HTTPFields.Slot>) -> Bool {
        if slot.number != 0 {
            defer { known.insert(slot.number) }
            return !known.contains(slot.number)
        }
        let bit: UInt64 = 1 << UInt64(slot.hash & 63)
        defer { others |= bit }
        return others & bit == 0 || !slots.contains { $0.hash == slot.hash }
    }
}

/// Reads members into lines of the form that they have in HTTP.
private struct MemberReader {
    private let base: UnsafeRawPointer
    private let count: Int
    private let target: UnsafeMutableRawPointer
    private var names = NameFilter()
    /// The next byte of the text: `position <= count`.
    private(set) var position: Int
    /// How many bytes there are at `target`; never more than were there at first and were read.
    private(set) var written: Int

    init(_ base: UnsafeRawPointer, _ count: Int, _ position: Int, _ target: UnsafeMutableRawPointer, _ written: Int) {
        self.base = base
        self.count = count
        self.position = position
        self.target = target
        self.written = written
    }

    /// Reads all members and the closing brace; false: they are in another form.
    mutating func read(to buffer: HTTPFieldBuffer, _ maximum: Int) -> Bool {
        if base.load(fromByteOffset: position, as: UInt8.self) == Octet.closingBrace {
            position &+= 1
            return true
        }
        if buffer.slots.capacity == 0 { buffer.slots.reserveCapacity(16) }
        while buffer.slots.count < maximum, let slot = readMember() {
            guard buffer.slots.withUnsafeBufferPointer({ names.isNew(slot, among: $0) }) else { return false }
            if slot.number == 0 { buffer.noteOther(target + Int(slot.nameStart), Int(slot.nameEnd &- slot.nameStart)) }
            buffer.append(slot)
            guard position < count else { return false }
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            position &+= 1
            if byte == Octet.closingBrace { return true }
            guard byte == Octet.comma else { return false }
        }
        return false
    }

    /// `"name":"value"` as `name: value CRLF`.
    @inline(__always)
    private mutating func readMember() -> HTTPFields.Slot? {
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
        guard readValue(), !isPadded(valueStart) else { return nil }
        let valueEnd = written
        target.put(Octet.carriageReturn, &written)
        target.put(Octet.lineFeed, &written)
        return HTTPFields.Slot(
            nameStart: UInt32(truncatingIfNeeded: nameStart), nameEnd: UInt32(truncatingIfNeeded: valueStart &- 2),
            valueStart: UInt32(truncatingIfNeeded: valueStart), valueEnd: UInt32(truncatingIfNeeded: valueEnd), hash: hash,
            number: KnownNames.number(base + start, end &- start, hash))
    }

    /// Whether `":"` stands there; four bytes may be read.
    @inline(__always)
    private func isSeparator(at place: Int) -> Bool {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: place, as: UInt32.self)) & 0xff_ffff == 0x22_3a22
    }

    /// A value up to its closing quotation mark; false if it is in another form.
    @inline(__always)
    private mutating func readValue() -> Bool {
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
    private func isPadded(_ start: Int) -> Bool {
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
