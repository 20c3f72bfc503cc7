// `Set-Cookie` as browsers read it (RFC 6265 §5.2): names of attributes without regard to case, blanks around names and values
// skipped. Where an attribute is there twice the last counts, so whoever changes one changes each.

/// Attributes of `Set-Cookie`.
public enum SetCookie {
    /// What becomes of an attribute.
    public enum Change: Sendable, Hashable {
        /// It stays as it came.
        case keep
        /// It goes.
        case drop
        /// It is `Path`, with this value.
        case path([UInt8])
    }

    /// The cookie with each of its attributes, but not its name and value, as `change` has it, which gets the attribute's name
    /// in small letters.
    public static func changing(
        _ cookie: ArraySlice<UInt8>, _ change: (_ name: String, _ value: ArraySlice<UInt8>) -> Change
    ) -> [UInt8] {
        let parts = cookie.split(separator: Octet.semicolon, omittingEmptySubsequences: false)
        guard parts.count > 1 else { return Array(cookie) }
        var kept: [ArraySlice<UInt8>] = [parts[0]]
        for part in parts.dropFirst() {
            let equals = part.firstIndex(of: Octet.equals)
            let name = trimmed(part[..<(equals ?? part.endIndex)])
            let value = equals.map { trimmed(part[($0 + 1)...]) } ?? []
            switch change(String(decoding: name.lazy.map(Octet.lowercased), as: UTF8.self), value) {
            case .keep: kept.append(part)
            case .drop: break
            case .path(let new): kept.append((Array(" Path=".utf8) + new)[...])
            }
        }
        return Array(kept.joined(separator: [Octet.semicolon]))
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, Octet.isWhitespace(first) { text = text.dropFirst() }
        while let last = text.last, Octet.isWhitespace(last) { text = text.dropLast() }
        return text
    }
}
