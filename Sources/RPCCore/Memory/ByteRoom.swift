// Room behind the end of an array of bytes, to be filled in.
//
// Unsafe here: a pointer and how many bytes there is room for. It is sound because only `append(room:)` makes one, from memory
// that the array has just reserved and that no one else sees before it returns, and because every store is checked against what
// is left.

/// Room for bytes, written from its front. Not to be kept beyond the call that lends it.
@safe struct ByteRoom: ~Copyable {
    /// What words that are stored whole may take beyond the bytes that count.
    static var slack: Int { 8 }

    private let base: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    /// How many bytes have been written. 0 <= count <= capacity
    private(set) var count = 0

    fileprivate init(base: UnsafeMutablePointer<UInt8>, capacity: Int) {
        unsafe self.base = base
        self.capacity = capacity
    }

    /// Writes one byte.
    @inline(__always)
    mutating func put(_ byte: UInt8) {
        precondition(count < capacity)
        unsafe base[count] = byte
        count &+= 1
    }

    /// Writes `bytes`.
    @inline(__always)
    mutating func put(_ bytes: ByteView) {
        precondition(bytes.count <= capacity &- count)
        unsafe bytes.withContiguousStorageIfAvailable { bytes in
            guard let source = bytes.baseAddress else { return }
            unsafe (base + count).initialize(from: source, count: bytes.count)
        }
        count &+= bytes.count
    }

    /// Writes eight bytes, the lowest of the word first, and counts the first `length` of them: what follows goes over the
    /// rest.
    @inline(__always)
    mutating func put(_ word: UInt64, length: Int) {
        precondition(count <= capacity &- 8 && UInt(bitPattern: length) <= 8)
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: word.littleEndian, as: UInt64.self)
        count &+= length
    }

    /// The same for four bytes.
    @inline(__always)
    mutating func put(_ word: UInt32, length: Int) {
        precondition(count <= capacity &- 4 && UInt(bitPattern: length) <= 4)
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(of: word.littleEndian, as: UInt32.self)
        count &+= length
    }

    /// Copies `text` from `start` on, a word at a time and each as `map` has it, up to the first byte that `marks` marks by its
    /// high bit; the index of that byte. There is room for eight bytes more than the text has left: words are stored whole.
    @inline(__always)
    mutating func copyRun(
        _ text: ByteView, from start: Int, marks: (UInt64) -> UInt64, map: (UInt64) -> UInt64 = { $0 }
    ) -> Int {
        precondition(start >= 0 && start <= text.count && text.count &- start <= capacity &- count &- 8)
        guard start < text.count else { return start }
        let target = unsafe UnsafeMutableRawPointer(base + count)
        let source = unsafe text.address(of: start)
        let rest = text.count &- start
        var done = 0
        while rest &- done >= 8 {
            let word = unsafe UInt64(littleEndian: source.loadUnaligned(fromByteOffset: done, as: UInt64.self))
            unsafe (target + done).storeBytes(of: map(word).littleEndian, as: UInt64.self)
            let found = marks(word)
            guard found == 0 else { return advance(by: done &+ found.trailingZeroBitCount >> 3, from: start) }
            done &+= 8
        }
        guard done < rest else { return advance(by: rest, from: start) }
        let word = text.lastWord(at: start &+ done)
        unsafe (target + done).storeBytes(of: map(word).littleEndian, as: UInt64.self)
        let found = marks(word)
        return advance(by: found == 0 ? rest : done &+ found.trailingZeroBitCount >> 3, from: start)
    }

    @inline(__always)
    private mutating func advance(by length: Int, from start: Int) -> Int {
        count &+= length
        return start &+ length
    }

    /// Has `body` fill in up to `most` bytes; it says how many.
    @unsafe @inline(__always)
    mutating func fill(upTo most: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Int) {
        precondition(most >= 0 && most <= capacity &- count)
        let written = unsafe body(base + count)
        precondition(UInt(bitPattern: written) <= UInt(bitPattern: most))
        count &+= written
    }

    /// Takes everything back.
    mutating func clear() { count = 0 }
}

extension [UInt8] {
    /// Appends what `body` writes to the room for `most` bytes.
    @inline(__always)
    mutating func append(room most: Int, _ body: (inout ByteRoom) -> Void) {
        append(addingCapacity: most) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                guard let base = buffer.baseAddress else { return }
                var room = unsafe ByteRoom(base: base, capacity: buffer.count)
                body(&room)
                count = room.count
            }
        }
    }
}

extension String {
    /// The UTF-8 that `body` writes to the room for `most` bytes.
    init(room most: Int, _ body: (inout ByteRoom) -> Void) {
        unsafe self.init(unsafeUninitializedCapacity: most) { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var room = unsafe ByteRoom(base: base, capacity: buffer.count)
            body(&room)
            return room.count
        }
    }
}
