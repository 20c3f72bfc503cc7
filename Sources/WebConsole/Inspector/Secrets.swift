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

    /// Fields whose value begins with the name of a scheme, which stays: `Bearer •••`.
    private static let schemed: [HTTPFieldName] = [.authorization, .proxyAuthorization]
    /// Fields that carry an address whose query may hold secrets.
    private static let addresses: [HTTPFieldName] = [
        .location, .referer, .contentLocation, "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL",
    ]
    /// A field is secret whose name, in small letters, holds one of these: `X-Api-Key`, `X-Auth-Token`, `X-CSRF-Token`,
    /// `X-Amz-Security-Token`, `X-Hub-Signature-256`, `Stripe-Signature`, `X-Client-Secret` and their like.
    private static let fieldParts = [
        "api-key", "apikey", "api_key", "token", "secret", "password", "passwd", "signature", "authorization", "credential",
        "session-id", "private-key", "access-key",
    ]
    /// Fields with such a word that hold no secret.
    private static let harmlessFields: Set = ["signature-input", "access-control-allow-credentials"]
    /// A query parameter is secret if this is its name, in small letters and with `_` for `-`.
    private static let parameters: Set = [
        "token", "key", "code", "sig", "signature", "secret", "password", "passwd", "pwd", "pass", "auth", "authorization",
        "jwt", "assertion", "session", "sessionid", "session_id", "sid", "credential", "x_amz_signature", "x_amz_credential",
        "x_goog_signature", "x_goog_credential", "apikey", "otp", "samlresponse",
    ]
    /// Or if its name ends with one of these: `access_token`, `client_secret`, `x_amz_security_token`.
    private static let parameterEnds = [
        "_token", "_secret", "_password", "_signature", "api_key", "access_key", "private_key", "accesstoken",
    ]

    // MARK: Fields

    /// The fields with their secrets masked, in the same order. Names never change.
    public static func masked(_ fields: HTTPFields) -> HTTPFields {
        var masked = HTTPFields()
        for field in fields {
            let value = maskedValue(of: field)
            // A legal value with some of it replaced by bytes above 0x80 is legal.
            try? masked.append(name: field.name, value: value[...])
        }
        return masked
    }

    private static func maskedValue(of field: HTTPFields.Field) -> [UInt8] {
        let name = HTTPFieldName(field.nameString)
        if schemed.contains(name) { return maskedCredentials(field.value) }
        if name == .cookie { return maskedCookies(field.value) }
        if name == .setCookie { return maskedSetCookie(field.value) }
        if addresses.contains(name) { return masked(target: Array(field.value)) }
        return isSecret(field: name.string.lowercased()) ? maskBytes : Array(field.value)
    }

    private static func isSecret(field name: String) -> Bool {
        !harmlessFields.contains(name) && fieldParts.contains { name.contains($0) }
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
        let name = String(QueryText.decoded(name).lowercased().map { $0 == "-" ? "_" : $0 })
        return parameters.contains(name) || parameterEnds.contains { name.hasSuffix($0) }
    }

    /// Whether these bytes hold a mask, as written or percent-encoded.
    static func isMasked(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        return String(decoding: bytes, as: UTF8.self).contains(mask) || QueryText.decoded(bytes[...]).contains(mask)
    }
}
