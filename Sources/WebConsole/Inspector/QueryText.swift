// Queries as forms write them (WHATWG URL, application/x-www-form-urlencoded): names and values between `&` and `=`, spaces as
// `+`, other bytes as `%XX`. Refuses nothing: a `%` without two digits stands for itself.

/// A query, taken apart.
enum QueryText {
    /// One `name=value`, as written. Without `=` there is a name only.
    struct Parameter {
        var name: ArraySlice<UInt8>
        var value: ArraySlice<UInt8>?
    }

    /// The parameters in order; empty ones too, so that joining them with `&` gives the query back.
    static func parameters(_ query: ArraySlice<UInt8>) -> [Parameter] {
        query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).map { part in
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return Parameter(name: part, value: nil) }
            return Parameter(name: part[..<equals], value: part[(equals + 1)...])
        }
    }

    /// What the text stands for; bytes that are not UTF-8 become U+FFFD.
    static func decoded(_ text: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "%"), text.endIndex - index > 2,
                let high = Self.digit(text[index + 1]), let low = Self.digit(text[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
