// Which names say that their value is a secret: those of fields, query parameters, form fields and JSON members alike. What
// counts are the parts of a name, however they are joined: `X-Api-Key`, `api_key`, `apiKey`, `apikey`.
//
// No list of whole names would be complete. So parts decide, and too much is masked rather than too little; names that are
// known to be harmless (`max_tokens`, `token_type`, `Idempotency-Key`, `status_code`) are exempt. These tables are the only
// lists of names.

/// Tells secret names from others.
enum SecretNames {
    /// How likely a name makes it that its value is a secret.
    enum Strength {
        case none
        /// The value may be a count: `max_tokens`.
        case countable
        /// The part has other meanings too: `code`, `key`, `session`.
        case weak
        case strong
    }

    /// Part of a name, in small letters.
    private struct Part {
        let text: [UInt8]
        let startsWord: Bool
        let endsWord: Bool
        let strength: Strength
        /// Parts that make it harmless if they are before it.
        let harmlessAfter: [[UInt8]]

        init(_ text: String, word: Bool = false, end: Bool = false, _ strength: Strength = .strong, after: [String] = []) {
            self.text = Array(text.utf8)
            (startsWord, endsWord) = (word, word || end)
            self.strength = strength
            harmlessAfter = after.map { Array($0.utf8) }
        }
    }

    private static let parts: [Part] =
        [
            "secret", "passw", "passphrase", "passcode", "signature", "credential", "sessionid", "session-id", "session_id",
            "sessid",
            "jwt", "assertion", "apikey", "api-key", "api_key", "accesskey", "access-key", "access_key", "privatekey",
            "private-key",
            "private_key", "authoriz", "authentication", "authkey", "authcode", "bearer", "csrf", "xsrf", "hmac", "saml",
            "verifier",
        ].map { Part($0) } + [
            Part("tokens", end: true, .countable), Part("token"), Part("pass", word: true), Part("pwd", end: true),
            Part("otp", end: true), Part("cookie"), Part("cvv", word: true), Part("cvc", word: true),
            Part("session", .weak), Part("sid", word: true, .weak), Part("sig", word: true, .weak),
            Part("pin", word: true, .weak),
            Part("auth", word: true, .weak), Part("oauth", word: true, .weak),
            Part("key", end: true, .weak, after: harmlessKeys), Part("code", word: true, .weak, after: harmlessCodes),
        ]

    private static let harmlessKeys = [
        "websocket", "public", "primary", "sort", "cache", "partition", "surrogate", "idempotency", "foreign", "group", "row",
        "shard",
        "routing", "i18n", "translation", "mon", "tur", "don", "hoc", "whis", "joc", "hot",
    ]
    private static let harmlessCodes = [
        "status", "error", "err", "country", "lang", "language", "zip", "postal", "currency", "area", "color", "exit", "return",
        "response", "http", "reason", "result", "source", "qr", "bar", "char", "key",
    ]
    /// A name that ends with one of these describes a secret and holds none.
    private static let harmlessEnds: Set<[UInt8]> = Set(
        [
            "type", "endpoint", "uri", "url", "count", "limit", "expiry", "expires", "expiration", "expire", "at", "in", "ttl",
            "length", "algorithm", "alg", "method", "methods", "status", "usage", "version", "label", "description", "input",
            "policy",
            "strength", "duration", "timeout", "age", "name", "names", "required", "enabled", "supported", "format", "mode",
            "provider",
            "scheme", "remaining", "reset", "budget", "timestamp", "tokenizer", "tokenize", "tokenized",
        ].map { Array($0.utf8) })

    /// The parts by their first letter; few letters begin one, so most of a name is skipped at once.
    private static let partsByLetter: [[Part]] = (0..<32).map { letter in parts.filter { Int($0.text[0] & 31) == letter } }

    /// How likely `name` makes it that its value is a secret.
    static func strength(of name: ArraySlice<UInt8>) -> Strength {
        let name = name.span
        var found = Strength.none
        var start = 0
        while start < name.count {
            for part in partsByLetter[Int(name[start] & 31)] where isAt(start, part, of: name) {
                if part.strength == .strong || found == .none { found = part.strength }
                if part.strength == .countable { return isHarmlessEnd(name) ? .none : .countable }
            }
            if found == .strong { break }
            start &+= 1
        }
        return found == .none || isHarmlessEnd(name) ? .none : found
    }

    private static func isAt(_ start: Int, _ part: Part, of name: Span<UInt8>) -> Bool {
        let end = start &+ part.text.count
        guard end <= name.count else { return false }
        var index = 0
        while index < part.text.count, folded(name[start &+ index]) == part.text[index] { index &+= 1 }
        guard index == part.text.count else { return false }
        if part.startsWord, !isWordStart(start, name) { return false }
        if part.endsWord, !isWordEnd(end, name) { return false }
        for text in part.harmlessAfter where isBefore(start, text, of: name) { return false }
        return true
    }

    /// Whether `text` ends at `start`, or at a separator before it.
    private static func isBefore(_ start: Int, _ text: [UInt8], of name: Span<UInt8>) -> Bool {
        var end = start
        if end > 0, !isAlphanumeric(name[end - 1]) { end -= 1 }
        guard text.count <= end else { return false }
        for index in text.indices where folded(name[end - text.count + index]) != text[index] { return false }
        return true
    }

    private static func isHarmlessEnd(_ name: Span<UInt8>) -> Bool {
        guard !name.isEmpty else { return false }
        var start = name.count - 1
        while start > 0, !isWordStart(start, name) { start -= 1 }
        var end: [UInt8] = []
        for index in start..<name.count { end.append(folded(name[index])) }
        return harmlessEnds.contains(end)
    }

    private static func isWordStart(_ index: Int, _ name: Span<UInt8>) -> Bool {
        guard index > 0 else { return true }
        let (before, byte) = (name[index - 1], name[index])
        if !isAlphanumeric(before) || isDigit(before) != isDigit(byte) { return true }
        guard isCapital(byte) else { return false }
        return !isCapital(before) || index + 1 < name.count && isAlphanumeric(name[index + 1]) && !isCapital(name[index + 1])
    }

    private static func isWordEnd(_ end: Int, _ name: Span<UInt8>) -> Bool {
        end == name.count || !isAlphanumeric(name[end]) || isWordStart(end, name)
    }

    // MARK: Letters

    /// An ASCII capital as a small letter; other bytes unchanged.
    @inline(__always)
    static func folded(_ byte: UInt8) -> UInt8 { isCapital(byte) ? byte | 0x20 : byte }

    static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

    static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
