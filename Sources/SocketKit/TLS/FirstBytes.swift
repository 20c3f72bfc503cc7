// Whether a peer speaks TLS at all. OpenSSL would say "wrong version number" to whatever else comes; a person wants to know
// that a port speaks plain HTTP.

/// The first bytes of a connection, kept until they tell.
struct FirstBytes: Sendable, Hashable {
    /// What the bytes so far come to.
    enum Verdict: Sendable, Hashable {
        /// A record of TLS: a handshake, or an alert.
        case isTLS
        /// They are none of TLS, and more of them will tell what they are.
        case undecided
        case isPlainHTTP
        case isOther
    }

    /// What came before the verdict; to be read again once it is `isTLS`.
    private(set) var bytes: [UInt8] = []

    /// Bytes after which it is neither. They are waited for even if HTTP is out of the question, so that they can be shown.
    private static let enough = 8

    /// How requests and responses of HTTP begin.
    private static let beginnings = [
        "HTTP/", "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH ", "CONNECT ", "TRACE ", "PRI * ",
    ].map { Array($0.utf8) }

    /// Takes what is needed of `more`.
    mutating func add(_ more: ArraySlice<UInt8>) -> Verdict {
        for byte in more {
            bytes.append(byte)
            let verdict = self.verdict
            if verdict != .undecided { return verdict }
        }
        return bytes.isEmpty ? .undecided : verdict
    }

    private var verdict: Verdict {
        switch bytes.first {
        case nil: return .undecided
        // handshake(22) and alert(21), RFC 8446 §5.1
        case 22, 21: return .isTLS
        default: break
        }
        if Self.beginnings.contains(where: { bytes.starts(with: $0) }) { return .isPlainHTTP }
        return bytes.count < Self.enough ? .undecided : .isOther
    }
}
