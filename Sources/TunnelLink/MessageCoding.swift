// How the messages look in JSON (Docs/Protocol.md). Field values, paths and queries map byte ↔ U+0000…U+00FF (ISO-8859-1, as
// Node does), so that every legal byte survives. A field that came several times is an array of strings.
//
// Reading is strict about what is used and silent about what is not: unknown members are ignored, wrong types are refused with
// the name of the member.

import HTTPCodec
import MachineCore
import RPCCore

/// Params or a result that do not make sense, with what is wrong for the peer's log.
struct BadParams: Error, Equatable {
    var reason: String
}

extension JSONNode {
    /// The text of member `name`; nil if absent or null.
    func text(_ name: String) throws(BadParams) -> String? {
        guard let node = self[name], !node.isNull else { return nil }
        guard let text = node.string else { throw BadParams(reason: "\(name) must be a string") }
        return text
    }

    /// The flag in member `name`; nil if absent or null.
    func flag(_ name: String) throws(BadParams) -> Bool? {
        guard let node = self[name], !node.isNull else { return nil }
        guard let flag = node.bool else { throw BadParams(reason: "\(name) must be true or false") }
        return flag
    }

    /// The whole number in member `name`; nil if absent or null.
    func integer(_ name: String, in range: ClosedRange<Int64>) throws(BadParams) -> Int64? {
        guard let node = self[name], !node.isNull else { return nil }
        guard let number = node.int64, range.contains(number) else {
            throw BadParams(reason: "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The object in member `name`; nil if absent or null.
    func object(_ name: String) throws(BadParams) -> JSONNode? {
        guard let node = self[name], !node.isNull else { return nil }
        guard node.kind == .object else { throw BadParams(reason: "\(name) must be an object") }
        return node
    }

    /// The bytes of member `name`, one for each character; nil if absent or null.
    func latin1(_ name: String) throws(BadParams) -> [UInt8]? {
        guard let node = self[name], !node.isNull else { return nil }
        var bytes: [UInt8] = []
        guard node.appendLatin1(to: &bytes) else { throw BadParams(reason: "\(name) must be a string of U+0000 to U+00FF") }
        return bytes
    }
}

// MARK: Agent

extension AgentDescription {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        let texts: [(StaticString, String)] = [
            ("agentId", agentID), ("type", type), ("host", host), ("model", model), ("status", status), ("version", version),
        ]
        for (name, value) in texts {
            writer.name(name)
            writer.string(value)
        }
        writer.name("webService")
        writer.beginObject()
        writer.name("enabled")
        writer.bool(servesWeb)
        writer.endObject()
        if let token {
            writer.name("token")
            writer.string(token)
        }
        writer.endObject()
    }

    /// The description in the params of `agent.register`. `fallbackID` is the id in the URL, for agents that do not repeat it.
    init(_ params: JSONNode?, fallbackID: String?) throws(BadParams) {
        guard let params, params.kind == .object else { throw BadParams(reason: "params must be an object") }
        guard let id = try params.text("agentId") ?? fallbackID else { throw BadParams(reason: "agentId is missing") }
        self.init(agentID: id)
        type = Self.bounded(try params.text("type"))
        host = Self.bounded(try params.text("host"))
        model = Self.bounded(try params.text("model"))
        status = Self.bounded(try params.text("status") ?? status)
        version = Self.bounded(try params.text("version"))
        servesWeb = try params.object("webService")?.flag("enabled") ?? (params["webService"]?.isNull != true)
        token = try params.text("token")
    }

    /// What is shown on a page need not be long: cut, not refused. Scalars are counted: a character can be of any length.
    static func bounded(_ text: String?) -> String { String((text ?? "").unicodeScalars.prefix(200)) }
}

extension StatusUpdate {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        if let status {
            writer.name("status")
            writer.string(status)
        }
        if let model {
            writer.name("model")
            writer.string(model)
        }
        if let servesWeb {
            writer.name("webService")
            writer.beginObject()
            writer.name("enabled")
            writer.bool(servesWeb)
            writer.endObject()
        }
        writer.endObject()
    }

    init(_ params: JSONNode?) throws(BadParams) {
        guard let params, params.kind == .object else { throw BadParams(reason: "params must be an object") }
        self.init(
            status: try params.text("status").map { AgentDescription.bounded($0) },
            model: try params.text("model").map { AgentDescription.bounded($0) },
            servesWeb: try params.object("webService")?.flag("enabled"))
    }
}

extension Welcome {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("sessionId")
        writer.string(sessionID)
        writer.name("webUrl")
        writer.string(webURL)
        for (name, value) in [
            ("pingMs", ping.wholeMilliseconds), ("initialWindow", Int64(initialWindow)), ("maxStreams", Int64(maximumStreams)),
        ] as [(StaticString, Int64)] {
            writer.name(name)
            writer.integer(value)
        }
        writer.endObject()
    }

    /// The welcome in a result; what a gateway of another make leaves out keeps `defaults`.
    init(_ result: JSONNode?, defaults: Welcome) throws(BadParams) {
        self = defaults
        guard let result, result.kind == .object else { return }
        sessionID = try result.text("sessionId") ?? sessionID
        webURL = try result.text("webUrl") ?? webURL
        ping = try result.integer("pingMs", in: 1...86_400_000).map { .milliseconds($0) } ?? ping
        initialWindow = try result.integer("initialWindow", in: 0...Int64(Int32.max)).map { Int($0) } ?? initialWindow
        maximumStreams = try result.integer("maxStreams", in: 0...Int64(Int32.max)).map { Int($0) } ?? maximumStreams
    }
}

// MARK: Web

extension HTTPFields {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        let repeated = repeatedHashBits
        for index in indices {
            writeField(at: index, mayRepeat: repeated & Self.bit(nameHash(at: index)) != 0, to: &writer)
        }
        writer.endObject()
    }

    private func writeField(at index: Int, mayRepeat: Bool, to writer: inout JSONWriter) {
        let field = self[index]
        guard mayRepeat else {
            writer.nameLowercasedASCII(field.name)
            writer.latin1(field.value)
            return
        }
        if (0..<index).contains(where: { sameName($0, index) }) { return }
        let later = (index + 1..<count).filter { sameName($0, index) }
        writer.nameLowercasedASCII(field.name)
        if later.isEmpty {
            writer.latin1(field.value)
        } else {
            writer.beginArray()
            writer.latin1(field.value)
            for other in later { writer.latin1(self[other].value) }
            writer.endArray()
        }
    }

    /// Bits that two names or more share, so that only those need comparing.
    private var repeatedHashBits: UInt64 {
        var seen: UInt64 = 0
        var repeated: UInt64 = 0
        for index in indices {
            let bit = Self.bit(nameHash(at: index))
            repeated |= seen & bit
            seen |= bit
        }
        return repeated
    }

    private static func bit(_ hash: UInt32) -> UInt64 { 1 << UInt64((hash ^ hash >> 16) & 63) }

    /// The fields in a `headers` object.
    init(_ headers: JSONNode?, member: StaticString = "headers") throws(BadParams) {
        self.init()
        guard let headers, !headers.isNull else { return }
        guard headers.kind == .object else { throw BadParams(reason: "\(member) must be an object") }
        var scratch: [UInt8] = []
        for (name, value) in headers.members {
            if value.kind == .array {
                for element in value.elements { try append(name, element, scratch: &scratch) }
            } else if !value.isNull {
                try append(name, value, scratch: &scratch)
            }
        }
    }

    private mutating func append(_ name: JSONNode, _ value: JSONNode, scratch: inout [UInt8]) throws(BadParams) {
        scratch.removeAll(keepingCapacity: true)
        guard name.appendLatin1(to: &scratch) else { throw BadParams(reason: "a field name is not ISO-8859-1") }
        let nameCount = scratch.count
        if let number = value.int64 {
            scratch.append(contentsOf: String(number).utf8)
        } else if !value.appendLatin1(to: &scratch) {
            throw BadParams(reason: "field \(name.string ?? "?") must be a string of U+0000 to U+00FF, or a list of such")
        }
        do {
            try append(name: scratch[..<nameCount], value: scratch[nameCount...])
        } catch {
            throw BadParams(reason: "field \(name.string ?? "?") is not a legal HTTP field")
        }
    }
}

extension WebRequest {
    /// The params. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here.
    func write(to writer: inout JSONWriter, stream: StreamID, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("requestId")
        writer.string(stream.requestID)
        writer.name("httpMethod")
        writer.string(method)
        writer.name("path")
        writer.latin1(path[...])
        if let query {
            writer.name("query")
            writer.latin1(query[...])
        } else if wholeBody != nil {
            writer.name("query")
            writer.string("")
        }
        writer.name("headers")
        fields.write(to: &writer)
        if let wholeBody {
            writer.name("body")
            writer.base64(wholeBody)
        } else {
            if let upgrade {
                writer.name("upgrade")
                writer.string(upgrade)
            }
            writeStream(stream, hasBody: hasBody, to: &writer)
        }
        writer.endObject()
    }

    /// The request in the params of `web.request`; `body` receives a whole body.
    init(_ params: JSONNode?, version: TunnelVersion, body: inout [UInt8]) throws(BadParams) {
        guard let params, params.kind == .object else { throw BadParams(reason: "params must be an object") }
        guard let method = try params.text("httpMethod"), !method.isEmpty else {
            throw BadParams(reason: "httpMethod is missing")
        }
        guard let path = try params.latin1("path"), path.first == UInt8(ascii: "/") else {
            throw BadParams(reason: "path must begin with /")
        }
        self.init(method: method, path: path)
        let query = try params.latin1("query")
        self.query = version == .v1 && query?.isEmpty == true ? nil : query
        fields = try HTTPFields(params["headers"])
        switch version {
        case .v1: hasBody = try params.decodeBody(into: &body)
        case .v2:
            upgrade = try params.text("upgrade")
            hasBody = try !(params.flag("end") ?? false)
        }
    }
}

extension WebResponse {
    /// The result. v1 carries `body`, the whole of it; v2 the stream, and whether it ends here.
    func write(to writer: inout JSONWriter, stream: StreamID, wholeBody: ArraySlice<UInt8>?) {
        writer.beginObject()
        writer.name("statusCode")
        writer.integer(Int64(status))
        writer.name("headers")
        fields.write(to: &writer)
        if let wholeBody {
            writer.name("body")
            writer.base64(wholeBody)
        } else {
            writeStream(stream, hasBody: hasBody, to: &writer)
        }
        writer.endObject()
    }

    /// The response in a result; `body` receives a whole body.
    init(_ result: JSONNode?, version: TunnelVersion, body: inout [UInt8]) throws(BadParams) {
        guard let result, result.kind == .object else { throw BadParams(reason: "result must be an object") }
        guard let status = try result.integer("statusCode", in: 101...599), status == 101 || status >= 200 else {
            throw BadParams(reason: "statusCode must be 101, or 200 to 599")
        }
        self.init(status: Int(status))
        fields = try HTTPFields(result["headers"])
        switch version {
        case .v1:
            hasBody = try result.decodeBody(into: &body)
            wholeBodyCount = body.count
        case .v2: hasBody = try !(result.flag("end") ?? false)
        }
    }
}

private func writeStream(_ stream: StreamID, hasBody: Bool, to writer: inout JSONWriter) {
    writer.name("stream")
    writer.integer(Int64(stream.rawValue))
    if !hasBody {
        writer.name("end")
        writer.bool(true)
    }
}

extension JSONNode {
    /// Appends the base64 of member `body`, if there is one; true if that was any byte.
    fileprivate func decodeBody(into body: inout [UInt8]) throws(BadParams) -> Bool {
        guard let node = self["body"], !node.isNull else { return false }
        do {
            try node.appendBase64Decoded(to: &body)
        } catch {
            throw BadParams(reason: "body is not base64 (offset \(error.offset))")
        }
        return !body.isEmpty
    }
}

extension StreamID {
    /// The JSON-RPC id, and `requestId`, of this stream's request.
    var requestID: String { "web_\(rawValue)" }

    /// The stream whose request had this id, or nil.
    init?(requestID: String) {
        let text = requestID.utf8
        guard text.starts(with: "web_".utf8), (5...14).contains(text.count) else { return nil }
        var number: UInt64 = 0
        for byte in text.dropFirst(4) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        guard let exact = UInt32(exactly: number) else { return nil }
        self.init(rawValue: exact)
    }
}
