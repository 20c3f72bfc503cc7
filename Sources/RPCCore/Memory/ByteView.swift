// Bytes in memory that someone else holds, lent for the time of a call.
//
// Unsafe here: a pointer and how many bytes it points to. It is sound because only `lend` makes one, from an array, a slice or
// a string that is held until the call has returned; because no one keeps a view beyond that call (the parser, which stores
// one, lives within it); and because every load is checked against the count, in release builds too.

/// Lent bytes. Not to be kept beyond the call that lends them.
@safe struct ByteView: RandomAccessCollection {
    /// Nil only if there are no bytes.
    private let base: UnsafePointer<UInt8>?
    let count: Int

    private init(_ bytes: UnsafeBufferPointer<UInt8>) {
        unsafe base = bytes.baseAddress
        count = bytes.count
    }

    private init(base: UnsafePointer<UInt8>?, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    /// The text of a literal, which is held for ever.
    @inline(__always)
    init(_ literal: StaticString) {
        precondition(literal.hasPointerRepresentation)
        unsafe base = literal.utf8Start
        count = literal.utf8CodeUnitCount
    }

    // MARK: Lending

    /// Runs `body` on `bytes`.
    @inline(__always)
    static func lend<Result, Failure: Error>(
        _ bytes: ArraySlice<UInt8>, _ body: (ByteView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe bytes.withUnsafeBufferPointer { bytes throws(Failure) in try body(unsafe ByteView(bytes)) }
    }

    /// The same for a whole array.
    @inline(__always)
    static func lend<Result>(_ bytes: [UInt8], _ body: (ByteView) -> Result) -> Result {
        unsafe bytes.withUnsafeBufferPointer { bytes in body(unsafe ByteView(bytes)) }
    }

    /// The same for a span.
    @inline(__always)
    static func lend<Result>(_ bytes: Span<UInt8>, _ body: (ByteView) -> Result) -> Result {
        unsafe bytes.withUnsafeBufferPointer { bytes in body(unsafe ByteView(bytes)) }
    }

    /// The same for a string's UTF-8.
    @inline(__always)
    static func lend<Result>(_ text: String, _ body: (ByteView) -> Result) -> Result {
        var text = text
        return text.withUTF8 { bytes in body(unsafe ByteView(bytes)) }
    }

    // MARK: Reading

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
        return unsafe base.unsafelyUnwrapped[index]
    }

    /// The bytes of `range`.
    @inline(__always)
    func part(_ range: Range<Int>) -> ByteView {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe ByteView(base: base.map { unsafe $0 + range.lowerBound }, count: range.count)
    }

    /// Eight bytes, the first of them in the lowest byte.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= count &- 8)
        return UInt64(littleEndian: unsafe address(of: index).loadUnaligned(as: UInt64.self))
    }

    /// The bytes from `start` on, fewer than eight and at least one, and spaces after them.
    @inline(__always)
    func lastWord(at start: Int) -> UInt64 {
        let rest = count &- start
        precondition(start >= 0 && rest > 0 && rest < 8)
        let bytes = unsafe address(of: start)
        let end = UInt64(truncatingIfNeeded: rest &* 8)
        let blanks = 0x2020_2020_2020_2020 &<< end
        if rest >= 4 {
            let first = unsafe UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
            let last = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: rest &- 4, as: UInt32.self))
            return UInt64(first) | UInt64(last) &<< (end &- 32) | blanks
        }
        let middle = rest &>> 1
        let (first, second) = unsafe (bytes.load(as: UInt8.self), bytes.load(fromByteOffset: middle, as: UInt8.self))
        let last = unsafe bytes.load(fromByteOffset: rest &- 1, as: UInt8.self)
        return UInt64(first) | UInt64(second) &<< UInt64(truncatingIfNeeded: middle &* 8) | UInt64(last) &<< (end &- 8) | blanks
    }

    /// Where the byte at `index` is: for a caller that reads no further than the count. There is a byte at least.
    @unsafe @inline(__always)
    func address(of index: Int) -> UnsafeRawPointer { unsafe UnsafeRawPointer(base.unsafelyUnwrapped) + index }

    /// How the standard library copies and hashes them at once.
    @inline(__always)
    func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try unsafe body(UnsafeBufferPointer(start: base, count: count))
    }

    /// Feeds them to `hasher`.
    func hash(into hasher: inout Hasher) {
        unsafe hasher.combine(bytes: UnsafeRawBufferPointer(start: base, count: count))
    }
}
