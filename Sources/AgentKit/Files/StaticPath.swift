// From the path of a request to names of files (RFC 3986 §2.1, §3.3). Decoded once, after it was split: a slash that came as
// %2F is a byte of a name, and no name may hold one.
//
// Refused as malformed: a percent sign without two hexadecimal digits, zero bytes, slashes and backslashes within a name, `.`
// and `..` however they are written. Hidden: names that begin with a dot, and empty names, since `//x` would become a redirect
// to another host.

import HTTPCodec

enum StaticPathError: Error, Hashable {
    /// No file can be meant.
    case malformed
    /// A file may be meant that is not shown.
    case hidden
}

enum StaticPath {
    /// The names in `path`, in which a scalar is a byte. After a slash at the end comes `index.html`.
    static func names(in path: String, withDotFiles: Bool) throws(StaticPathError) -> [[UInt8]] {
        var bytes: [UInt8] = []
        for scalar in path.unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { throw .malformed }
            bytes.append(byte)
        }
        guard bytes.first == slash else { throw .malformed }
        var names: [[UInt8]] = []
        for segment in bytes.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            names.append(try name(segment))
        }
        if names.last?.isEmpty == true { names[names.count - 1] = Array("index.html".utf8) }
        for name in names where name.isEmpty || (name.first == dot && !withDotFiles) { throw .hidden }
        return names
    }

    private static func name(_ segment: ArraySlice<UInt8>) throws(StaticPathError) -> [UInt8] {
        var name: [UInt8] = []
        name.reserveCapacity(segment.count)
        var index = segment.startIndex
        while index < segment.endIndex {
            var byte = segment[index]
            if byte == UInt8(ascii: "%") {
                guard let octet = PercentEncoding.octet(at: index, in: segment) else { throw .malformed }
                byte = octet
                index += 2
            }
            guard byte != 0, byte != slash, byte != UInt8(ascii: "\\") else { throw .malformed }
            name.append(byte)
            index += 1
        }
        if name == [dot] || name == [dot, dot] { throw .malformed }
        return name
    }

    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")
}
