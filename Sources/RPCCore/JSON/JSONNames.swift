// RFC 8259, section 4: names SHOULD be unique, and readers differ on which duplicate wins; differing readers are how
// requests are smuggled, so a duplicate is refused. Names are compared as they read once their escapes are decoded.
// Small objects are compared pairwise, by fingerprint first. Larger ones go through a hash table whose hash is seeded
// for each process, so that no sender can aim for collisions: the cost is linear in the text either way.

extension JSONParser {
    /// The most members that are compared pairwise.
    private static let smallCount = 16

    /// Throws if two members of the object at `container` have one name. All of the object is on the tape, and nothing
    /// after it.
    func refuseDuplicateNames(ofObjectAt container: Int) throws(JSONError) {
        let count = tape[container].count
        let duplicate =
            count <= Self.smallCount
            ? duplicateInSmallObject(at: container) : duplicateInLargeObject(at: container, count: count)
        guard let duplicate else { return }
        let name = withName(at: duplicate) { String(decoding: $0, as: UTF8.self) }
        throw JSONError(.duplicateName(name), offset: Int(tape[duplicate].start))
    }

    private func duplicateInSmallObject(at container: Int) -> Int? {
        var names = InlineArray<16, Int>(repeating: 0)
        var fingerprints = InlineArray<16, UInt64>(repeating: 0)
        // One of 64 bits for each fingerprint: where the bit is new, so is the name.
        var seen: UInt64 = 0
        var count = 0
        var index = container + 1
        while index < tapeCount, count < Self.smallCount {
            let fingerprint = fingerprint(ofNameAt: index)
            let bit: UInt64 = 1 << ((fingerprint &* 0x9e37_79b9_7f4a_7c15) >> 58)
            if seen & bit != 0 {
                for earlier in 0..<count where fingerprints[earlier] == fingerprint {
                    if isSameName(names[earlier], index) { return index }
                }
            }
            seen |= bit
            names[count] = index
            fingerprints[count] = fingerprint
            count += 1
            index = Int(tape[index + 1].next)
        }
        return nil
    }

    private func duplicateInLargeObject(at container: Int, count: Int) -> Int? {
        // A slot holds the upper half of the hash and the name's index, which is never 0; 0 is free. Half the slots at
        // least stay free.
        let capacity = 1 << (Int.bitWidth - (2 * count - 1).leadingZeroBitCount)
        var slots = [UInt64](repeating: 0, count: capacity)
        var index = container + 1
        while index < tapeCount {
            let hash = withName(at: index) { bytes in
                var hasher = Hasher()
                bytes.hash(into: &hasher)
                return UInt64(bitPattern: Int64(hasher.finalize()))
            }
            let upperHalf = hash & 0xffff_ffff_0000_0000
            var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while slots[slot] != 0 {
                let other = slots[slot]
                if other & 0xffff_ffff_0000_0000 == upperHalf, isSameName(Int(other & 0xffff_ffff), index) { return index }
                slot = (slot + 1) & (capacity - 1)
            }
            slots[slot] = upperHalf | UInt64(index)
            index = Int(tape[index + 1].next)
        }
        return nil
    }

    /// The length and the first seven bytes: most different names differ here.
    @inline(__always)
    private func fingerprint(ofNameAt index: Int) -> UInt64 {
        let node = tape[index]
        guard node.isVerbatim else { return withName(at: index) { Self.fingerprint($0) } }
        let start = Int(node.start) + 1
        let length = Int(node.end) - 1 - start
        guard start + 8 <= count else {
            return Self.fingerprint(text.part(start..<start + length))
        }
        let mask: UInt64 = length < 7 ? (1 << UInt64(8 * length)) - 1 : (1 << 56) - 1
        return text.word(at: start) & mask | UInt64(truncatingIfNeeded: length) << 56
    }

    private static func fingerprint(_ name: ByteView) -> UInt64 {
        var word = UInt64(truncatingIfNeeded: name.count) << 56
        for index in 0..<min(name.count, 7) { word |= UInt64(name[index]) << UInt64(8 * index) }
        return word
    }

    private func isSameName(_ left: Int, _ right: Int) -> Bool {
        withName(at: left) { left in
            withName(at: right) { right in left.isSame(as: right) }
        }
    }

    /// Runs `body` on the name at `index` of the tape, its escapes decoded.
    @inline(__always)
    private func withName<Result>(at index: Int, _ body: (ByteView) -> Result) -> Result {
        let node = tape[index]
        let name = text.part(node.content)
        guard !node.isVerbatim else { return body(name) }
        var decoded: [UInt8] = []
        JSONEscape.appendDecoded(name, to: &decoded)
        return ByteView.lend(decoded, body)
    }
}
