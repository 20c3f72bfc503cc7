// Whether a path climbs out of where it begins (RFC 3986 §3.3, §5.2.4), as any reader may take it.
//
// Servers disagree on what a path is before it is decoded, so the least favourable reading counts: segments are parted by `/`,
// `\` and by both of them percent-encoded, however often, or overlong in UTF-8; parameters (`..;x=y`, which Tomcat takes for
// `..`), blanks, zero bytes and what a reader may take for the end of the path do not belong to a name. Every `..` climbs one
// level, and only what every server takes for a segment descends one: empty ones, `.` and what stands behind an encoded slash
// do not.

/// Dot segments.
public enum PathDots {
    /// Whether `path`, which begins with a slash, may lead above that slash.
    public static func climb(_ path: ArraySlice<UInt8>) -> Bool {
        guard path.contains(where: { $0 == Octet.period || $0 == percent }) else { return false }
        var walker = Walker()
        var index = path.startIndex
        while index < path.endIndex {
            let (octet, count) = decoded(path, at: index)
            index += count
            if walker.climbs(over: octet, isEncoded: count > 1) { return true }
        }
        return walker.endsClimbing()
    }

    /// Goes over octets and counts levels.
    private struct Walker {
        private var depth = 0
        /// The dots of the present name; nil: it is no dot segment.
        private var dots: Int? = 0
        /// What comes until the next slash does not belong to the name.
        private var isBehindName = false
        /// A name between the slash before and here has descended already.
        private var hasDescended = false

        /// Takes the next octet; true if the segment before it has climbed out.
        mutating func climbs(over octet: UInt8, isEncoded: Bool) -> Bool {
            switch octet {
            case Octet.slash, Octet.backslash:
                let climbs = endSegment()
                if octet == Octet.slash, !isEncoded { hasDescended = false }
                return climbs
            case Octet.semicolon, 0x3f, 0x23, 0: isBehindName = true
            case 1...0x20, Octet.delete: break
            case Octet.period where !isBehindName: dots = dots.map { $0 + 1 }
            default: if !isBehindName { dots = nil }
            }
            return false
        }

        mutating func endsClimbing() -> Bool { endSegment() }

        private mutating func endSegment() -> Bool {
            switch dots {
            case 0?, 1?: break
            case 2?: depth -= 1
            default:
                if !hasDescended { depth += 1 }
                hasDescended = true
            }
            dots = 0
            isBehindName = false
            return depth < 0
        }
    }

    /// The octet at `index`, percent-decoded until nothing is left to decode, and how many bytes it takes.
    private static func decoded(_ path: ArraySlice<UInt8>, at index: Int) -> (octet: UInt8, count: Int) {
        guard path[index] == percent else { return (path[index], 1) }
        // `%25` is a percent sign, which may begin another triplet: `%252e`, `%25252e` …
        var digits = index + 1
        while digits + 1 < path.endIndex, path[digits] == 0x32, path[digits + 1] == 0x35 { digits += 2 }
        guard let octet = PercentEncoding.octet(ofDigitsAt: digits, in: path) else { return (percent, 1) }
        if octet == 0xc0, let (second, end) = next(path, digits + 2) {
            // Overlong: C0 AE is `.`, C0 AF is `/`.
            if second == 0xae { return (Octet.period, end - index) }
            if second == 0xaf { return (Octet.slash, end - index) }
        }
        return (octet, digits + 2 - index)
    }

    /// An octet that follows an overlong beginning, encoded or not, and where it ends.
    private static func next(_ path: ArraySlice<UInt8>, _ index: Int) -> (octet: UInt8, end: Int)? {
        guard index < path.endIndex else { return nil }
        if path[index] != percent { return (path[index], index + 1) }
        var digits = index + 1
        while digits + 1 < path.endIndex, path[digits] == 0x32, path[digits + 1] == 0x35 { digits += 2 }
        return PercentEncoding.octet(ofDigitsAt: digits, in: path).map { ($0, digits + 2) }
    }

    private static let percent: UInt8 = 0x25
}
