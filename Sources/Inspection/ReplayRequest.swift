// The order to send a recorded request again, as it was or edited, and the request that results.
//
//     {"number": n}  or  {"number": n, "method", "target", "fields": [[name, value], …], "body": {"text" | "base64"}}
//
// Refuses other shapes, unknown members, more than the limits below, a method that is no token, a target that is no path, and
// exchanges of which not everything was kept. Fields of the connection and of framing cannot be set: they are dropped and made
// anew. Fields in which proxies describe a visitor cannot be set either: they stay as they were. Masked values are left out,
// since the secrets are gone.

import HTTPCodec
import RPCCore

/// Why a request cannot be sent again.
public struct ReplayProblem: Error, Sendable, Hashable {
    /// Why, as a sentence without a full stop.
    public var reason: String

    /// A problem with this reason.
    public init(_ reason: String) { self.reason = reason }
}

/// A request to send to the service.
public struct ReplayedRequest: Sendable, Hashable {
    /// The method.
    public var method: String
    /// Path and query; begins with `/`.
    public var target: [UInt8]
    /// Its fields, `Host` as it was; without those of framing and of a connection.
    public var fields: HTTPFields
    /// The whole body.
    public var body: [UInt8]

    /// The target up to the first `?`.
    public var path: [UInt8] { Array(target.prefix { $0 != UInt8(ascii: "?") }) }
    /// The target behind the first `?`; nil without one.
    public var query: [UInt8]? { target.firstIndex(of: UInt8(ascii: "?")).map { Array(target[($0 + 1)...]) } }
}

/// The order to send an exchange's request again.
public struct ReplayRequest: Sendable, Hashable {
    /// The longest JSON text that is read, in bytes: enough for a body of 1 MiB in base64 or with escapes, and a head.
    public static let maximumJSONBytes = 2 * 1024 * 1024
    /// The longest body that is sent, in bytes.
    public static let maximumBodyBytes = 1024 * 1024
    /// How many fields a request may have.
    public static let maximumFields = 128
    /// How long method, target and fields may be together, in bytes.
    public static let maximumHeadBytes = 32 * 1024
    /// How long an exchange that repeats another may take.
    public static let maximumTime = Duration.seconds(30)
    /// How much of its response is taken, in bytes.
    public static let maximumResponseBytes = 1024 * 1024
    /// How many such exchanges run at once.
    public static let maximumAtOnce = 16

    /// Whether `contentType` is JSON, which no form of another site can send (Fetch, CORS-safelisted request-header).
    public static func accepts(contentType: String?) -> Bool {
        contentType?.lowercased().prefix { $0 != ";" && $0 != " " } == "application/json"
    }

    /// The number of the exchange to repeat.
    public var number: UInt64
    /// The method; nil: as it was.
    public var method: String?
    /// Path and query; nil: as they were.
    public var target: [UInt8]?
    /// All fields; nil: as they were.
    public var fields: HTTPFields?
    /// The body; nil: as it was.
    public var body: [UInt8]?

    /// A request to repeat this exchange as it was.
    public init(number: UInt64) { self.number = number }

    /// Reads the JSON text. Throws what is wrong with it.
    public init(json: [UInt8]) throws(ReplayProblem) {
        let limits = JSONLimits(maximumBytes: Self.maximumJSONBytes, maximumDepth: 4)
        let document: JSONDocument
        do { document = try JSONDocument(json[...], limits: limits) } catch {
            throw ReplayProblem("the request is not JSON: \(error)")
        }
        let root = document.root
        guard root.kind == .object else { throw ReplayProblem("the request must be a JSON object") }
        let known: Set = ["number", "method", "target", "fields", "body"]
        for member in root.members where !known.contains(member.name.string ?? "") {
            throw ReplayProblem("\"\(member.name.string ?? "")\" is not a member of a replay request")
        }
        guard let number = root["number"]?.int64, number > 0 else {
            throw ReplayProblem("\"number\" must be the number of an exchange")
        }
        self.number = UInt64(number)
        if let node = root["method"] { method = try Self.method(node) }
        if let node = root["target"] { target = try Self.target(node) }
        if let node = root["fields"] { fields = try Self.fields(node) }
        if let node = root["body"] { body = try Self.body(node) }
    }

    // MARK: Reading

    private static func method(_ node: JSONNode) throws(ReplayProblem) -> String {
        guard let method = node.string, isToken(method) else {
            throw ReplayProblem("\"method\" must be a token, such as GET")
        }
        return method
    }

    private static func target(_ node: JSONNode) throws(ReplayProblem) -> [UInt8] {
        guard let text = node.string else { throw ReplayProblem("\"target\" must be a path, such as /a?b=c") }
        let target = Array(text.utf8)
        guard target.count <= maximumHeadBytes else { throw ReplayProblem("\"target\" is too long") }
        guard case .origin? = HTTPTarget.parse(target[...], method: "GET") else {
            throw ReplayProblem("\"target\" must begin with / and hold no spaces, control characters or #")
        }
        return target
    }

    private static func fields(_ node: JSONNode) throws(ReplayProblem) -> HTTPFields {
        guard node.kind == .array else { throw ReplayProblem("\"fields\" must be an array of [name, value]") }
        guard node.count <= maximumFields else { throw ReplayProblem("more than \(maximumFields) fields") }
        var fields = HTTPFields()
        for element in node.elements {
            let pair = Array(element.elements)
            guard pair.count == 2, let name = pair[0].string, let value = pair[1].string else {
                throw ReplayProblem("\"fields\" must be an array of [name, value]")
            }
            do { try fields.append(name: Array(name.utf8)[...], value: Array(value.utf8)[...]) } catch {
                throw ReplayProblem("the field \"\(name.prefix(64))\" has an illegal \(error.part == .name ? "name" : "value")")
            }
        }
        return fields
    }

    private static func body(_ node: JSONNode) throws(ReplayProblem) -> [UInt8] {
        var body: [UInt8] = []
        let isRead: Bool
        if let text = node["text"], node.count == 1 {
            isRead = text.appendUTF8(to: &body)
        } else if let text = node["base64"], node.count == 1 {
            do { try text.appendBase64Decoded(to: &body) } catch { throw ReplayProblem("\"body\" holds \(error)") }
            isRead = true
        } else {
            isRead = false
        }
        guard isRead else { throw ReplayProblem("\"body\" must be {\"text\": …} or {\"base64\": …}") }
        guard body.count <= maximumBodyBytes else { throw ReplayProblem("the body is longer than \(maximumBodyBytes) bytes") }
        return body
    }

    private static func isToken(_ text: String) -> Bool {
        var fields = HTTPFields()
        return text.utf8.count <= 32 && (try? fields.append(name: Array(text.utf8)[...], value: [])) != nil
    }

    // MARK: Applying

    /// The request to send for `original`. Throws why it cannot be sent again.
    public func applied(to original: CapturedExchange) throws(ReplayProblem) -> ReplayedRequest {
        guard original.status != 101, !original.requestFields.contains(.secWebSocketKey) else {
            throw ReplayProblem("a connection that was upgraded cannot be replayed")
        }
        let method = method ?? original.method
        guard method != "CONNECT" else { throw ReplayProblem("CONNECT cannot be replayed") }
        let wanted = target ?? original.target
        guard !SecretMask.isIn(encoded: wanted.prefix { $0 != UInt8(ascii: "?") }) else {
            throw ReplayProblem(
                "the path holds a secret that was not kept: edit the request and put it where \(SecretMask.text) stands")
        }
        guard let target = Self.unmasked(target: wanted) else { throw ReplayProblem("the target is no path") }
        guard body != nil || original.requestBody.isWhole else {
            throw ReplayProblem("only the beginning of the request's body was kept: edit the request and give it a body")
        }
        let body = try Self.body(self.body, of: original)
        var fields = Self.unmasked(fields ?? original.requestFields)
        fields.removeHopByHop(andRemoving: Self.notSettable)
        fields.removeAll { Self.isSetByProxies($0.name) }
        var result = HTTPFields()
        if let host = original.requestFields.first(.host) { try? result.append(.host, bytes: host) }
        for field in fields { try? result.append(field) }
        for field in Self.unmasked(original.requestFields) where Self.isSetByProxies(field.name) { try? result.append(field) }
        let count = result.reduce(method.utf8.count + target.count) { $0 + $1.name.count + $1.value.count + 4 }
        guard result.count <= Self.maximumFields, count <= Self.maximumHeadBytes else {
            throw ReplayProblem("the head is larger than \(Self.maximumFields) fields or \(Self.maximumHeadBytes) bytes")
        }
        return ReplayedRequest(method: method, target: target, fields: result, body: body)
    }

    /// The body to send. Bodies are kept as they came and shown masked: a body that is given as it was shown stands for the
    /// kept one.
    private static func body(_ given: [UInt8]?, of original: CapturedExchange) throws(ReplayProblem) -> [UInt8] {
        guard let given else { return original.requestBody.prefix }
        guard SecretMask.isIn(given) else { return given }
        let kept = original.requestBody
        if kept.isWhole, given == kept.prefix || given == SecretBodies.masked(kept.prefix, original.requestFields) {
            return kept.prefix
        }
        throw ReplayProblem(
            "the edited body holds \(SecretMask.text) where a secret was: fill it in, or leave the whole body as it was")
    }

    /// Fields that are made anew for every request.
    private static let notSettable: HTTPFieldSet = [.host, .contentLength, .expect, .xRequestID]

    /// Whether only proxies may set the field, because it says where a visitor came from; `_` counts as `-`, as in CGI
    /// variables.
    private static func isSetByProxies(_ name: ArraySlice<UInt8>) -> Bool {
        let spelling = String(decoding: name.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }, as: UTF8.self)
        let name = HTTPFieldName(spelling)
        return name == .forwarded || HTTPFieldSet.saysAProxy.contains(name) || spelling.lowercased().hasPrefix("x-forwarded-")
    }

    /// The fields without masked values; of a `Cookie` only the masked pairs are left out.
    private static func unmasked(_ fields: HTTPFields) -> HTTPFields {
        var result = HTTPFields()
        for field in fields {
            guard SecretMask.isIn(encoded: field.value) else {
                try? result.append(field)
                continue
            }
            guard HTTPFieldName(field.nameString) == .cookie else { continue }
            let pairs = field.value.split(separator: UInt8(ascii: ";")).filter { !SecretMask.isIn(encoded: $0) }
            let kept = Array(pairs.joined(separator: [UInt8(ascii: ";")]))
            if !kept.isEmpty { try? result.append(name: field.name, value: kept[...]) }
        }
        return result
    }

    /// The target without masked parameters; nil if the rest is no path.
    private static func unmasked(target: [UInt8]) -> [UInt8]? {
        var result = target
        if SecretMask.isIn(encoded: target), let mark = target.firstIndex(of: UInt8(ascii: "?")) {
            let parameters = target[(mark + 1)...].split(separator: UInt8(ascii: "&")).filter { !SecretMask.isIn(encoded: $0) }
            let query = Array(parameters.joined(separator: [UInt8(ascii: "&")]))
            result = target[..<mark] + (query.isEmpty ? [] : [UInt8(ascii: "?")] + query)
        }
        guard case .origin? = HTTPTarget.parse(result[...], method: "GET") else { return nil }
        return result
    }
}
