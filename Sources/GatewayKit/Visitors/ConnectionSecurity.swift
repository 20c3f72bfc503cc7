// What TLS on a visitor's connection came to. The transport speaks it; here it is known who is at the other end, and that
// nobody else listens.

import MachineCore

/// What is kept of a connection's handshake. One object, since each of its requests refers to it.
final class ConnectionSecurity: Sendable {
    /// `TLSv1.3` or `TLSv1.2`.
    let version: String
    /// Whom the client's certificate is about; nil: it presented none.
    let clientSubject: String?

    init(_ facts: TLSFacts) {
        version = facts.version
        clientSubject = facts.peerSubject
    }
}
