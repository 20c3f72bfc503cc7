// Request targets (RFC 9112 §3.2) and authorities (RFC 3986 §3.2, RFC 9110 §7.2). Taken apart, never decoded or normalised:
// what is routed and what is forwarded must be the same bytes.
//
//     request-target = origin-form / absolute-form / authority-form / asterisk-form
//
// Refused: a form that does not belong to the method, a fragment, user information in an authority, and illegal authorities.

/// A request target, its parts as views of the given bytes.
public enum HTTPTarget: Sendable, Hashable {
    /// `/where?q=now`: a path that begins with "/", and the query after "?", nil if there is no "?".
    case origin(path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?)
    /// `http://host:80/where?q=now`, as sent to proxies. The path may be empty, else it begins with "/".
    case absolute(scheme: ArraySlice<UInt8>, authority: ArraySlice<UInt8>, path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?)
    /// `host:443`, for CONNECT only.
    case authority(ArraySlice<UInt8>)
    /// `*`, for OPTIONS only.
    case asterisk

    /// Takes `target` apart, or gives nil if it has no form that a request with `method` may have.
    public static func parse(_ target: ArraySlice<UInt8>, method: String) -> HTTPTarget? {
        guard let first = target.first, Scan.isTarget(target), !target.contains(numberSign) else {
            return nil
        }
        if method == "CONNECT" {
            guard HTTPHost.hasPort(target), HTTPHost.isLegal(target) else { return nil }
            return .authority(target)
        }
        if first == Octet.slash {
            let (path, query) = split(target)
            return .origin(path: path, query: query)
        }
        if target == [star] { return method == "OPTIONS" ? .asterisk : nil }
        return absolute(target)
    }

    /// `absolute-form = scheme "://" authority path-abempty [ "?" query ]`
    private static func absolute(_ target: ArraySlice<UInt8>) -> HTTPTarget? {
        guard let colon = target.firstIndex(of: Octet.colon), let first = target.first, isLetter(first) else { return nil }
        let scheme = target[..<colon]
        guard scheme.allSatisfy({ isLetter($0) || Octet.isDigit($0) || schemePunctuation.contains($0) }) else { return nil }
        let rest = target[(colon + 1)...]
        guard rest.starts(with: [Octet.slash, Octet.slash]) else { return nil }
        let afterSlashes = rest.dropFirst(2)
        let authorityEnd = afterSlashes.firstIndex { $0 == Octet.slash || $0 == questionMark } ?? afterSlashes.endIndex
        let authority = afterSlashes[..<authorityEnd]
        guard !authority.isEmpty, HTTPHost.isLegal(authority) else { return nil }
        let (path, query) = split(afterSlashes[authorityEnd...])
        return .absolute(scheme: scheme, authority: authority, path: path, query: query)
    }

    private static func split(_ bytes: ArraySlice<UInt8>) -> (path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?) {
        guard let mark = bytes.firstIndex(of: questionMark) else { return (bytes, nil) }
        return (bytes[..<mark], bytes[(mark + 1)...])
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    private static let numberSign: UInt8 = 0x23
    private static let questionMark: UInt8 = 0x3f
    private static let star: UInt8 = 0x2a
    private static let schemePunctuation: [UInt8] = [0x2b, 0x2d, 0x2e]
}
