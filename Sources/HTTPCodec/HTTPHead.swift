// Start lines with their fields, and how they are written (RFC 9112 §3, §4).
//
//     request-line = method SP request-target SP HTTP-version
//     status-line  = HTTP-version SP status-code SP [ reason-phrase ]
//
// Writing refuses whatever would not be read back as the same head. It adds no field: framing fields are the caller's to set.

/// The head of a request.
public struct HTTPRequestHead: Sendable, Hashable {
    /// A token; case matters.
    public var method: String
    /// The request target as on the wire, neither decoded nor normalised; `HTTPTarget` takes it apart.
    public var target: ArraySlice<UInt8>
    /// 0 or 1: HTTP/1.0 or HTTP/1.1. A received 1.2 or later counts as 1.1 (RFC 9110 §2.5).
    public var minorVersion: Int
    /// The header fields.
    public var fields: HTTPFields

    /// A request with these parts; nothing is checked until it is encoded.
    public init(method: String, target: ArraySlice<UInt8>, minorVersion: Int = 1, fields: HTTPFields = HTTPFields()) {
        self.method = method
        self.target = target
        self.minorVersion = minorVersion
        self.fields = fields
    }

    /// A request with these parts; nothing is checked until it is encoded.
    public init(method: String, target: [UInt8], minorVersion: Int = 1, fields: HTTPFields = HTTPFields()) {
        self.init(method: method, target: target[...], minorVersion: minorVersion, fields: fields)
    }

    /// A request with these parts; nothing is checked until it is encoded.
    public init(method: String, target: String, minorVersion: Int = 1, fields: HTTPFields = HTTPFields()) {
        self.init(method: method, target: Array(target.utf8)[...], minorVersion: minorVersion, fields: fields)
    }

    /// Appends the request line, the fields and the empty line. Throws `.method` or `.target`, and then appends nothing.
    public func encode(into bytes: inout [UInt8]) throws(HTTPFieldError) {
        guard !target.isEmpty, Scan.isTarget(target) else { throw HTTPFieldError(.target) }
        if bytes.isEmpty { bytes.reserveCapacity(target.count + fields.storedByteCount + 64) }
        guard HTTPHeadWriter.append(method, to: &bytes) else { throw HTTPFieldError(.method) }
        bytes.append(Octet.space)
        bytes.append(contentsOf: target)
        bytes.append(literal: minorVersion == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        fields.encode(into: &bytes)
        bytes.append(literal: "\r\n")
    }

    /// Whether the client lets the connection persist (RFC 9112 §9.3).
    public var keepsAlive: Bool { fields.keepsAlive(minorVersion: minorVersion) }

    /// Whether the client waits for `100 Continue` before it sends its body (RFC 9110 §10.1.1; never in HTTP/1.0).
    public var expectsContinue: Bool { minorVersion >= 1 && fields.containsToken("100-continue", in: .expect) }

    /// Whether the client asks for another protocol (RFC 9110 §7.8: `Upgrade`, named by `Connection`, not in HTTP/1.0).
    public var asksForUpgrade: Bool {
        minorVersion >= 1 && fields.contains(.upgrade) && fields.containsToken("upgrade", in: .connection)
    }
}

/// The head of a response.
public struct HTTPResponseHead: Sendable, Hashable {
    /// Three digits, 100...999 (those above 599 are for the client to treat as 500, RFC 9110 §15).
    public var status: Int
    /// Written as it is, also when empty; `HTTPStatus.reason(for:)` has the usual phrases. Text in ISO 8859-1.
    public var reason: String
    /// 0 or 1: HTTP/1.0 or HTTP/1.1.
    public var minorVersion: Int
    /// The header fields.
    public var fields: HTTPFields

    /// A response with these parts, the reason nil meaning the usual phrase; nothing is checked until it is encoded.
    public init(status: Int, reason: String? = nil, minorVersion: Int = 1, fields: HTTPFields = HTTPFields()) {
        self.status = status
        self.reason = reason ?? HTTPStatus.reason(for: status)
        self.minorVersion = minorVersion
        self.fields = fields
    }

    /// Appends the status line, the fields, those of `more`, and the empty line. Throws `.status` or `.reason`, and then
    /// appends nothing.
    public func encode(into bytes: inout [UInt8], adding more: HTTPFields = HTTPFields()) throws(HTTPFieldError) {
        guard (100...999).contains(status) else { throw HTTPFieldError(.status) }
        if bytes.isEmpty { bytes.reserveCapacity(fields.storedByteCount + more.storedByteCount + 64) }
        let start = bytes.count
        bytes.append(literal: minorVersion == 0 ? "HTTP/1.0 " : "HTTP/1.1 ")
        bytes.append(Octet.zero + UInt8(status / 100))
        bytes.append(Octet.zero + UInt8(status / 10 % 10))
        bytes.append(Octet.zero + UInt8(status % 10))
        bytes.append(Octet.space)
        let reasonStart = bytes.count
        guard Latin1.append(reason, to: &bytes), bytes[reasonStart...].allSatisfy(Octet.isValueCharacter) else {
            bytes.removeSubrange(start...)
            throw HTTPFieldError(.reason)
        }
        bytes.append(literal: "\r\n")
        fields.encode(into: &bytes)
        more.encode(into: &bytes)
        bytes.append(literal: "\r\n")
    }

    /// Whether the server lets the connection persist, as far as the head says (RFC 9112 §9.3); a body that ends with the
    /// connection (`HTTPBodyFraming.untilClose`) leaves no connection to persist.
    public var keepsAlive: Bool { fields.keepsAlive(minorVersion: minorVersion) }

    /// 1xx: another head of the same response follows (101 is one too, but nothing of HTTP follows it).
    public var isInformational: Bool { (100...199).contains(status) }
}

extension HTTPFields {
    /// RFC 9112 §9.3: `close` ends the connection; without it HTTP/1.1 persists, and HTTP/1.0 if `keep-alive` is given.
    func keepsAlive(minorVersion: Int) -> Bool {
        guard contains(.connection) else { return minorVersion >= 1 }
        if containsToken("close", in: .connection) { return false }
        return minorVersion >= 1 || containsToken("keep-alive", in: .connection)
    }
}
