// A second JSON reader that shares nothing with the first: recursive, over an array of Unicode scalars, slow, and short
// enough to be checked against RFC 8259 by eye. It says what a text is, or only that it is none.

/// What a text stands for; numbers as written.
indirect enum SlowJSON: Equatable {
    case null, bool(Bool), number(String), string([Unicode.Scalar]), array([SlowJSON]), object([([Unicode.Scalar], SlowJSON)])

    struct Refused: Error {}

    static func == (left: SlowJSON, right: SlowJSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 }
        default: false
        }
    }

    init(_ bytes: [UInt8], maximumDepth: Int) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Refused() }
        var reader = SlowReader(scalars: Array(text.unicodeScalars), depthLeft: maximumDepth)
        self = try reader.value()
        guard reader.peek() == nil else { throw Refused() }
    }
}

private struct SlowReader {
    let scalars: [Unicode.Scalar]
    var depthLeft: Int
    var index = 0

    /// The next scalar that is not white space; nil at the end.
    mutating func peek() -> Unicode.Scalar? {
        while index < scalars.count, " \t\n\r".unicodeScalars.contains(scalars[index]) { index += 1 }
        return index < scalars.count ? scalars[index] : nil
    }

    mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        guard index < scalars.count, scalars[index] == wanted else { return false }
        index += 1
        return true
    }

    mutating func demand(_ wanted: String) throws {
        for scalar in wanted.unicodeScalars { guard take(scalar) else { throw SlowJSON.Refused() } }
    }

    mutating func value() throws -> SlowJSON {
        switch peek() {
        case "n": try demand("null"); return .null
        case "t": try demand("true"); return .bool(true)
        case "f": try demand("false"); return .bool(false)
        case "\"": return .string(try string())
        case "[": return try nested { reader in .array(try reader.array()) }
        case "{": return try nested { reader in .object(try reader.object()) }
        default: return .number(try number())
        }
    }

    mutating func nested(_ body: (inout SlowReader) throws -> SlowJSON) throws -> SlowJSON {
        guard depthLeft > 0 else { throw SlowJSON.Refused() }
        depthLeft -= 1
        defer { depthLeft += 1 }
        return try body(&self)
    }

    mutating func array() throws -> [SlowJSON] {
        try demand("[")
        var elements: [SlowJSON] = []
        if peek() == "]" { try demand("]"); return [] }
        while true {
            elements.append(try value())
            if peek() == "]" { try demand("]"); return elements }
            try demand(",")
        }
    }

    mutating func object() throws -> [([Unicode.Scalar], SlowJSON)] {
        try demand("{")
        var members: [([Unicode.Scalar], SlowJSON)] = []
        if peek() == "}" { try demand("}"); return [] }
        while true {
            guard peek() == "\"" else { throw SlowJSON.Refused() }
            let name = try string()
            guard !members.contains(where: { $0.0 == name }) else { throw SlowJSON.Refused() }
            guard peek() == ":" else { throw SlowJSON.Refused() }
            try demand(":")
            members.append((name, try value()))
            if peek() == "}" { try demand("}"); return members }
            guard peek() == "," else { throw SlowJSON.Refused() }
            try demand(",")
        }
    }

    mutating func number() throws -> String {
        let start = index
        _ = take("-")
        if !take("0") { try digits() }
        if take(".") { try digits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try digits()
        }
        return scalars[start..<index].map { String($0) }.joined()
    }

    mutating func digits() throws {
        let start = index
        while index < scalars.count, ("0"..."9").contains(scalars[index]) { index += 1 }
        guard index > start else { throw SlowJSON.Refused() }
    }

    /// By way of UTF-16, the terms in which RFC 8259 speaks of escapes.
    mutating func string() throws -> [Unicode.Scalar] {
        try demand("\"")
        var units: [UInt16] = []
        while !take("\"") {
            guard index < scalars.count, scalars[index].value >= 0x20 else { throw SlowJSON.Refused() }
            let scalar = scalars[index]
            index += 1
            if scalar == "\\" { units.append(try escape()) } else { units += Array(String(scalar).utf16) }
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw SlowJSON.Refused() }
        return Array(text.unicodeScalars)
    }

    mutating func escape() throws -> UInt16 {
        let letters: [(Unicode.Scalar, UInt16)] = [
            ("\"", 0x22), ("\\", 0x5c), ("/", 0x2f), ("b", 8), ("f", 12), ("n", 10), ("r", 13), ("t", 9),
        ]
        for (letter, unit) in letters where take(letter) { return unit }
        try demand("u")
        guard index + 4 <= scalars.count else { throw SlowJSON.Refused() }
        let hexadecimal = scalars[index..<index + 4].map { String($0) }.joined()
        guard !hexadecimal.hasPrefix("+"), let unit = UInt16(hexadecimal, radix: 16) else { throw SlowJSON.Refused() }
        index += 4
        return unit
    }
}
