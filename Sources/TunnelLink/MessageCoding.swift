// What the messages of the tunnel have in common in JSON (Docs/Protocol.md): members by name and type, and header fields. Each
// message with its coding is a file of Messages; which method carries it is in ControlPlane.
//
// Field values, paths and queries map byte ↔ U+0000…U+00FF (ISO-8859-1, as Node does), so that every legal byte survives. A
// field that came several times is an array of strings. Reading is strict about what is used and silent about what is not:
// unknown members are ignored, wrong types are refused with the name of the member.

import HTTPCodec
import RPCCore

/// Params or a result that do not make sense, with what is wrong for the peer's log.
struct BadParams: Error, Equatable {
    var reason: String
}

extension JSONObject {
    /// The object that `params`, or a result, must be.
    init(_ node: JSONNode?, _ what: StaticString) throws(BadParams) {
        guard let node, let object = JSONObject(node) else { throw BadParams(reason: "\(what) must be an object") }
        self = object
    }

    /// The value of member `name`; nil if absent or null.
    private mutating func value(_ name: StaticString) -> JSONNode? {
        guard let node = member(name), !node.isNull else { return nil }
        return node
    }

    /// The text of member `name`; nil if absent or null.
    mutating func text(_ name: StaticString) throws(BadParams) -> String? {
        guard let node = value(name) else { return nil }
        guard let text = node.string else { throw BadParams(reason: "\(name) must be a string") }
        return text
    }

    /// The flag in member `name`; nil if absent or null.
    mutating func flag(_ name: StaticString) throws(BadParams) -> Bool? {
        guard let node = value(name) else { return nil }
        guard let flag = node.bool else { throw BadParams(reason: "\(name) must be true or false") }
        return flag
    }

    /// The whole number in member `name`; nil if absent or null.
    mutating func integer(_ name: StaticString, in range: ClosedRange<Int64>) throws(BadParams) -> Int64? {
        guard let node = value(name) else { return nil }
        guard let number = node.int64, range.contains(number) else {
            throw BadParams(reason: "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The object in member `name`; nil if absent or null.
    mutating func object(_ name: StaticString) throws(BadParams) -> JSONObject? {
        guard let node = value(name) else { return nil }
        return try JSONObject(node, name)
    }

    /// The bytes of member `name`, one for each character; nil if absent or null.
    mutating func latin1(_ name: StaticString) throws(BadParams) -> [UInt8]? {
        guard let node = value(name) else { return nil }
        var bytes: [UInt8] = []
        guard node.appendLatin1(to: &bytes) else { throw BadParams(reason: "\(name) must be a string of U+0000 to U+00FF") }
        return bytes
    }
}

// MARK: Streams and bodies

extension JSONWriter {
    /// Writes the members `stream` and, if no body follows, `end` (v2).
    mutating func stream(_ stream: StreamID, hasBody: Bool) {
        name("stream")
        integer(Int64(stream.rawValue))
        if !hasBody {
            name("end")
            bool(true)
        }
    }
}

extension JSONObject {
    /// Appends the base64 of member `body`, if there is one; true if that was any byte.
    mutating func decodeBody(into body: inout [UInt8]) throws(BadParams) -> Bool {
        guard let node = member("body"), !node.isNull else { return false }
        do {
            try node.appendBase64Decoded(to: &body)
        } catch {
            throw BadParams(reason: "body is not base64 (offset \(error.offset))")
        }
        return !body.isEmpty
    }
}

// MARK: Fields

extension HTTPFields {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        var written: [Int] = []  // later fields of a name that came before
        for index in indices where written.isEmpty || !written.contains(index) {
            guard var other = nextIndex(after: index) else {
                withField(at: index) { writer.latin1Member(name: $0, value: $1) }
                continue
            }
            writer.nameLowercasedASCII(name(at: index))
            writer.beginArray()
            writer.latin1(value(at: index))
            while true {
                writer.latin1(value(at: other))
                written.append(other)
                guard let next = nextIndex(after: other) else { break }
                other = next
            }
            writer.endArray()
        }
        writer.endObject()
    }

    /// The fields in the object that is member `name`; none if it is absent or null.
    init(_ message: inout JSONObject, _ name: StaticString = "headers") throws(BadParams) {
        self.init()
        guard let headers = message.member(name), !headers.isNull else { return }
        guard headers.kind == .object else { throw BadParams(reason: "\(name) must be an object") }
        reserve(headers.count, byteCount: headers.byteCount)
        try headers.forEachMember { name, value throws(BadParams) in
            do { try append(name: name, value: value) } catch { throw Self.illegal(Latin1.string(name)) }
        } other: { name, value throws(BadParams) in
            try append(name, value)
        }
    }

    /// A field that is no text of U+0000 to U+00FF: a whole number is understood, and nothing else.
    private mutating func append(_ name: JSONNode, _ value: JSONNode) throws(BadParams) {
        var bytes: [UInt8] = []
        guard name.appendLatin1(to: &bytes) else { throw BadParams(reason: "a field name is not ISO-8859-1") }
        guard let number = value.int64 else {
            throw BadParams(reason: "field \(name.string ?? "?") must be a string of U+0000 to U+00FF, or a list of such")
        }
        do { try append(name: bytes[...], value: Array(String(number).utf8)[...]) } catch {
            throw Self.illegal(name.string ?? "?")
        }
    }

    private static func illegal(_ name: String) -> BadParams { BadParams(reason: "field \(name) is not a legal HTTP field") }
}
