// Masks credentials in fields and targets before an inspector keeps them: `•••` replaces the values, names stay. A secret is
// recognised by its name (`SecretNames`) or by its form (`SecretValues`); this file knows which fields have rules of their own.
// Bodies are kept as they came, so that they can be sent again, and shown masked (`SecretBodies`); `inspector.maxBody` 0 keeps
// none.

import HTTPCodec

/// Masks credentials.
public enum Secrets {
    /// Which part of a field's value is secret.
    private enum Kind {
        /// Nothing, however random it looks.
        case nothing
        /// What has the form of a secret (`SecretValues`): most fields.
        case parts
        case everything
        /// All of it, unless it looks like a count.
        case opaque
        /// All but the scheme at its beginning: `Bearer •••`.
        case credentials
        case cookies
        case newCookie
        /// All but the names of well-known protocols: for WebSockets, browsers can put a token nowhere else.
        case protocols
    }

    private static let named: [(name: HTTPFieldName, kind: Kind)] =
        [
            (.authorization, .credentials), (.proxyAuthorization, .credentials), (.cookie, .cookies), (.setCookie, .newCookie),
            ("Sec-WebSocket-Protocol", .protocols), ("Authentication-Info", .parts), ("WWW-Authenticate", .parts),
        ] + plain.map { ($0, .nothing) }
    /// Fields whose names or values look like secrets and are none.
    private static let plain: [HTTPFieldName] = [
        "Access-Control-Allow-Credentials", "Signature-Input", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent",
        .contentType, "ETag", "If-None-Match", "If-Match", "Digest", "Content-Digest", "Repr-Digest", "Want-Digest",
        "Content-MD5",
        "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Traceparent", .xRequestID, "Content-Security-Policy",
        "Content-Security-Policy-Report-Only", "Date", "Last-Modified", .contentLength, .host,
    ]
    private static let namedHashes = named.map(\.name.caseInsensitiveHash)
    /// A bit for each of those hashes, which rules out most names at once.
    private static let namedFilter = namedHashes.reduce(UInt64(0)) { $0 | 1 << UInt64($1 & 63) }
    /// Names of subprotocols of WebSockets, which no token equals.
    private static let protocols: Set<[UInt8]> = Set(
        [
            "graphql-ws", "graphql-transport-ws", "mqtt", "mqttv3.1", "wamp", "wamp.2.json", "soap", "stomp", "v10.stomp",
            "v11.stomp",
            "v12.stomp", "ocpp1.6", "ocpp2.0.1", "chat", "binary", "base64", "tty", "sip", "xmpp", "jsonrpc", "jsonrpc-2.0",
            "json",
            "realtime", "vite-hmr", "vite-ping", "v1.kernel.websocket.jupyter.org", "actioncable-v1-json",
            "actioncable-unsupported",
            "v4.channel.k8s.io", "v5.channel.k8s.io", "base64.channel.k8s.io", "streamlit", "bokeh", "websocket",
            "access_token",
            "token", "bearer", "openai-beta.realtime-v1",
        ].map { Array($0.utf8) })

    // MARK: Fields

    /// The fields with their secrets masked, in the same order. Names never change.
    public static func masked(_ fields: HTTPFields) -> HTTPFields {
        let values = fields.indices.map { maskedValue(of: $0, in: fields) }
        guard values.contains(where: { $0 != nil }) else { return fields }
        var masked = HTTPFields()
        for (index, value) in zip(fields.indices, values) {
            // A legal value with some of it replaced by bytes above 0x80 is legal.
            try? masked.append(name: fields.name(at: index), value: value ?? fields.value(at: index))
        }
        return masked
    }

    private static func kind(of index: Int, in fields: HTTPFields) -> Kind {
        let hash = fields.nameHash(at: index)
        if namedFilter & 1 << UInt64(hash & 63) != 0 {
            for place in namedHashes.indices where namedHashes[place] == hash {
                if fields.name(at: index, is: named[place].name) { return named[place].kind }
            }
        }
        return switch SecretNames.strength(of: fields.name(at: index)) {
        case .none: .parts
        case .countable: .opaque
        case .weak, .strong: .everything
        }
    }

    /// The value with its secrets masked; nil: it holds none.
    private static func maskedValue(of index: Int, in fields: HTTPFields) -> ArraySlice<UInt8>? {
        let value = fields.value(at: index)
        return switch kind(of: index, in: fields) {
        case .nothing: nil
        case .parts: SecretValues.masked(value)?[...]
        case .everything: SecretMask.bytes[...]
        case .opaque: SecretValues.isOpaque(value) ? SecretMask.bytes[...] : nil
        case .credentials: maskedCredentials(value)[...]
        case .cookies: maskedCookies(value)[...]
        case .newCookie: maskedSetCookie(value)[...]
        case .protocols: maskedProtocols(value)[...]
        }
    }

    /// `Bearer abc` becomes `Bearer •••`; a value without a scheme is masked whole.
    private static func maskedCredentials(_ value: ArraySlice<UInt8>) -> [UInt8] {
        guard let space = value.firstIndex(of: UInt8(ascii: " ")) else { return SecretMask.bytes }
        return value[...space] + SecretMask.bytes
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
        if let equals = pair.firstIndex(of: UInt8(ascii: "=")) { return pair[...equals] + SecretMask.bytes }
        let blanks = pair.prefix { $0 == UInt8(ascii: " ") }
        return blanks.count == pair.count ? Array(pair) : blanks + SecretMask.bytes
    }

    /// `graphql-ws, abc` becomes `graphql-ws, •••`.
    private static func maskedProtocols(_ value: ArraySlice<UInt8>) -> [UInt8] {
        let names = value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        let masked = names.map { name in
            let bare = name.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
            let isKnown = bare.isEmpty || protocols.contains(bare.map { SecretNames.folded($0) })
            return isKnown ? Array(name) : name.prefix { $0 == UInt8(ascii: " ") } + SecretMask.bytes
        }
        return Array(masked.joined(separator: [UInt8(ascii: ",")]))
    }

    // MARK: Targets

    /// A path and query, or a whole address, with its secrets masked; a fragment counts as a query.
    public static func masked(target: [UInt8]) -> [UInt8] { SecretValues.masked(target[...]) ?? target }
}
