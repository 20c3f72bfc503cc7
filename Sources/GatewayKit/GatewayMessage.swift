// The messages between a gateway and its host, beside what happens on connections.

import MachineCore

/// A message of the host to a gateway. (What is large and rare is indirect, here and below: it would make every input and
/// output so.)
public enum GatewayMessage: Sendable {
    /// Stop: tell the agents, let what is in flight finish within that time, then close everything and emit `drained`.
    case drain(within: Duration)
    /// From now on behave so: tokens, routes and timeouts at once, limits for new connections.
    indirect case reconfigure(GatewayConfiguration)
    /// From another loop of the same gateway.
    indirect case loop(LoopMessage)
}

/// A note of a gateway to its host.
public enum GatewayNote: Sendable {
    /// For the log.
    indirect case log(LogRecord)
    /// An agent is gone, or back: an alert is due.
    indirect case alert(AgentAlert)
    /// For the access log.
    indirect case access(AccessRecord)
    /// The drain began: accept no more connections.
    case draining
    /// For other loops of the same gateway.
    indirect case loop(LoopNote)
    /// After `drain`: nothing is left.
    case drained
}
