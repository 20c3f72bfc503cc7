// RFC 8259, section 7: where a string ends, and whether it may stand as it is. Eight bytes at a time while nothing
// special is met. Refused: control characters, unknown escapes, lone surrogates, bytes that are not UTF-8 (RFC 3629,
// section 4: no overlong form, no surrogate, nothing above U+10FFFF).
//
//     string    = %x22 *char %x22
//     unescaped = %x20-21 / %x23-5B / %x5D-10FFFF

import Primitives

extension JSONParser {
    /// `position` is at the opening quote; afterwards it is past the closing one, and the tape holds the string.
    @inline(never)
    mutating func parseString() throws(JSONError) {
        let start = position
        var at = position &+ 1
        var flags: UInt32 = 0
        while true {
            at = endOfPlainRun(from: at)
            guard at < count else { throw JSONError(.unexpectedEnd, offset: count) }
            switch text[at] {
            case UInt8(ascii: "\""):
                position = at &+ 1
                appendScalar(.string, from: start, flags: flags)
                return
            case UInt8(ascii: "\\"):
                flags |= JSONTapeNode.escaped
                at = try endOfEscape(at: at)
            case 0x80...:
                flags |= JSONTapeNode.nonASCII
                at = try endOfNonASCIIRun(from: at)
            default: throw JSONError(.badString, offset: at)
            }
        }
    }

    /// The first byte from `at` on that is not a plain ASCII character, or `count`.
    @inline(__always)
    private func endOfPlainRun(from start: Int) -> Int {
        var at = start
        while count &- at >= 8 {
            let marks = Word.specials(text.word(at: at))
            if marks != 0 { return at &+ Word.firstMark(marks) }
            at &+= 8
        }
        while at < count {
            let byte = text[at]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            at &+= 1
        }
        return at
    }

    /// `at` is at a byte of 0x80 or more; the result is at the next below, or `count`.
    private func endOfNonASCIIRun(from start: Int) throws(JSONError) -> Int {
        var at = start
        while at < count, text[at] >= 0x80 {
            switch UTF8Sequence.length(text.part(at..<count)) {
            case .whole(let length): at += length
            case .cut: throw JSONError(.unexpectedEnd, offset: count)
            case .invalid: throw JSONError(.invalidUTF8, offset: at)
            }
        }
        return at
    }

    /// `at` is at a backslash; the result is past the escape (past both halves of a surrogate pair).
    private func endOfEscape(at start: Int) throws(JSONError) -> Int {
        guard start + 1 < count else { throw JSONError(.unexpectedEnd, offset: count) }
        switch text[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"): break
        default: throw JSONError(.badEscape, offset: start + 1)
        }
        let unit = try codeUnit(at: start + 2)
        switch unit {
        case 0xd800...0xdbff: break
        case 0xdc00...0xdfff: throw JSONError(.loneSurrogate, offset: start)
        default: return start + 6
        }
        for (index, wanted) in [(start + 6, UInt8(ascii: "\\")), (start + 7, UInt8(ascii: "u"))] {
            guard index < count else { throw JSONError(.unexpectedEnd, offset: count) }
            guard text[index] == wanted else { throw JSONError(.loneSurrogate, offset: start) }
        }
        let low = try codeUnit(at: start + 8)
        guard (0xdc00...0xdfff).contains(low) else { throw JSONError(.loneSurrogate, offset: start) }
        return start + 12
    }

    /// The four hexadecimal digits at `at`.
    private func codeUnit(at start: Int) throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for index in start..<start + 4 {
            guard index < count else { throw JSONError(.unexpectedEnd, offset: count) }
            guard let digit = HexDigit.value(text[index]) else { throw JSONError(.badEscape, offset: index) }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }
}

/// RFC 3629, section 4, one sequence at a time.
enum UTF8Sequence {
    enum Length {
        case whole(Int)
        /// The text ends inside a sequence that is right so far.
        case cut
        case invalid
    }

    /// The sequence at the front of `text`, which has a byte at least, and 0x80 or more as the first.
    @inline(__always)
    static func length(_ text: ByteView) -> Length {
        let (lead, count) = (text[0], text.count)
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch lead {
        case 0xc2...0xdf: length = 2
        case 0xe0:
            length = 3
            second = 0xa0...0xbf
        case 0xed:
            length = 3
            second = 0x80...0x9f
        case 0xe1...0xef: length = 3
        case 0xf0:
            length = 4
            second = 0x90...0xbf
        case 0xf1...0xf3: length = 4
        case 0xf4:
            length = 4
            second = 0x80...0x8f
        default: return .invalid
        }
        if count > 1, !second.contains(text[1]) { return .invalid }
        var index = 2
        while index < min(length, count) {
            if text[index] & 0xc0 != 0x80 { return .invalid }
            index += 1
        }
        return count >= length ? .whole(length) : .cut
    }
}
