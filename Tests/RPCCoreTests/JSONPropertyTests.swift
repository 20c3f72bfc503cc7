// Random texts, whole and broken, against the slow reader: both accept the same texts and see the same values.

import RPCCore
import TestSupport
import Testing

@Suite struct JSONPropertyTests {
    @Test(arguments: [8259, 7159, 4627, 404])
    func bothReadersAgreeOnRandomText(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var accepted = 0
        for _ in 0..<700 {
            var text: [UInt8] = []
            appendValue(to: &text, depth: 4, using: &random)
            if Int.random(in: 0..<3, using: &random) > 0 { damage(&text, using: &random) }
            if agree(on: text) { accepted += 1 }
        }
        #expect(accepted > 200 && accepted < 690)
    }

    @Test func bothReadersAgreeOnRandomTokens() {
        var random = SplitMix(seed: 12)
        let tokens = [
            "[", "]", "{", "}", ",", ":", "\"a\"", "\"b\"", "1", "-", "0", ".5", "e1", " ", "true", "null", "\"\\u00", "61\"",
            "\"", "\\ud800",
        ]
        for _ in 0..<3000 {
            let count = Int.random(in: 1...9, using: &random)
            let text = (0..<count).map { _ in tokens[Int.random(in: 0..<tokens.count, using: &random)] }.joined()
            _ = agree(on: Array(text.utf8))
        }
    }

    @Test func treesReadBackAsTheyWereWritten() {
        var random = SplitMix(seed: 99)
        for _ in 0..<500 {
            let value = randomTree(depth: 4, using: &random)
            var bytes: [UInt8] = []
            value.encode(into: &bytes)
            let back = try? JSONValue(decoding: bytes[...])
            if back != value { Issue.record("\(String(decoding: bytes, as: UTF8.self))") }
            // All that stands around a member's value is indifferent to the member.
            if case .object(let members) = value, let root = try? JSONDocument(bytes[...]).root {
                for member in members where root[member.name]?.value != member.value { Issue.record("\(member)") }
            }
        }
    }

    // MARK: Comparison

    /// Whether both accept `text`; records an issue if they differ.
    private func agree(on text: [UInt8]) -> Bool {
        let slow = try? SlowJSON(text, maximumDepth: 32)
        let document = try? JSONDocument(text[...])
        if slow != document.map({ shape(of: $0.root, in: text) }) {
            Issue.record("readers disagree on \(String(decoding: text, as: UTF8.self)) \(text)")
        }
        return slow != nil
    }

    private func shape(of node: JSONNode, in text: [UInt8]) -> SlowJSON {
        switch node.kind {
        case .null: .null
        case .bool: .bool(node.bool ?? false)
        case .number: .number(numberText(at: node.offset, in: text))
        case .string: .string(Array((node.string ?? "").unicodeScalars))
        case .array: .array(node.elements.map { shape(of: $0, in: text) })
        case .object:
            .object(node.members.map { (Array(($0.name.string ?? "").unicodeScalars), shape(of: $0.value, in: text)) })
        }
    }

    private func numberText(at offset: Int, in text: [UInt8]) -> String {
        String(decoding: text[offset...].prefix { "+-.eE0123456789".utf8.contains($0) }, as: UTF8.self)
    }

    // MARK: Generation

    private func appendValue(to text: inout [UInt8], depth: Int, using random: inout SplitMix) {
        appendBlanks(to: &text, using: &random)
        switch Int.random(in: 0..<(depth > 0 ? 10 : 6), using: &random) {
        case 0: text += Array("null".utf8)
        case 1: text += Array((Bool.random(using: &random) ? "true" : "false").utf8)
        case 2, 3: text += Array(pick(Self.numbers, using: &random).utf8)
        case 4, 5: appendString(to: &text, using: &random)
        case 6, 7: appendSequence("[", "]", to: &text, using: &random) { appendValue(to: &$0, depth: depth - 1, using: &$1) }
        default:
            appendSequence("{", "}", to: &text, using: &random) { text, random in
                appendString(to: &text, using: &random)
                appendBlanks(to: &text, using: &random)
                text.append(UInt8(ascii: ":"))
                appendValue(to: &text, depth: depth - 1, using: &random)
            }
        }
        appendBlanks(to: &text, using: &random)
    }

    private func appendSequence(
        _ open: String, _ close: String, to text: inout [UInt8], using random: inout SplitMix,
        item: (inout [UInt8], inout SplitMix) -> Void
    ) {
        text += Array(open.utf8)
        for index in 0..<Int.random(in: 0...4, using: &random) {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            item(&text, &random)
        }
        text += Array(close.utf8)
    }

    private func appendString(to text: inout [UInt8], using random: inout SplitMix) {
        text.append(UInt8(ascii: "\""))
        for _ in 0..<Int.random(in: 0...5, using: &random) { text += Array(pick(Self.pieces, using: &random).utf8) }
        text.append(UInt8(ascii: "\""))
    }

    private func appendBlanks(to text: inout [UInt8], using random: inout SplitMix) {
        for _ in 0..<max(0, Int.random(in: -6...2, using: &random)) {
            text += Array(pick([" ", "\t", "\n", "\r"], using: &random).utf8)
        }
    }

    private func damage(_ text: inout [UInt8], using random: inout SplitMix) {
        for _ in 0..<Int.random(in: 1...2, using: &random) where !text.isEmpty {
            let place = Int.random(in: text.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: text[place] = UInt8.random(in: 0...255, using: &random)
            case 1: text.remove(at: place)
            case 2: text.insert(pick(Array("\"\\,:[]{}0-e. /*tu\u{0}".utf8), using: &random), at: place)
            default: text.removeSubrange(place..<min(text.count, place + 3))
            }
        }
    }

    private func randomTree(depth: Int, using random: inout SplitMix) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .integer(Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random))
        case 3:
            let double = Double(bitPattern: random.next())
            return .double(double.isFinite ? double : 0.5)
        case 4, 5: return .string(randomString(using: &random))
        case 6:
            return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in randomTree(depth: depth - 1, using: &random) })
        default:
            return .object(
                (0..<Int.random(in: 0...20, using: &random)).map { index in
                    JSONMember("\(index)" + randomString(using: &random), randomTree(depth: depth - 1, using: &random))
                })
        }
    }

    private func randomString(using random: inout SplitMix) -> String {
        let ceilings: [UInt32] = [0x20, 0x80, 0x100, 0x1_0000, 0x11_0000]
        var text = ""
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            let value = UInt32.random(in: 0..<pick(ceilings, using: &random), using: &random)
            text.unicodeScalars.append(Unicode.Scalar(value) ?? "?")
        }
        return text
    }

    private func pick<Element>(_ choices: [Element], using random: inout SplitMix) -> Element {
        choices[Int.random(in: choices.indices, using: &random)]
    }

    private static let numbers = ["0", "-0", "1", "-17", "3.25", "1e5", "1E-5", "0.5e+10", "123456789012345678901", "1e400"]
    private static let pieces = [
        "a", "b", "key", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "é", "中", "😀", "abcdefghijkl",
        " ", "\u{7f}", "\\u0000",
    ]
}
