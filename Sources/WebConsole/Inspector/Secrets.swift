// What the inspector must not remember: credentials in fields and in queries become `•••` before anything is kept. Names stay, so
// that a person sees that there was one. Bodies are kept as they came; who does not want that sets `inspector.maxBody` to 0.
//
// This file is the only list of what counts as a secret.

import HTTPCodec

/// Masks credentials.
public enum Secrets {
    /// What stands in the place of a secret.
    public static let mask = "•••"
    static let maskBytes = Array(mask.utf8)

    /// What of a field's value is secret.
    private enum Kind {
        case nothing
        case everything
        /// All but the name of the scheme, which it begins with: `Bearer •••`.
        case credentials
        case cookies
        case newCookie
        /// Parameters of the address that it is.
        case address
    }

    private static let named: [(name: HTTPFieldName, kind: Kind)] = [
        (.authorization, .credentials), (.proxyAuthorization, .credentials), (.cookie, .cookies), (.setCookie, .newCookie),
        (.location, .address), (.referer, .address), (.contentLocation, .address), ("X-Forwarded-Uri", .address),
        ("X-Original-URL", .address), ("X-Rewrite-URL", .address), ("Signature-Input", .nothing),
        ("Access-Control-Allow-Credentials", .nothing),
    ]
    private static let namedHashes = named.map(\.name.caseInsensitiveHash)
    /// Any other field is secret whose name, in small letters, holds one of these: `X-Api-Key`, `X-Auth-Token`, `X-CSRF-Token`,
    /// `X-Amz-Security-Token`, `X-Hub-Signature-256`, `Stripe-Signature`, `X-Client-Secret` and their like.
    private static let fieldParts: [[UInt8]] = [
        "api-key", "apikey", "api_key", "token", "secret", "password", "passwd", "signature", "authorization", "credential",
        "session-id", "private-key", "access-key",
    ].map { Array($0.utf8) }
    /// A query parameter is secret if this is its name, in small letters and with `_` for `-`.
    private static let parameters: [[UInt8]] = [
        "token", "key", "code", "sig", "signature", "secret", "password", "passwd", "pwd", "pass", "auth", "authorization",
        "jwt", "assertion", "session", "sessionid", "session_id", "sid", "credential", "x_amz_signature", "x_amz_credential",
        "x_goog_signature", "x_goog_credential", "apikey", "otp", "samlresponse",
    ].map { Array($0.utf8) }
    /// Or if its name ends with one of these: `access_token`, `client_secret`, `x_amz_security_token`.
    private static let parameterEnds: [[UInt8]] = [
        "_token", "_secret", "_password", "_signature", "api_key", "access_key", "private_key", "accesstoken",
    ].map { Array($0.utf8) }

    // MARK: Fields

    /// The fields with their secrets masked, in the same order. Names never change.
    public static func masked(_ fields: HTTPFields) -> HTTPFields {
        guard fields.indices.contains(where: { kind(of: $0, in: fields) != .nothing }) else { return fields }
        var masked = HTTPFields()
        for index in fields.indices {
            let value = maskedValue(of: index, in: fields)
            // A legal value with some of it replaced by bytes above 0x80 is legal.
            try? masked.append(name: fields.name(at: index), value: value)
        }
        return masked
    }

    private static func kind(of index: Int, in fields: HTTPFields) -> Kind {
        let hash = fields.nameHash(at: index)
        for place in namedHashes.indices where namedHashes[place] == hash {
            if fields.name(at: index, is: named[place].name) { return named[place].kind }
        }
        return isSecret(field: fields.name(at: index)) ? .everything : .nothing
    }

    private static func maskedValue(of index: Int, in fields: HTTPFields) -> ArraySlice<UInt8> {
        let value = fields.value(at: index)
        return switch kind(of: index, in: fields) {
        case .nothing: value
        case .everything: maskBytes[...]
        case .credentials: maskedCredentials(value)[...]
        case .cookies: maskedCookies(value)[...]
        case .newCookie: maskedSetCookie(value)[...]
        case .address: masked(target: Array(value))[...]
        }
    }

    /// Few letters begin one of the words, so most of a name is passed over at once.
    private static func isSecret(field name: ArraySlice<UInt8>) -> Bool {
        name.withUnsafeBufferPointer { name in
            var start = 0
            while start < name.count {
                let parts = partsByLetter[Int(folded(name[start]) & 31)]
                if !parts.isEmpty, parts.contains(where: { isAt(start, $0, of: name) }) { return true }
                start &+= 1
            }
            return false
        }
    }

    private static func isAt(_ start: Int, _ part: [UInt8], of name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard part.count <= name.count &- start else { return false }
        var index = 0
        while index < part.count, folded(name[start &+ index]) == part[index] { index &+= 1 }
        return index == part.count
    }

    private static let partsByLetter: [[[UInt8]]] = (0..<32).map { letter in fieldParts.filter { Int($0[0] & 31) == letter } }

    /// In small letters.
    @inline(__always)
    private static func folded(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    /// `Bearer abc` becomes `Bearer •••`; what has no scheme is masked whole.
    private static func maskedCredentials(_ value: ArraySlice<UInt8>) -> [UInt8] {
        guard let space = value.firstIndex(of: UInt8(ascii: " ")) else { return maskBytes }
        return value[...space] + maskBytes
    }

    /// `a=1; b=2` becomes `a=•••; b=•••`.
    private static func maskedCookies(_ value: ArraySlice<UInt8>) -> [UInt8] {
        let pairs = value.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        return Array(pairs.map { maskedPair($0) }.joined(separator: [UInt8(ascii: ";")]))
    }

    /// `a=1; Path=/` becomes `a=•••; Path=/`.
    private static func maskedSetCookie(_ value: ArraySlice<UInt8>) -> [UInt8] {
        let end = value.firstIndex(of: UInt8(ascii: ";")) ?? value.endIndex
        return maskedPair(value[..<end]) + value[end...]
    }

    /// A cookie without a name is all value (RFC 6265bis §5.6).
    private static func maskedPair(_ pair: ArraySlice<UInt8>) -> [UInt8] {
        if let equals = pair.firstIndex(of: UInt8(ascii: "=")) { return pair[...equals] + maskBytes }
        return pair.allSatisfy { $0 == UInt8(ascii: " ") } ? Array(pair) : pair.prefix { $0 == UInt8(ascii: " ") } + maskBytes
    }

    // MARK: Targets

    /// A path and query, or a whole address, with the values of secret query parameters masked; a fragment counts as a query.
    public static func masked(target: [UInt8]) -> [UInt8] {
        guard let mark = target.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else { return target }
        var result = Array(target[...mark])
        var isFirst = true
        for parameter in QueryText.parameters(target[(mark + 1)...]) {
            if !isFirst { result.append(UInt8(ascii: "&")) }
            isFirst = false
            result.append(contentsOf: parameter.name)
            guard let value = parameter.value else { continue }
            result.append(UInt8(ascii: "="))
            result.append(contentsOf: isSecret(parameter: parameter.name) && !value.isEmpty ? maskBytes[...] : value)
        }
        return result
    }

    private static func isSecret(parameter name: ArraySlice<UInt8>) -> Bool {
        let isPlain = !name.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
        let name = isPlain ? name : Array(QueryText.decoded(name).utf8)[...]
        return parameters.contains { $0.count == name.count && isEnd($0, of: name) }
            || parameterEnds.contains { $0.count <= name.count && isEnd($0, of: name) }
    }

    private static func isEnd(_ end: [UInt8], of name: ArraySlice<UInt8>) -> Bool {
        zip(end, name.suffix(end.count)).allSatisfy { $0 == ($1 == UInt8(ascii: "-") ? UInt8(ascii: "_") : folded($1)) }
    }

    /// Whether these bytes hold a mask, as written or percent-encoded.
    static func isMasked(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        return String(decoding: bytes, as: UTF8.self).contains(mask) || QueryText.decoded(bytes[...]).contains(mask)
    }
}
