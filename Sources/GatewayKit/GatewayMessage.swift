// The messages between a gateway and its host, beside what happens on connections.

import MachineCore

/// A message of the host to a gateway. (What is large and rare is indirect, here and below: it would make every input and
/// output so.)
public enum GatewayMessage: Sendable {
    /// Stop: tell the agents, let what is in flight finish within that time, then close everything and emit `drained`.
    case drain(within: Duration)
    /// From now on behave so: tokens, routes and timeouts at once, limits for new connections.
    indirect case reconfigure(GatewayConfiguration)
    /// Visitors that come to the listener with this number are sent to https, at that port.
    case redirect(listener: Int, toPort: UInt16)
    /// What a certificate authority is to find at `/.well-known/acme-challenge/` of such listeners (RFC 8555 §8.3): key
    /// authorisations by token, instead of those before.
    indirect case challenges([String: String])
    /// A client's TLS handshake failed, so that its connection was never announced; the reason is for people.
    indirect case handshakeFailed(peer: String, reason: String)
    /// How the certificates are, for the pages and metrics of the first loop.
    indirect case certificates([CertificateStatus])
    /// From another loop of the same gateway.
    indirect case loop(LoopMessage)
}

/// A note of a gateway to its host.
public enum GatewayNote: Sendable {
    /// For the log.
    indirect case log(LogRecord)
    /// An agent is gone, or back: an alert is due.
    indirect case alert(AgentAlert)
    /// An agent whose id takes a token has registered with one.
    case agentRegistered(id: String)
    /// For the access log.
    indirect case access(AccessRecord)
    /// The drain began: accept no more connections.
    case draining
    /// For other loops of the same gateway.
    indirect case loop(LoopNote)
    /// After `drain`: nothing is left.
    case drained
}
