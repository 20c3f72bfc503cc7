// The stack of errors of a thread, of which the first says what happened and the rest who passed it on.
//
// Unsafe here: OpenSSL's text for a reason, which is a constant of its own.

/// An entry of the stack of errors.
struct OpenSSLError: Equatable {
    /// The part of OpenSSL that failed; 20 is libssl.
    var part: Int
    /// The number of the reason, within that part.
    var reason: Int
    /// The reason for people, as OpenSSL has it.
    var text: String

    /// Whether the failure is in the protocol.
    var isOfTLS: Bool { part == 20 }

    /// The alert that the peer sent, if that is why.
    var alert: Int? {
        isOfTLS && (SSLReason.alerts...SSLReason.alerts + 255).contains(reason) ? reason - SSLReason.alerts : nil
    }
}

extension OpenSSL {
    /// The oldest error of this thread; the stack is empty afterwards.
    func takeError() -> OpenSSLError {
        let code = crypto.firstError()
        defer { crypto.clearErrors() }
        if code == 0 { return OpenSSLError(part: 0, reason: 0, text: "no reason given") }
        let part = Int(truncatingIfNeeded: isVersion3 ? code >> 23 & 0xff : code >> 24 & 0xff)
        let reason = Int(truncatingIfNeeded: isVersion3 ? code & 0x7f_ffff : code & 0xfff)
        let text = unsafe crypto.errorReason(code).map { unsafe String(cString: $0) } ?? "error \(reason)"
        return OpenSSLError(part: part, reason: reason, text: text)
    }
}
