// Who may do what: bearer tokens (RFC 6750 §2.1), compared so that the time taken says nothing about where two differ.

import HTTPCodec

enum Authorization {
    /// The token in `Authorization: Bearer …`, if there is one.
    static func bearerToken(_ fields: HTTPFields) -> String? {
        guard let value = fields[.authorization], value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else {
            return nil
        }
        return String(value.dropFirst(7).drop { $0 == " " })
    }

    /// Whether `presented` is one of `accepted`. All are compared, each in time that depends on lengths alone.
    static func accepts(_ presented: String, among accepted: [String]) -> Bool {
        var found = false
        for token in accepted {
            let isEqual = equalInConstantTime(Array(presented.utf8), Array(token.utf8))
            found = found || isEqual
        }
        return found
    }

    static func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard !right.isEmpty else { return false }
        var difference = left.count ^ right.count
        for index in left.indices {
            difference |= Int(left[index] ^ right[index % right.count])
        }
        return difference == 0
    }

    /// The value of `name` in a query, percent-decoded; nil if absent or not decodable. In tokens and ids a plus is a plus, in what a
    /// form sent it is a space.
    static func queryValue(_ name: String, in query: ArraySlice<UInt8>?, isForm: Bool = false) -> String? {
        guard let query else { return nil }
        for pair in query.split(separator: UInt8(ascii: "&")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")), pair[..<equals].elementsEqual(name.utf8) else {
                continue
            }
            let value = pair[(equals + 1)...]
            return percentDecoded(isForm ? value.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...] : value)
        }
        return nil
    }

    static func percentDecoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
