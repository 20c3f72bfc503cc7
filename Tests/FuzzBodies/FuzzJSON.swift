// Invariant: any bytes either parse or throw the one JSONError, with an offset within them, and never do anything else.
// What parses means the same in the commented dialect and wherever the bytes lie in memory; it re-encodes to a text that
// parses equal and encodes to itself; and every reader of a node agrees with every other.

import RPCCore

/// Parses `bytes` as JSON and checks what must hold for any bytes; traps if it does not.
public func fuzzJSON(_ bytes: [UInt8]) {
    let strict = parse(bytes[...], .strict)
    let commented = parse(bytes[...], .commented)
    let surrounded = [UInt8](repeating: 0x22, count: 9) + bytes + [UInt8](repeating: 0x30, count: 9)
    precondition(parse(surrounded[9..<9 + bytes.count], .strict) == strict, "the bytes around a slice matter")
    if case .success = strict { precondition(strict == commented, "the dialect changes a strict text") }
    for (result, dialect) in [(strict, JSONDialect.strict), (commented, .commented)] {
        switch result {
        case .failure(let error):
            precondition((0...bytes.count).contains(error.offset), "an offset outside the text")
            let place = JSONDocument.lineAndColumn(ofOffset: error.offset, in: bytes[...])
            precondition(place.line >= 1 && place.column >= 1)
        case .success(let value):
            checkRoundTrip(of: value)
            guard let document = try? JSONDocument(bytes[...], dialect: dialect) else { preconditionFailure("parses no more") }
            checkReaders(of: document.root, in: bytes)
        }
    }
}

private func parse(_ bytes: ArraySlice<UInt8>, _ dialect: JSONDialect) -> Result<JSONValue, JSONError> {
    Result { () throws(JSONError) in try JSONValue(decoding: bytes, dialect: dialect) }
}

private func checkRoundTrip(of value: JSONValue) {
    var text: [UInt8] = []
    value.encode(into: &text)
    // Written controls and numbers may be longer than they were read.
    let limits = JSONLimits(maximumBytes: 1 << 24)
    guard let again = try? JSONValue(decoding: text[...], limits: limits) else {
        preconditionFailure("what is written does not parse")
    }
    precondition(again == value, "what is written is not what was read")
    var twice: [UInt8] = []
    again.encode(into: &twice)
    precondition(twice == text, "encoding is not stable")
}

private func checkReaders(of node: JSONNode, in bytes: [UInt8]) {
    precondition(bytes.indices.contains(node.offset))
    switch node.kind {
    case .null: precondition(node.isNull && node.count == 0)
    case .bool: precondition(node.bool != nil && node.int64 == nil)
    case .number: checkNumber(node)
    case .string: checkString(node)
    case .array:
        precondition(node.elements.reduce(0) { count, _ in count + 1 } == node.count)
        for element in node.elements { checkReaders(of: element, in: bytes) }
    case .object:
        precondition(node.members.reduce(0) { count, _ in count + 1 } == node.count)
        for (index, member) in node.members.enumerated() {
            checkString(member.name)
            // Each name leads to its own member; looking up every one of a great many would be quadratic.
            if index < 20, let name = member.name.string { precondition(node[name]?.offset == member.value.offset) }
            checkReaders(of: member.value, in: bytes)
        }
        checkMemberTexts(of: node)
    }
}

/// Members walked as bytes are those that are walked as values, and what is written from the bytes reads back.
private func checkMemberTexts(of node: JSONNode) {
    var texts: [[UInt8]] = []
    var others = 0
    node.forEachMember { name, value in
        var writer = JSONWriter()
        writer.beginObject()
        writer.latin1Member(name: name, value: value)
        writer.endObject()
        guard case .success(.object(let members)) = parse(writer.finish()[...], .strict) else {
            preconditionFailure("a member that cannot be read back")
        }
        precondition(members.count == 1 && members[0].value != .null)
        if case .string(let text) = members[0].value { texts.append(Array(text.utf8)) }
    } other: { _, _ in
        others += 1
    }
    var expected: [[UInt8]] = []
    var expectedOthers = 0
    for (name, value) in node.members {
        for text in value.kind == .array ? Array(value.elements) : value.isNull ? [] : [value] {
            var bytes: [UInt8] = []
            var string: [UInt8] = []
            if name.appendLatin1(to: &bytes), text.appendLatin1(to: &bytes), text.appendUTF8(to: &string) {
                expected.append(string)
            } else {
                expectedOthers += 1
            }
        }
    }
    precondition(texts == expected && others == expectedOthers, "members as bytes are not the members as values")
}

private func checkNumber(_ node: JSONNode) {
    precondition(node.string == nil)
    if let integer = node.int64 { precondition(node.double == Double(integer), "two values for one number") }
    if case .integer(let integer) = node.value { precondition(node.int64 == integer) }
}

private func checkString(_ node: JSONNode) {
    guard let string = node.string else { preconditionFailure("a string without value") }
    var utf8: [UInt8] = []
    precondition(node.appendUTF8(to: &utf8) && utf8 == Array(string.utf8), "two values for one string")
    precondition(node.stringEquals(string))
    var latin1: [UInt8] = []
    let fits = node.appendLatin1(to: &latin1)
    precondition(fits == string.unicodeScalars.allSatisfy { $0.value <= 0xff })
    if fits {
        precondition(latin1.map(UInt32.init) == string.unicodeScalars.map(\.value))
        var writer = JSONWriter()
        writer.latin1(latin1[...])
        precondition(parse(writer.finish()[...], .strict) == .success(.string(string)))
    }
    var decoded: [UInt8] = []
    if (try? node.appendBase64Decoded(to: &decoded)) != nil {
        precondition(Base64.encode(decoded[...]) == utf8, "two texts for the same bytes")
    } else {
        precondition(decoded.isEmpty)
    }
}
