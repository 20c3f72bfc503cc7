// Fields from and to bytes that lie in somebody else's storage: the tunnel moves whole sections between JSON and this form.
// Checked as everywhere; a line is written where it will stay and looked at there, so that each byte is copied once.

extension HTTPFields {
    /// Makes room for `count` fields more, whose lines take `byteCount` bytes.
    public mutating func reserve(_ count: Int, byteCount: Int) {
        slots.reserveCapacity(slots.count + Swift.max(0, count))
        storage.reserveCapacity(storage.count + Swift.max(0, byteCount))
    }

    /// Appends a field with these bytes as its name and value, whitespace around the value dropped. Throws `.name` or `.value`.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) throws(HTTPFieldError) {
        let failure = name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { value in appendInPlace(name, value) }
        }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// Runs `body` on the name and the value of the field at `index`, which must be in `0..<count`.
    public func withField<Result>(at index: Int, _ body: (_ name: Span<UInt8>, _ value: Span<UInt8>) -> Result) -> Result {
        let slot = slots[index]
        let bytes = storage.span
        return body(
            bytes.extracting(Int(slot.nameStart)..<Int(slot.nameEnd)),
            bytes.extracting(Int(slot.valueStart)..<Int(slot.valueEnd)))
    }

    /// The next field after the one at `index`, which must be in `0..<count`, that has the same name; nil if there is none.
    public func nextIndex(after index: Int) -> Int? {
        let hash = slots[index].hash
        var next = index + 1
        while next < slots.count {
            if slots[next].hash == hash, sameName(index, next) { return next }
            next += 1
        }
        return nil
    }

    /// Appends `Name: value CRLF`, or says which part is illegal and appends nothing.
    private mutating func appendInPlace(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
    ) -> HTTPFieldError.Part? {
        guard let nameBase = name.baseAddress, name.count > 0 else { return .name }
        var start = 0
        var end = value.count
        while start < end, Octet.isWhitespace(value[start]) { start &+= 1 }
        while end > start, Octet.isWhitespace(value[end &- 1]) { end &-= 1 }
        if deadByteCount > 0 { dropDeadBytes() }
        // Offsets are 32 bits wide; nothing near that size is a field section.
        guard storage.count + name.count + value.count < Int(Int32.max) - 4 else { return .value }
        let valueStart = name.count &+ 2
        let valueEnd = valueStart &+ (end &- start)
        var hash: UInt32 = 0
        var failure: HTTPFieldError.Part?
        let lineStart = UInt32(truncatingIfNeeded: storage.count)
        storage.append(addingCapacity: valueEnd &+ 2) { output in
            output.withUnsafeMutableBufferPointer { line, count in
                guard let base = line.baseAddress else { return }
                base.update(from: nameBase, count: name.count)
                base[name.count] = Octet.colon
                base[name.count &+ 1] = Octet.space
                if end > start, let source = value.baseAddress {
                    (base + valueStart).update(from: source + start, count: end &- start)
                }
                base[valueEnd] = Octet.carriageReturn
                base[valueEnd &+ 1] = Octet.lineFeed
                let token = Scan.token(base, 0, name.count, valueEnd &+ 2)
                hash = token.hash
                if Scan.firstControl(base, valueStart, valueEnd) != valueEnd { failure = .value }
                if token.end != name.count { failure = .name }
                count = failure == nil ? valueEnd &+ 2 : 0
            }
        }
        if let failure { return failure }
        slots.append(
            Slot(
                nameStart: lineStart, nameEnd: lineStart &+ UInt32(truncatingIfNeeded: name.count),
                valueStart: lineStart &+ UInt32(truncatingIfNeeded: valueStart),
                valueEnd: lineStart &+ UInt32(truncatingIfNeeded: valueEnd), hash: hash))
        return nil
    }
}
