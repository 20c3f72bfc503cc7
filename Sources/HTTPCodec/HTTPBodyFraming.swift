// How long a message body is: RFC 9112 §6.3, step by step.
//
// In requests every case is refused in which two recipients could disagree, more strictly than the RFC asks: Transfer-Encoding
// with Content-Length is an error, not repaired; a Content-Length occurs once and is no list, even of equal numbers.
//
// Of responses those are taken that browsers take, read as the RFC has it: Transfer-Encoding overrides Content-Length, equal
// lengths are one, and 204 has no body whatever it declares. The head is repaired, so that no recipient behind us reads it in
// another way (`isRepaired`), and the connection is not used again. Unequal lengths, other codings than `chunked`, a coding in
// HTTP/1.0 and a body in 1xx stay errors.

/// How a recipient knows where a body ends.
public enum HTTPBodyFraming: Sendable, Hashable {
    /// There is no body, whatever the fields say.
    case none
    /// This many bytes, at most 2^63-1.
    case length(UInt64)
    /// The chunked coding (RFC 9112 §7.1).
    case chunked
    /// Responses only: all that comes until the connection ends.
    case untilClose

    /// The framing of a request's body.
    static func ofRequest(_ fields: HTTPFields, minorVersion: Int) throws(HTTPDecodeError) -> HTTPBodyFraming {
        // Steps 1 and 2 are about responses. Steps 3 to 6: what the fields declare. Step 7: otherwise there is no body.
        try declared(fields, minorVersion: minorVersion) ?? .none
    }

    /// Takes out of a response's fields what RFC 9112 §6.3 has a client ignore; true if there was something.
    static func repairResponse(_ fields: inout HTTPFields, status: Int) -> Bool {
        guard let length = fields.index(of: .contentLength, from: 0) else {
            guard status == 204, fields.contains(.transferEncoding) else { return false }
            fields.removeAll(.transferEncoding)
            return true
        }
        let isPlain = fields.value(at: length).allSatisfy(Octet.isDigit) && fields.nextIndex(after: length) == nil
        if isPlain, !fields.contains(.transferEncoding), status != 204 { return false }
        if status == 204 {
            if isPlain, fields.value(at: length).elementsEqual([Octet.zero]), !fields.contains(.transferEncoding) {
                return false
            }
            fields.removeAll(.transferEncoding)
            fields.removeAll(.contentLength)
            return true
        }
        // Step 3: the length counts for nothing.
        if fields.contains(.transferEncoding) {
            fields.removeAll(.contentLength)
            return true
        }
        // Step 5: a list of equal numbers is that number.
        let members = fields.tokens(.contentLength)
        guard let first = members.first, members.allSatisfy({ $0 == first }) else { return false }
        return (try? fields.set(.contentLength, first)) != nil
    }

    /// The framing of a response's body. The second outcome: is what follows no longer HTTP?
    static func ofResponse(
        _ fields: HTTPFields, minorVersion: Int, status: Int, to method: String
    ) throws(HTTPDecodeError) -> (framing: HTTPBodyFraming, isTunnel: Bool) {
        // Step 2: any 2xx to CONNECT makes a tunnel, and Content-Length and Transfer-Encoding are ignored.
        if method == "CONNECT", (200...299).contains(status) { return (.none, true) }
        let declared = try declared(fields, minorVersion: minorVersion)
        // Step 1: HEAD, 1xx, 204 and 304 have no body, whatever the fields declare.
        if (100...199).contains(status) || status == 204 {
            // RFC 9110 §8.6, RFC 9112 §6.1: neither field may be there. `Content-Length: 0` is common and harmless.
            guard declared == nil || declared == .length(0) else { throw .badFraming("a body in a 1xx or 204 response") }
            return (.none, status == 101)
        }
        if method == "HEAD" || status == 304 { return (.none, false) }
        // Steps 3 to 6: what the fields declare. Step 8: otherwise the body ends with the connection.
        return (declared ?? .untilClose, false)
    }

    /// Steps 3 to 6: what Transfer-Encoding and Content-Length say, nil if neither is there.
    private static func declared(_ fields: HTTPFields, minorVersion: Int) throws(HTTPDecodeError) -> HTTPBodyFraming? {
        let coding = fields.index(of: .transferEncoding, from: 0)
        let length = fields.index(of: .contentLength, from: 0)
        if let coding {
            // Step 3, refused rather than repaired.
            guard length == nil else { throw .badFraming("both Transfer-Encoding and Content-Length") }
            // Step 4: `chunked` as the final and, here, only coding.
            guard minorVersion >= 1 else { throw .badFraming("Transfer-Encoding in an HTTP/1.0 message") }
            guard fields.index(of: .transferEncoding, from: coding + 1) == nil else {
                throw .badFraming("more than one Transfer-Encoding")
            }
            guard isChunked(fields.value(at: coding)) else { throw .unsupportedTransferCoding }
            return .chunked
        }
        guard let length else { return nil }
        // Steps 5 and 6.
        guard fields.index(of: .contentLength, from: length + 1) == nil else {
            throw .badFraming("more than one Content-Length")
        }
        return .length(try contentLength(fields.value(at: length)))
    }

    /// `Content-Length = 1*DIGIT`, at most 2^63-1.
    private static func contentLength(_ value: ArraySlice<UInt8>) throws(HTTPDecodeError) -> UInt64 {
        guard let length = decimal(value) else { throw .badFraming("Content-Length is not 1 to 19 digits") }
        guard length <= UInt64(Int64.max) else { throw .badFraming("Content-Length above 2^63-1") }
        return length
    }

    /// `1*DIGIT`, at most nineteen of them, which cannot overflow 64 bits; nil for anything else.
    public static func decimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        guard digits.count >= 1, digits.count <= 19 else { return nil }
        return digits.withUnsafeBufferPointer { digits -> UInt64? in
            var value: UInt64 = 0
            for digit in digits {
                guard Octet.isDigit(digit) else { return nil }
                value = value &* 10 &+ UInt64(digit &- Octet.zero)
            }
            return value
        }
    }

    private static func isChunked(_ value: ArraySlice<UInt8>) -> Bool {
        value.elementsEqual("chunked".utf8) { Octet.lowercased($0) == $1 }
    }
}

extension HTTPFieldSet {
    /// Fields that decide about framing, routing or the connection before a body is read; in a trailer section they come too
    /// late to be obeyed and are a danger to whoever merges trailers into the head (RFC 9110 §6.5.1). Both ends refuse them
    /// there.
    static let forbiddenInTrailers: HTTPFieldSet = [
        .transferEncoding, .contentLength, .host, .connection, .keepAlive, .proxyConnection, .te, .trailer, .upgrade, .expect,
        .authorization, .proxyAuthorization, .contentType, .contentEncoding, .contentRange,
    ]
}
