// Changing a field section. Every name and value is checked on its way in (RFC 9110 §5.1, §5.5), so that nothing written later
// can end a line, and with it begin a field, a head or a message that was not meant.

extension HTTPFields {
    /// Appends a field; `value` is written with one byte for each scalar (ISO 8859-1), whitespace around it is dropped.
    /// Throws `.name` or `.value` and changes nothing if one of them is not legal.
    public mutating func append(_ name: HTTPFieldName, _ value: String) throws(HTTPFieldError) {
        var value = value
        let isPlain = value.withUTF8 { Scan.isASCII($0) }
        if isPlain {
            let failure = value.withUTF8 { utf8 in
                name.bytes.withUnsafeBufferPointer { appendChecked($0, isToken: name.isToken, hash: name.hash, utf8) }
            }
            if let failure { throw HTTPFieldError(failure) }
            return
        }
        var bytes: [UInt8] = []
        guard Latin1.append(value, to: &bytes) else { throw HTTPFieldError(.value) }
        try append(name, bytes: bytes[...])
    }

    /// Appends a field with these bytes as its value, whitespace around it dropped. Throws `.name` or `.value`.
    public mutating func append(_ name: HTTPFieldName, bytes: ArraySlice<UInt8>) throws(HTTPFieldError) {
        let failure = bytes.withUnsafeBufferPointer { value in
            name.bytes.withUnsafeBufferPointer { appendChecked($0, isToken: name.isToken, hash: name.hash, value) }
        }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// Appends a field with these bytes as its name and value, whitespace around the value dropped. Throws `.name` or `.value`.
    public mutating func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) throws(HTTPFieldError) {
        let failure = name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { value -> HTTPFieldError.Part? in
                guard let base = UnsafeRawPointer(name.baseAddress), name.count > 0 else { return .name }
                let isToken = Scan.endOfToken(base, 0, name.count) == name.count
                return appendChecked(name, isToken: isToken, hash: Scan.nameHash(base, name.count), value)
            }
        }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// Appends a copy of `field`. Throws `.name` or `.value`.
    public mutating func append(_ field: Field) throws(HTTPFieldError) {
        try append(name: field.name, value: field.value)
    }

    /// Removes all fields of this name and appends one; changes nothing if it throws (`.name` or `.value`).
    public mutating func set(_ name: HTTPFieldName, _ value: String) throws(HTTPFieldError) {
        let existing = slots.count
        try append(name, value)
        guard let added = slots.popLast() else { return }
        if existing > 0 { removeAll(name) }
        slots.append(added)
    }

    /// Removes all fields of this name.
    public mutating func removeAll(_ name: HTTPFieldName) {
        guard var kept = index(of: name, from: 0) else { return }
        for index in kept..<slots.count {
            if self.name(at: index, is: name) {
                deadByteCount += Self.wireBytes(slots[index])
            } else {
                slots[kept] = slots[index]
                kept += 1
            }
        }
        slots.removeSubrange(kept...)
    }

    /// Removes all fields whose names are in `names`, in one pass.
    public mutating func removeAll(in names: HTTPFieldSet) {
        removeSlots { storage, slot in names.contains(slot, storage) }
    }

    /// Removes all fields whose names begin with `prefix` and go on after it.
    public mutating func removeAll(beginningWith prefix: HTTPFieldName) {
        prefix.bytes.withUnsafeBytes { prefix in
            guard let start = prefix.baseAddress else { return }
            removeSlots { storage, slot in
                Int(slot.nameEnd - slot.nameStart) > prefix.count
                    && Scan.equalIgnoringCase(storage + Int(slot.nameStart), start, prefix.count)
            }
        }
    }

    /// Removes the fields for which `isUnwanted` holds, and keeps the order of the others.
    public mutating func removeAll(where isUnwanted: (Field) throws -> Bool) rethrows {
        let marks = try map(isUnwanted)
        var index = -1
        removeSlots { _, _ in
            index += 1
            return marks[index]
        }
    }

    /// Removes the fields for whose slots `isUnwanted` holds; it is asked once for each, in order, with the storage's beginning.
    /// Nothing is copied if it never holds.
    mutating func removeSlots(where isUnwanted: (UnsafeRawPointer, Slot) -> Bool) {
        let storage = storage
        storage.withUnsafeBytes { storage in
            guard let base = storage.baseAddress, var kept = slots.firstIndex(where: { isUnwanted(base, $0) }) else { return }
            deadByteCount += Self.wireBytes(slots[kept])
            for index in (kept + 1)..<slots.count {
                if isUnwanted(base, slots[index]) {
                    deadByteCount += Self.wireBytes(slots[index])
                } else {
                    slots[kept] = slots[index]
                    kept += 1
                }
            }
            slots.removeSubrange(kept...)
        }
    }

    /// Appends one field line, `Name: value CRLF`, or says which part is illegal.
    private mutating func appendChecked(
        _ name: UnsafeBufferPointer<UInt8>, isToken: Bool, hash: UInt32, _ value: UnsafeBufferPointer<UInt8>
    ) -> HTTPFieldError.Part? {
        guard isToken else { return .name }
        var start = 0
        var end = value.count
        while start < end, Octet.isWhitespace(value[start]) { start += 1 }
        while end > start, Octet.isWhitespace(value[end - 1]) { end -= 1 }
        if let base = UnsafeRawPointer(value.baseAddress), Scan.firstControl(base, start, end) != end { return .value }
        dropDeadBytes()
        // Offsets are 32 bits wide; nothing near that size is a field section.
        guard storage.count + name.count + value.count < Int(Int32.max) else { return .value }
        let nameStart = storage.count
        let nameEnd = nameStart + name.count
        let valueStart = nameEnd + 2
        if storage.isEmpty {
            storage.reserveCapacity(256)
            slots.reserveCapacity(8)
        }
        appendLine(name, UnsafeBufferPointer(rebasing: value[start..<end]))
        slots.append(
            Slot(
                nameStart: UInt32(nameStart), nameEnd: UInt32(nameEnd), valueStart: UInt32(valueStart),
                valueEnd: UInt32(valueStart + end - start), hash: hash))
        return nil
    }

    /// Writes the line where it is to lie, so that `storage` grows once.
    private mutating func appendLine(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        storage.append(addingCapacity: name.count + value.count + 4) { line in
            line.withUnsafeMutableBufferPointer { line, count in
                let valueStart = name.count + 2
                let valueEnd = valueStart + value.count
                _ = line[..<name.count].update(fromContentsOf: name)
                line[name.count] = Octet.colon
                line[name.count + 1] = Octet.space
                _ = line[valueStart..<valueEnd].update(fromContentsOf: value)
                line[valueEnd] = Octet.carriageReturn
                line[valueEnd + 1] = Octet.lineFeed
                count = valueEnd + 2
            }
        }
    }

    private static func wireBytes(_ slot: Slot) -> Int { Int(slot.valueEnd - slot.nameStart) + 2 }

    /// Rebuilds the storage when most of it is of no use, so that setting a field again and again does not grow it.
    mutating func dropDeadBytes() {
        guard deadByteCount > 4096, deadByteCount > storage.count / 2 else { return }
        var compact = HTTPFields()
        encode(into: &compact.storage)
        var position: UInt32 = 0
        for index in slots.indices {
            let slot = slots[index]
            let nameCount = slot.nameEnd - slot.nameStart
            let valueStart = position + nameCount + 2
            let valueEnd = valueStart + (slot.valueEnd - slot.valueStart)
            compact.slots.append(
                Slot(
                    nameStart: position, nameEnd: position + nameCount, valueStart: valueStart, valueEnd: valueEnd,
                    hash: slot.hash))
            position = valueEnd + 2
        }
        self = compact
    }
}

// MARK: On the wire

extension HTTPFields {
    /// Appends `*( field-name ":" SP field-value CRLF )`, in order. Runs of fields that lie in `storage` in that very form,
    /// which is nearly always all of them, are copied at once.
    func encode(into bytes: inout [UInt8]) {
        storage.withUnsafeBufferPointer { stored in
            slots.withUnsafeBufferPointer { slots in
                var index = 0
                while index < slots.count {
                    let start = Int(slots[index].nameStart)
                    guard Self.isCanonical(slots[index], stored) else {
                        Self.encode(slots[index], of: stored, into: &bytes)
                        index += 1
                        continue
                    }
                    while index + 1 < slots.count, slots[index + 1].nameStart == slots[index].valueEnd + 2,
                        Self.isCanonical(slots[index + 1], stored)
                    {
                        index += 1
                    }
                    bytes.append(contentsOf: UnsafeBufferPointer(rebasing: stored[start..<Int(slots[index].valueEnd)]))
                    bytes.append(Octet.carriageReturn)
                    bytes.append(Octet.lineFeed)
                    index += 1
                }
            }
        }
    }

    /// Whether a colon and one space stand between name and value.
    private static func isCanonical(_ slot: Slot, _ stored: UnsafeBufferPointer<UInt8>) -> Bool {
        slot.valueStart == slot.nameEnd + 2 && stored[Int(slot.nameEnd) + 1] == Octet.space
    }

    private static func encode(_ slot: Slot, of stored: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: stored[Int(slot.nameStart)..<Int(slot.nameEnd)]))
        bytes.append(Octet.colon)
        bytes.append(Octet.space)
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: stored[Int(slot.valueStart)..<Int(slot.valueEnd)]))
        bytes.append(Octet.carriageReturn)
        bytes.append(Octet.lineFeed)
    }
}
