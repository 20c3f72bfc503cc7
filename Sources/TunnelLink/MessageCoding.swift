// What the messages of the tunnel have in common in JSON (Docs/Protocol.md): members by name and type, and header fields. The
// messages themselves are in AgentMessages and WebMessages.
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

// MARK: Fields

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
