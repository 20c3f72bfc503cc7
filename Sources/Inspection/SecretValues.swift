// Secrets that are recognised by their form, wherever they are: user names and passwords in addresses, parameters with secret
// names, JSON Web Tokens, keys of well-known services by their prefixes, and long runs that look random.
//
// One pass over a text. Only the values of parameters are decoded, since they may hold an address. A text that was masked once
// is not masked further.

/// Finds secrets in texts.
enum SecretValues {
    /// What counts as a secret besides addresses and parameters.
    struct Kinds: OptionSet {
        let rawValue: Int
        /// By their form: JSON Web Tokens, keys.
        static let formed = Kinds(rawValue: 1)
        /// Long runs of letters and digits that look random.
        static let random = Kinds(rawValue: 2)
    }

    /// The text with its secrets masked; nil if it holds none.
    static func masked(_ text: ArraySlice<UInt8>, _ kinds: Kinds = [.formed, .random]) -> [UInt8]? {
        var scan = Scan(text: text, kinds: kinds, depth: 0)
        return scan.masked()
    }

    /// Whether `value` looks like generated: at least 16 characters, without spaces, with letters and digits. Only ASCII
    /// counts, so that a mask in it does not make it longer.
    static func isOpaque(_ value: ArraySlice<UInt8>) -> Bool {
        value.count(where: { $0 < 0x80 }) >= 16 && !value.contains(UInt8(ascii: " "))
            && value.contains(where: SecretNames.isDigit)
            && value.contains { SecretNames.isAlphanumeric($0) && !SecretNames.isDigit($0) }
    }

    /// Whether `value` is a secret, if it is the value of a parameter or a field whose name has this strength.
    static func isSecret(_ value: ArraySlice<UInt8>, _ strength: SecretNames.Strength) -> Bool {
        switch strength {
        case .none: false
        case .countable: isOpaque(value)
        case .weak, .strong: !value.isEmpty
        }
    }

    // MARK: By form

    /// The prefixes of keys, and how many bytes follow at least.
    private static let prefixes: [(text: [UInt8], rest: Int)] = [
        ("sk-", 16), ("sk_live_", 8), ("sk_test_", 8), ("rk_live_", 8), ("rk_test_", 8), ("ghp_", 16), ("gho_", 16),
        ("ghu_", 16),
        ("ghs_", 16), ("ghr_", 16), ("github_pat_", 16), ("glpat-", 16), ("xoxb-", 10), ("xoxp-", 10), ("xoxa-", 10),
        ("xoxr-", 10),
        ("xoxs-", 10), ("xapp-", 10), ("AKIA", 16), ("ASIA", 16), ("AIza", 30), ("ya29.", 16), ("GOCSPX-", 16), ("hf_", 20),
        ("npm_", 20), ("pypi-", 20), ("SG.", 20), ("shpat_", 16), ("shpss_", 16), ("whsec_", 16), ("gsk_", 20), ("nvapi-", 20),
        ("xai-", 20), ("pplx-", 20), ("tvly-", 16), ("r8_", 20), ("dop_v1_", 20), ("hvs.", 20), ("ntn_", 20), ("lin_api_", 16),
        ("dapi", 32), ("sq0", 16), ("tskey-", 10), ("glsa_", 16), ("pat_", 20),
    ].map { (Array($0.utf8), $1) }

    private static let prefixesByByte: [[(text: [UInt8], rest: Int)]] = (0..<128).map { byte in
        prefixes.filter { Int($0.text[0]) == byte }
    }

    fileprivate static func hasKeyPrefix(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first, first < 128 else { return false }
        return prefixesByByte[Int(first)].contains { text.count >= $0.text.count + $0.rest && text.starts(with: $0.text) }
    }

    /// Whether it is a JSON Web Token: three parts or more, the first begins with `{"` in base64.
    fileprivate static func isWebToken(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.starts(with: "eyJ".utf8) else { return false }
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count >= 3 && parts[0].count > 6 && parts[1].count > 1
    }

    /// Whether it is long, and letters and digits alternate as they do not in words, numbers, dates, hexadecimal digests and
    /// UUIDs.
    fileprivate static func isRandom(_ run: ArraySlice<UInt8>) -> Bool {
        guard run.count >= 32 else { return false }
        var (turns, digitTurns, isHexadecimal) = (0, 0, true)
        var before: UInt8 = 0
        for byte in run where SecretNames.isAlphanumeric(byte) {
            let kind: UInt8 = SecretNames.isDigit(byte) ? 1 : SecretNames.isCapital(byte) ? 2 : 3
            if before != 0, kind != before { turns += 1 }
            if before != 0, (kind == 1) != (before == 1) { digitTurns += 1 }
            if kind != 1, SecretNames.folded(byte) > UInt8(ascii: "f") { isHexadecimal = false }
            before = kind
        }
        return !isHexadecimal && turns * 4 >= run.count && digitTurns * 12 >= run.count
    }
}

/// One pass over a text.
private struct Scan {
    let text: ArraySlice<UInt8>
    let kinds: SecretValues.Kinds
    /// How often the text was decoded already.
    let depth: Int
    private var result: [UInt8] = []
    private var copied: Int
    private var hasMasked = false

    init(text: ArraySlice<UInt8>, kinds: SecretValues.Kinds, depth: Int) {
        (self.text, self.kinds, self.depth) = (text, kinds, depth)
        copied = text.startIndex
    }

    mutating func masked() -> [UInt8]? {
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: ":"), let next = userInformation(at: index) {
                index = next
            } else if Self.isInRun(byte), index == text.startIndex || !Self.isInRun(text[index - 1]) {
                index = run(at: index)
            } else {
                index += 1
            }
        }
        guard hasMasked else { return nil }
        return result + text[copied...]
    }

    /// Replaces `range` by a mask, unless it is one already: else masking a text twice would mask more than masking it once.
    private mutating func mask(_ range: Range<Int>) {
        guard !range.isEmpty, !text[range].elementsEqual(SecretMask.bytes) else { return }
        result += text[copied..<range.lowerBound] + SecretMask.bytes
        copied = range.upperBound
        hasMasked = true
    }

    /// Masks the user information of `://user:password@`. Returns where to go on; nil if there is none.
    private mutating func userInformation(at colon: Int) -> Int? {
        guard text[colon...].starts(with: "://".utf8) else { return nil }
        let start = colon + 3
        let end = text[start...].firstIndex { Self.endsAuthority.contains($0) } ?? text.endIndex
        guard let at = text[start..<end].lastIndex(of: UInt8(ascii: "@")) else { return nil }
        mask(start..<at)
        return at
    }

    /// Handles a run of letters, digits, `-` and `_`: the name of a parameter, or perhaps a secret. Returns where to go on.
    private mutating func run(at start: Int) -> Int {
        let isInQuery = start > text.startIndex && Self.beginsParameter.contains(text[start - 1])
        let end = text[start...].firstIndex { !Self.isInRun($0) } ?? text.endIndex
        let nameEnd = isInQuery ? text[start...].firstIndex { Self.endsName.contains($0) } ?? text.endIndex : end
        if nameEnd < text.endIndex, text[nameEnd] == UInt8(ascii: "=") {
            return parameter(start..<nameEnd, isInQuery: isInQuery)
        }
        if kinds.contains(.formed) {
            let formed = text[start...].prefix { Self.isInRun($0) || $0 == UInt8(ascii: ".") }
            if SecretValues.isWebToken(formed) || SecretValues.hasKeyPrefix(formed) {
                mask(formed.startIndex..<formed.endIndex)
                return formed.endIndex
            }
        }
        if kinds.contains(.random), SecretValues.isRandom(text[start..<end]) { mask(start..<end) }
        return end
    }

    /// Handles `name=value`. Returns where to go on.
    private mutating func parameter(_ name: Range<Int>, isInQuery: Bool) -> Int {
        var start = name.upperBound + 1
        var ends = isInQuery ? Self.endsQueryValue : Self.endsValue
        if start < text.endIndex, text[start] == UInt8(ascii: "\"") { (start, ends) = (start + 1, [UInt8(ascii: "\"")]) }
        let end = text[start...].firstIndex { ends.contains($0) } ?? text.endIndex
        let value = text[start..<end]
        let isPlain = !text[name].contains(UInt8(ascii: "%"))
        let strength = SecretNames.strength(of: isPlain ? text[name] : Array(QueryText.decoded(text[name]).utf8)[...])
        if SecretValues.isSecret(value, strength) {
            mask(start..<end)
            return end
        }
        guard value.contains(UInt8(ascii: "%")), depth < 2 else { return start }
        var inner = Scan(text: Array(QueryText.decoded(value).utf8)[...], kinds: kinds, depth: depth + 1)
        guard inner.masked() != nil else { return start }
        mask(start..<end)
        return end
    }

    private static func isInRun(_ byte: UInt8) -> Bool {
        SecretNames.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "%")
    }

    private static let beginsParameter = Array("?&#".utf8)
    private static let endsName = Array("=&#; \"'<>".utf8)
    private static let endsQueryValue = Array("&# \"'<>".utf8)
    private static let endsValue = Array("?&#;, \"'<>)/".utf8)
    private static let endsAuthority = Array("/?#\\ \"'<>,;)".utf8)
}
