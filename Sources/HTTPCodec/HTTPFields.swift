// A field section (RFC 9110 §5): an ordered list of names and values, in which a name may occur more than once.
//
// All bytes lie in one array, in the form they have on the wire, and a slot for each field says where (`HTTPFieldBuffer`); a
// decoded head costs one copy, and an unchanged run of fields is written with one copy. Names keep their case. Nothing but the
// checks in this folder puts bytes there, so a value can never hold CR, LF, NUL or another control character.

/// Header or trailer fields. Equality compares names (with their case) and values byte by byte, in order.
public struct HTTPFields: Sendable {
    /// Where a field lies in the buffer's bytes: `nameStart < nameEnd < valueStart <= valueEnd`, and between name and value
    /// there is a colon, with whitespace around it.
    struct Slot: Sendable {
        var nameStart: UInt32
        var nameEnd: UInt32
        var valueStart: UInt32
        var valueEnd: UInt32
        /// `Scan.nameHash` of the name.
        var hash: UInt32
        /// The number of a known name; 0: it is another.
        var number: UInt8
    }

    var buffer: HTTPFieldBuffer

    /// No fields.
    public init() { buffer = .empty }

    /// What a decoder has checked.
    init(_ buffer: HTTPFieldBuffer) { self.buffer = buffer }

    /// The fields, in order.
    var slots: [Slot] { buffer.slots }

    /// What the slots point into.
    var storage: [UInt8] { buffer.bytes }

    /// The buffer, for changes: no other fields share it.
    @inline(__always)
    mutating func ownBuffer() -> HTTPFieldBuffer {
        if !isKnownUniquelyReferenced(&buffer) { buffer = HTTPFieldBuffer(copying: buffer) }
        return buffer
    }

    /// One field, as views of the bytes.
    public struct Field: Sendable, Hashable {
        /// A token, its case as received or given.
        public var name: ArraySlice<UInt8>
        /// Without whitespace around it.
        public var value: ArraySlice<UInt8>

        /// A field with these bytes, unchecked until it is appended to `HTTPFields`.
        public init(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
            self.name = name
            self.value = value
        }

        /// The name as text.
        public var nameString: String { Latin1.string(name) }
        /// The value as text, each byte as the scalar of the same number (ISO 8859-1).
        public var valueString: String { Latin1.string(value) }
    }
}

// MARK: Looking up

extension HTTPFields {
    /// Whether there is a field of this name.
    public func contains(_ name: HTTPFieldName) -> Bool { index(of: name, from: 0) != nil }

    /// Whether there is a field of one of these names.
    public func containsAny(of names: HTTPFieldSet) -> Bool {
        guard names.known.intersects(buffer.names) else { return false }
        return buffer.bytes.withUnsafeBytes { storage in
            guard let base = storage.baseAddress else { return false }
            return buffer.slots.contains { names.contains($0, base) }
        }
    }

    /// The value of the first field of this name.
    public func first(_ name: HTTPFieldName) -> ArraySlice<UInt8>? { index(of: name, from: 0).map { value(at: $0) } }

    /// The values of all fields of this name, in order.
    public func all(_ name: HTTPFieldName) -> [ArraySlice<UInt8>] {
        var values: [ArraySlice<UInt8>] = []
        var start = 0
        while let found = index(of: name, from: start) {
            values.append(value(at: found))
            start = found + 1
        }
        return values
    }

    /// Whether `test` holds for the value of a field of this name.
    public func anyValue(of name: HTTPFieldName, where test: (ArraySlice<UInt8>) -> Bool) -> Bool {
        var start = 0
        while let found = index(of: name, from: start) {
            if test(value(at: found)) { return true }
            start = found + 1
        }
        return false
    }

    /// The memory that the fields take, in bytes.
    public var heldByteCount: Int {
        buffer.bytes.capacity + buffer.slots.capacity * MemoryLayout<Slot>.stride
    }

    /// How many fields have this name.
    public func count(of name: HTTPFieldName) -> Int {
        var count = 0
        var start = 0
        while let found = index(of: name, from: start) {
            count += 1
            start = found + 1
        }
        return count
    }

    /// The value of the first field of this name as text, each byte as the scalar of the same number (ISO 8859-1).
    public subscript(_ name: HTTPFieldName) -> String? { first(name).map { Latin1.string($0) } }

    /// The name of the field at `index`.
    public func name(at index: Int) -> ArraySlice<UInt8> {
        let slot = buffer.slots[index]
        return buffer.bytes[Int(slot.nameStart)..<Int(slot.nameEnd)]
    }

    /// The value of the field at `index`.
    public func value(at index: Int) -> ArraySlice<UInt8> {
        let slot = buffer.slots[index]
        return buffer.bytes[Int(slot.valueStart)..<Int(slot.valueEnd)]
    }

    /// Whether the field at `index` has this name.
    public func name(at index: Int, is name: HTTPFieldName) -> Bool { hasName(slots[index], name) }

    /// A hash of the name of the field at `index` that does not see case: equal names have equal hashes.
    public func nameHash(at index: Int) -> UInt32 { slots[index].hash }

    /// Whether the fields at `i` and `j` have the same name.
    public func sameName(_ i: Int, _ j: Int) -> Bool {
        let a = buffer.slots[i]
        let b = buffer.slots[j]
        if a.number != 0 || b.number != 0 { return a.number == b.number }
        guard a.hash == b.hash, a.nameEnd - a.nameStart == b.nameEnd - b.nameStart else { return false }
        return buffer.bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return false }
            return Scan.equalIgnoringCase(base + Int(a.nameStart), base + Int(b.nameStart), Int(a.nameEnd - a.nameStart))
        }
    }

    /// The first index from `start` on with this name.
    @inline(__always)
    func index(of name: HTTPFieldName, from start: Int) -> Int? {
        guard buffer.names.contains(name.number) else { return nil }
        return name.number != 0 ? buffer.index(of: name.number, from: start) : otherIndex(of: name, from: start)
    }

    /// The first index from `start` on with this name, which is none of the known.
    private func otherIndex(of name: HTTPFieldName, from start: Int) -> Int? {
        guard start < buffer.slots.count else { return nil }
        let hash = name.hash
        return buffer.slots[start...].firstIndex { $0.hash == hash && hasName($0, name) }
    }

    /// Whether the field in `slot` has this name.
    func hasName(_ slot: Slot, _ name: HTTPFieldName) -> Bool {
        if name.number != 0 { return slot.number == name.number }
        return buffer.bytes.withUnsafeBytes { mine in mine.baseAddress.map { Self.hasName(slot, $0, name) } ?? false }
    }

    /// Whether the field in `slot` of the storage that begins at `storage` has this name.
    static func hasName(_ slot: Slot, _ storage: UnsafeRawPointer, _ name: HTTPFieldName) -> Bool {
        if name.number != 0 || slot.number != 0 { return slot.number == name.number }
        guard slot.hash == name.hash else { return false }
        let count = Int(slot.nameEnd - slot.nameStart)
        return name.withBytes { theirs in
            guard count == theirs.count, let theirs = theirs.baseAddress else { return false }
            return Scan.equalIgnoringCase(storage + Int(slot.nameStart), theirs, count)
        }
    }
}

extension HTTPFieldBuffer {
    /// The first index from `start` on with the known name of this number.
    func index(of number: UInt8, from start: Int) -> Int? {
        slots.withUnsafeBufferPointer { slots in
            var index = start
            while index < slots.count {
                if slots[index].number == number { return index }
                index &+= 1
            }
            return nil
        }
    }
}

// MARK: As a list

extension HTTPFields: RandomAccessCollection {
    /// 0.
    public var startIndex: Int { 0 }
    /// `count`.
    public var endIndex: Int { count }
    /// How many fields, repeated names included.
    public var count: Int { buffer.slots.count }
    /// Whether there are none.
    public var isEmpty: Bool { count == 0 }
    /// The field at `index`, which must be in `0..<count`.
    public subscript(index: Int) -> Field { Field(name: name(at: index), value: value(at: index)) }
}

extension HTTPFields: Hashable {
    /// Same names, with the same case, and same values, in the same order.
    public static func == (a: HTTPFields, b: HTTPFields) -> Bool {
        if a.buffer === b.buffer { return true }
        guard a.count == b.count else { return false }
        for (mine, theirs) in zip(a.slots, b.slots) where mine.hash != theirs.hash { return false }
        return a.elementsEqual(b)
    }

    /// Consistent with `==`.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for index in indices {
            hasher.combine(nameHash(at: index))
            hasher.combine(value(at: index))
        }
    }
}

extension HTTPFields: CustomStringConvertible {
    /// `Name: value` lines, for tests and debugging; never for logs, as values may be secrets.
    public var description: String { map { "\($0.nameString): \($0.valueString)" }.joined(separator: "\n") }
}
