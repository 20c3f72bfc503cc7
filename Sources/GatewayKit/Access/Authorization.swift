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
            return isForm ? formDecoded(value) : percentDecoded(value)
        }
        return nil
    }

    static func percentDecoded(_ text: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == UInt8(ascii: "%") {
                guard let octet = PercentCoding.octet(at: index, in: text) else { return nil }
                bytes.append(octet)
                index += 3
            } else {
                bytes.append(text[index])
                index += 1
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The same of what a form sent, where a plus is a space.
    static func formDecoded(_ text: ArraySlice<UInt8>) -> String? {
        percentDecoded(text.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...])
    }
}
