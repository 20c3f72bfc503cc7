// Fields from and to bytes that lie in another owner's storage: the tunnel moves whole sections between JSON and this form.
// Checked as everywhere; a line is written where it will stay and looked at there, so that each byte is copied once.

extension HTTPFields {
    /// Makes room for `count` fields more, whose lines take `byteCount` bytes.
    public mutating func reserve(_ count: Int, byteCount: Int) {
        let buffer = ownBuffer()
        buffer.slots.reserveCapacity(buffer.slots.count + Swift.max(0, count))
        buffer.bytes.reserveCapacity(buffer.bytes.count + Swift.max(0, byteCount))
    }

    /// Appends a field with these bytes as its name and value, whitespace around the value dropped. Throws `.name` or `.value`.
    public mutating func append(name: Span<UInt8>, value: Span<UInt8>) throws(HTTPFieldError) {
        let failure = name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { value in appendLine(name, value) }
        }
        if let failure { throw HTTPFieldError(failure) }
    }

    /// At least the bytes that names and values take together.
    public var storedByteCount: Int { buffer.bytes.count }

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
        let slot = buffer.slots[index]
        if slot.number != 0 { return buffer.index(of: slot.number, from: index + 1) }
        return buffer.slots[(index + 1)...].indices.first { buffer.slots[$0].hash == slot.hash && sameName(index, $0) }
    }
}
