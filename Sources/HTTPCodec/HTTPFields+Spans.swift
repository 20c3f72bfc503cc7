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
        _ name: UnsafeBufferPointer<UInt8>, _ padded: UnsafeBufferPointer<UInt8>
    ) -> HTTPFieldError.Part? {
        guard name.count > 0 else { return .name }
        let value = Self.trimmed(padded)
        if deadByteCount > 0 { dropDeadBytes() }
        // Offsets are 32 bits wide; nothing near that size is a field section.
        guard storage.count + name.count + value.count < Int(Int32.max) - 4 else { return .value }
        let nameStart = UInt32(truncatingIfNeeded: storage.count)
        let nameEnd = nameStart &+ UInt32(truncatingIfNeeded: name.count)
        let lineCount = name.count &+ value.count &+ 4
        var hash: UInt32 = 0
        var failure: HTTPFieldError.Part?
        storage.append(addingCapacity: lineCount) { output in
            output.withUnsafeMutableBufferPointer { line, count in
                guard let line = line.baseAddress else { return }
                Self.write(name, value, to: line)
                let token = Scan.token(line, 0, name.count, lineCount)
                hash = token.hash
                let valueEnd = lineCount &- 2
                if Scan.firstControl(line, name.count &+ 2, valueEnd) != valueEnd { failure = .value }
                if token.end != name.count { failure = .name }
                count = failure == nil ? lineCount : 0
            }
        }
        if let failure { return failure }
        let valueEnd = nameEnd &+ 2 &+ UInt32(truncatingIfNeeded: value.count)
        slots.append(Slot(nameStart: nameStart, nameEnd: nameEnd, valueStart: nameEnd &+ 2, valueEnd: valueEnd, hash: hash))
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
}
