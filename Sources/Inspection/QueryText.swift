// Queries as forms write them (WHATWG URL, application/x-www-form-urlencoded): names and values between `&` and `=`, spaces as
// `+`, other bytes as `%XX`. Accepts everything: a `%` without two digits stands for itself.

import HTTPCodec

/// Splits queries into parameters and decodes them.
public enum QueryText {
    /// One `name=value`, as written. Without `=` there is a name only.
    public struct Parameter: Sendable, Hashable {
        /// As written.
        public var name: ArraySlice<UInt8>
        /// As written; nil without `=`.
        public var value: ArraySlice<UInt8>?
    }

    /// The parameters in order; empty ones too, so that joining them with `&` gives the query back.
    public static func parameters(_ query: ArraySlice<UInt8>) -> [Parameter] {
        query.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).map { part in
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return Parameter(name: part, value: nil) }
            return Parameter(name: part[..<equals], value: part[(equals + 1)...])
        }
    }

    /// `text` with `+` and `%XX` decoded; bytes that are not UTF-8 become U+FFFD.
    public static func decoded(_ text: ArraySlice<UInt8>) -> String {
        String(decoding: PercentEncoding.decodedLeniently(text, isForm: true), as: UTF8.self)
    }
}
