// Bodies as they are shown: in forms and in JSON `•••` replaces values whose names are those of secrets, and in JSON also
// values that are secrets by their form. Bodies are kept as they came, so that a request can be sent again complete.
//
// A body may be cut anywhere, and each line of a stream may be JSON. So nothing is parsed: strings and what is between them are
// scanned once. Other bodies are shown as they came, compressed ones too.

import HTTPCodec

/// Masks secrets in bodies.
enum SecretBodies {
    /// The body with its secrets masked, by the `Content-Type` in `fields`; nil if it holds none.
    static func masked(_ body: [UInt8], _ fields: HTTPFields) -> [UInt8]? {
        let type = fields[.contentType]?.lowercased() ?? ""
        if type.hasPrefix("application/x-www-form-urlencoded") { return form(body) }
        if type.hasPrefix("multipart/form-data") { return multipart(body) }
        let first = body.first { $0 > UInt8(ascii: " ") }
        let looksLikeJSON = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        guard looksLikeJSON || type.contains("json") || type.hasPrefix("text/event-stream") else { return nil }
        var scan = JSONScan(text: body[...])
        return scan.masked()
    }

    /// A form is written as a query is.
    private static func form(_ body: [UInt8]) -> [UInt8]? {
        SecretValues.masked([UInt8(ascii: "?")] + body, .formed).map { Array($0.dropFirst()) }
    }

    /// Masks the parts of a form whose names are those of secrets.
    private static func multipart(_ body: [UInt8]) -> [UInt8]? {
        var (result, copied, index) = ([UInt8](), 0, 0)
        while let head = range(of: "name=\"", in: body, from: index) {
            let end = body[head.upperBound...].firstIndex(of: UInt8(ascii: "\"")) ?? body.endIndex
            index = end
            guard SecretValues.isSecret([0], SecretNames.strength(of: body[head.upperBound..<end])),
                let blank = range(of: "\r\n\r\n", in: body, from: end)
            else { continue }
            let last = range(of: "\r\n--", in: body, from: blank.upperBound)?.lowerBound ?? body.endIndex
            result += body[copied..<blank.upperBound] + SecretMask.bytes
            (copied, index) = (last, last)
        }
        return copied == 0 ? nil : result + body[copied...]
    }

    private static func range(of text: String, in body: [UInt8], from start: Int) -> Range<Int>? {
        let text = Array(text.utf8)
        var index = start
        while let found = body[index...].firstIndex(of: text[0]) {
            if body[found...].starts(with: text) { return found..<(found + text.count) }
            index = found + 1
        }
        return nil
    }
}

/// One pass over JSON, or over text with JSON in it.
private struct JSONScan {
    let text: ArraySlice<UInt8>
    private var result: [UInt8] = []
    private var copied: Int
    /// What the name before a value says of it.
    private var strength = SecretNames.Strength.none
    private var depth = 0
    /// The depth of the outermost object or array that is secret as a whole.
    private var secretDepth: Int?

    init(text: ArraySlice<UInt8>) {
        self.text = text
        copied = text.startIndex
    }

    mutating func masked() -> [UInt8]? {
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "\""): index = string(at: index)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if strength == .strong, secretDepth == nil { secretDepth = depth }
                strength = .none
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if secretDepth == depth { secretDepth = nil }
                (depth, strength) = (depth - 1, .none)
                index += 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): index = number(at: index)
            case UInt8(ascii: ","), UInt8(ascii: "\n"):
                strength = .none
                index += 1
            default: index += 1
            }
        }
        return result.isEmpty ? nil : result + text[copied...]
    }

    /// Handles a string, which is a name or a value. Returns where to go on.
    private mutating func string(at quote: Int) -> Int {
        let start = quote + 1
        var end = start
        while end < text.endIndex, text[end] != UInt8(ascii: "\"") { end += text[end] == UInt8(ascii: "\\") ? 2 : 1 }
        end = min(end, text.endIndex)
        let next = min(end + 1, text.endIndex)
        if let colon = text[next...].firstIndex(where: { $0 > UInt8(ascii: " ") }), text[colon] == UInt8(ascii: ":") {
            strength = SecretNames.strength(of: text[start..<end])
            return colon + 1
        }
        let value = text[start..<end]
        let isSecret = secretDepth != nil || (strength == .strong || SecretValues.isOpaque(value)) && strength != .none
        strength = .none
        if isSecret, !value.isEmpty {
            replace(start..<end, with: SecretMask.bytes)
        } else if value.count > 8, let masked = SecretValues.masked(value, .formed) {
            replace(start..<end, with: masked)
        }
        return next
    }

    private mutating func number(at start: Int) -> Int {
        let end = text[start...].firstIndex { !Self.isOfNumber($0) } ?? text.endIndex
        if strength == .strong || secretDepth != nil {
            replace(start..<end, with: [UInt8(ascii: "\"")] + SecretMask.bytes + [UInt8(ascii: "\"")])
        }
        strength = .none
        return end
    }

    private mutating func replace(_ range: Range<Int>, with bytes: [UInt8]) {
        result += text[copied..<range.lowerBound] + bytes
        copied = range.upperBound
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        SecretNames.isAlphanumeric(byte) || "+-.".utf8.contains(byte)
    }
}
