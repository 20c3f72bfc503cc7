// The request target (RFC 9112 §3.2), taken apart once for each request. Routing, access policies and the inspector use the
// same parsed value, and nothing in it is decoded or normalised, so that it means the same everywhere.

/// Path and query of a target in origin-form or absolute-form.
struct RequestTarget: Sendable, Hashable {
    /// Begins with `/`.
    let path: ArraySlice<UInt8>
    /// What follows the first `?`; nil without one.
    let query: ArraySlice<UInt8>?

    /// Nil: it has another form. The authority of an absolute-form is not looked at: the tunnel leads to one place whatever a
    /// request claims.
    init?(_ target: ArraySlice<UInt8>) {
        var rest = target
        if rest.first != UInt8(ascii: "/") {
            guard let authority = Self.afterScheme(rest) else { return nil }
            rest = authority.drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            // An empty path means the root (RFC 9112 §3.2.1).
            if rest.first != UInt8(ascii: "/") {
                path = [UInt8(ascii: "/")]
                query = rest.isEmpty ? nil : rest.dropFirst()
                return
            }
        }
        let mark = rest.firstIndex(of: UInt8(ascii: "?"))
        path = rest[..<(mark ?? rest.endIndex)]
        query = mark.map { rest[($0 + 1)...] }
    }

    private static func afterScheme(_ target: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        for scheme in ["http://", "https://"] {
            let start = target.prefix(scheme.utf8.count)
            if start.elementsEqual(scheme.utf8, by: { $0 | 0x20 == $1 || $0 == $1 }) {
                return target.dropFirst(scheme.utf8.count)
            }
        }
        return nil
    }
}

extension ArraySlice<UInt8> {
    /// Whether a path is `prefix`, which has no slash at its end, or beneath it.
    func isBeneath(_ prefix: some Collection<UInt8>) -> Bool {
        let next = dropFirst(prefix.count).first
        return starts(with: prefix) && (next == nil || next == UInt8(ascii: "/"))
    }
}
