// Changing a field section. Every name and value is checked on its way in (RFC 9110 §5.1, §5.5), so that nothing written later
// can end a line, and with it begin a field, a head or a message that was not meant.

extension HTTPFields {
    /// Appends a field; `value` is written with one byte for each scalar (ISO 8859-1), whitespace around it is dropped.
    /// Throws `.name` or `.value` and changes nothing if one of them is not legal.
    public mutating func append(_ name: HTTPFieldName, _ value: String) throws(HTTPFieldError) {
        guard name.isToken else { throw HTTPFieldError(.name) }
        var value = value
        let isPlain = value.withUTF8 { Scan.isASCII($0) }
        if isPlain {
            let failure = value.withUTF8 { utf8 in name.withBytes { appendLine($0, utf8, known: name) } }
            if let failure { throw HTTPFieldError(failure) }
            return
        }
        var bytes: [UInt8] = []
        guard Latin1.append(value, to: &bytes) else { throw HTTPFieldError(.value) }
        try append(name, bytes: bytes[...])
    }

    /// Appends a field with these bytes as its value, whitespace around it dropped. Throws `.name` or `.value`.
    public mutating func append(_ name: HTTPFieldName, bytes: ArraySlice<UInt8>) throws(HTTPFieldError) {
        guard name.isToken else { throw HTTPFieldError(.name) }
        let failure = bytes.withUnsafeBufferPointer { value in name.withBytes { appendLine($0, value, known: name) } }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// Appends a field with these bytes as its name and value, whitespace around the value dropped. Throws `.name` or `.value`.
    public mutating func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) throws(HTTPFieldError) {
        let failure = name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { value in appendLine(name, value) }
        }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// Appends a copy of `field`. Throws `.name` or `.value`.
    public mutating func append(_ field: Field) throws(HTTPFieldError) {
        try append(name: field.name, value: field.value)
    }

    /// Removes all fields of this name and appends one; changes nothing if it throws (`.name` or `.value`).
    public mutating func set(_ name: HTTPFieldName, _ value: String) throws(HTTPFieldError) {
        let existing = count
        try append(name, value)
        guard let first = index(of: name, from: 0), first < existing else { return }
        var index = -1
        removeSlots { storage, slot in
            index += 1
            return index < existing && Self.hasName(slot, storage, name)
        }
    }

    /// Removes all fields of this name.
    public mutating func removeAll(_ name: HTTPFieldName) {
        guard contains(name) else { return }
        removeSlots { storage, slot in Self.hasName(slot, storage, name) }
    }

    /// Removes all fields whose names begin with `prefix` and go on after it.
    public mutating func removeAll(beginningWith prefix: HTTPFieldName) {
        remove(beginning(with: prefix))
    }

    /// Whether the field's name begins with `prefix` and goes on after it.
    @inline(__always)
    static func begins(_ slot: Slot, _ storage: UnsafeRawPointer, with prefix: HTTPFieldName) -> Bool {
        prefix.withBytes { prefix in
            guard Int(slot.nameEnd - slot.nameStart) > prefix.count, let start = prefix.baseAddress else { return false }
            return Scan.equalIgnoringCase(storage + Int(slot.nameStart), start, prefix.count)
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

    /// Removes the fields whose names have a `_` and are, with `-` in its place, in `names` or begin with `prefix`. CGI and
    /// what came of it make both one name, `HTTP_X_FORWARDED_FOR`, of which a reader sees one or both.
    public mutating func removeUnderscored(spelling names: HTTPFieldSet, orBeginningWith prefix: HTTPFieldName) {
        remove(underscored(spelling: names, orBeginningWith: prefix))
    }

    @inline(__always)
    static func isUnderscored(
        _ slot: Slot, _ storage: UnsafeRawPointer, spelling names: HTTPFieldSet, orBeginningWith prefix: HTTPFieldName
    ) -> Bool {
        let start = storage + Int(slot.nameStart)
        let count = Int(slot.nameEnd - slot.nameStart)
        guard Scan.hasUnderscore(start, count) else { return false }
        return isRespelled(UnsafeRawBufferPointer(start: start, count: count), names, prefix)
    }

    private static func isRespelled(_ name: UnsafeRawBufferPointer, _ names: HTTPFieldSet, _ prefix: HTTPFieldName) -> Bool {
        let bytes = name.map { $0 == Octet.underscore ? Octet.hyphen : $0 }
        let begins = prefix.withBytes { prefix in
            bytes.count > prefix.count && zip(bytes, prefix).allSatisfy { Octet.lowercased($0) == Octet.lowercased($1) }
        }
        if begins { return true }
        return names.contains(HTTPFieldName(String(decoding: bytes, as: UTF8.self)))
    }

    /// Removes the fields for whose slots `isUnwanted` holds; it is asked once for each, in order, with the storage's
    /// beginning. Nothing is copied if it never holds.
    mutating func removeSlots(where isUnwanted: (UnsafeRawPointer, Slot) -> Bool) {
        let marks = marks(where: isUnwanted)
        guard marks.contains(true) else { return }
        let own = ownBuffer()
        var index = -1
        own.slots.removeAll { slot in
            index += 1
            if marks[index] { own.deadByteCount += Self.wireBytes(slot) }
            return marks[index]
        }
    }

    /// For each field whether `isUnwanted` holds.
    private func marks(where isUnwanted: (UnsafeRawPointer, Slot) -> Bool) -> [Bool] {
        buffer.bytes.withUnsafeBytes { storage in
            storage.baseAddress.map { base in buffer.slots.map { isUnwanted(base, $0) } } ?? []
        }
    }

    /// Appends `Name: value CRLF`, or says which part is illegal and appends nothing. The line is written where it will stay
    /// and looked at there. `known`: the name, if it is known to be a token.
    mutating func appendLine(
        _ name: UnsafeBufferPointer<UInt8>, _ padded: UnsafeBufferPointer<UInt8>, known: HTTPFieldName? = nil
    ) -> HTTPFieldError.Part? {
        guard name.count > 0 else { return .name }
        let (value, nameCount) = (Self.trimmed(padded), name.count)
        let buffer = ownBuffer()
        if buffer.deadByteCount > 0 { buffer.dropDeadBytes() }
        // Offsets are 32 bits wide; nothing near that size is a field section.
        guard buffer.bytes.count + name.count + value.count < Int(Int32.max) - 4 else { return .value }
        let nameStart = UInt32(truncatingIfNeeded: buffer.bytes.count)
        let lineCount = name.count &+ value.count &+ 4
        if buffer.bytes.capacity == 0 {
            buffer.bytes.reserveCapacity(256)
            buffer.slots.reserveCapacity(8)
        }
        var (hash, number) = (known?.hash ?? 0, known?.number ?? 0)
        var failure: HTTPFieldError.Part?
        buffer.bytes.append(addingCapacity: lineCount) { output in
            output.withUnsafeMutableBufferPointer { line, count in
                guard let line = line.baseAddress else { return }
                Self.write(name, value, to: line)
                let valueEnd = lineCount &- 2
                if Scan.firstControl(line, name.count &+ 2, valueEnd) != valueEnd { failure = .value }
                if known == nil {
                    let token = Scan.token(line, 0, name.count, lineCount)
                    hash = token.hash
                    if token.end != name.count { failure = .name } else { number = KnownNames.number(line, name.count, hash) }
                }
                count = failure == nil ? lineCount : 0
            }
        }
        if let failure { return failure }
        if number == 0, let name = name.baseAddress { buffer.noteOther(name, nameCount) }
        let nameEnd = nameStart &+ UInt32(truncatingIfNeeded: name.count)
        let valueEnd = nameEnd &+ 2 &+ UInt32(truncatingIfNeeded: value.count)
        buffer.append(
            Slot(
                nameStart: nameStart, nameEnd: nameEnd, valueStart: nameEnd &+ 2, valueEnd: valueEnd, hash: hash, number: number
            ))
        return nil
    }

    /// The value without the whitespace around it.
    @inline(__always)
    private static func trimmed(_ value: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var start = 0
        var end = value.count
        while start < end, Octet.isWhitespace(value[start]) { start &+= 1 }
        while end > start, Octet.isWhitespace(value[end &- 1]) { end &-= 1 }
        return UnsafeBufferPointer(rebasing: value[start..<end])
    }

    /// Writes `Name: value CRLF` to `line`, which has room for it.
    @inline(__always)
    private static func write(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, to line: UnsafeMutablePointer<UInt8>
    ) {
        if let bytes = name.baseAddress { line.update(from: bytes, count: name.count) }
        line[name.count] = Octet.colon
        line[name.count &+ 1] = Octet.space
        let valueStart = name.count &+ 2
        if let bytes = value.baseAddress { (line + valueStart).update(from: bytes, count: value.count) }
        line[valueStart &+ value.count] = Octet.carriageReturn
        line[valueStart &+ value.count &+ 1] = Octet.lineFeed
    }

    private static func wireBytes(_ slot: Slot) -> Int { Int(slot.valueEnd - slot.nameStart) + 2 }
}

extension HTTPFieldBuffer {
    /// Rebuilds the storage when most of it is of no use, so that setting a field again and again does not grow it.
    fileprivate func dropDeadBytes() {
        guard deadByteCount > 4096, deadByteCount > bytes.count / 2 else { return }
        var compact: [UInt8] = []
        HTTPFields(self).encode(into: &compact)
        bytes = compact
        deadByteCount = 0
        var position: UInt32 = 0
        for index in slots.indices {
            let slot = slots[index]
            let nameCount = slot.nameEnd - slot.nameStart
            let valueStart = position + nameCount + 2
            let valueEnd = valueStart + (slot.valueEnd - slot.valueStart)
            slots[index].nameStart = position
            slots[index].nameEnd = position + nameCount
            slots[index].valueStart = valueStart
            slots[index].valueEnd = valueEnd
            position = valueEnd + 2
        }
    }
}

// MARK: On the wire

extension HTTPFields {
    /// Appends `*( field-name ":" SP field-value CRLF )`, in order. Runs of fields that lie in `storage` in that very form,
    /// which is nearly always all of them, are copied at once. Those of `mask` are left out.
    func encode(into bytes: inout [UInt8], without mask: HTTPFieldMask = HTTPFieldMask()) {
        buffer.bytes.withUnsafeBufferPointer { stored in
            buffer.slots.withUnsafeBufferPointer { slots in
                var index = 0
                while index < slots.count {
                    let start = Int(slots[index].nameStart)
                    if mask.contains(index) {
                        index += 1
                        continue
                    }
                    guard Self.isCanonical(slots[index], stored) else {
                        Self.encode(slots[index], of: stored, into: &bytes)
                        index += 1
                        continue
                    }
                    while index + 1 < slots.count, slots[index + 1].nameStart == slots[index].valueEnd + 2,
                        !mask.contains(index + 1), Self.isCanonical(slots[index + 1], stored)
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
