// The bytes that a decoder has been given and has not yet consumed. A chunk is parsed where it lies, in the caller's buffer, as
// long as nothing is left over from an earlier one; what is left when the decoder asks for more is copied, so that the caller's
// read buffer is free again.

/// Unread bytes: either those last lent, or those kept; at most one of the two is not empty.
struct InputBuffer: Sendable {
    /// What the caller lent and the decoder has not consumed.
    private var lent: ArraySlice<UInt8> = []
    /// What was kept from earlier chunks.
    private var kept: [UInt8] = []
    /// How much of `kept` is consumed: `0 <= start <= kept.count`.
    private var start = 0

    var count: Int { lent.count + kept.count - start }

    /// All unread bytes.
    var unread: ArraySlice<UInt8> { kept.isEmpty ? lent : kept[start...] }

    /// Takes a chunk: as a loan if there is nothing unread, else by copying it behind what there is.
    mutating func receive(_ bytes: ArraySlice<UInt8>) {
        guard !bytes.isEmpty else { return }
        guard count > 0 else {
            lent = bytes
            return
        }
        keep()
        if start > kept.count / 2 {
            kept.removeSubrange(..<start)
            start = 0
        }
        kept.append(contentsOf: bytes)
    }

    /// Ends the loan: copies what is unread of it.
    mutating func keep() {
        guard !lent.isEmpty else { return }
        // Not `Array(lent)`: of a slice that spans its whole array that is the array itself, and no copy.
        kept.append(contentsOf: lent)
        lent = []
    }

    /// Drops the first `count` unread bytes; there must be so many.
    mutating func consume(_ count: Int) {
        if kept.isEmpty {
            lent = count < lent.count ? lent.dropFirst(count) : []
        } else {
            start += count
            if start >= kept.count {
                kept = []
                start = 0
            }
        }
    }

    /// Removes and returns the first `count` unread bytes; there must be so many.
    mutating func take(_ count: Int) -> ArraySlice<UInt8> {
        let taken = unread.prefix(count)
        consume(count)
        return taken
    }
}
