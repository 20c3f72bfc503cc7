// What a gateway and its host say to each other beside what happens on connections.

import MachineCore

/// What the host says to a gateway.
public enum GatewayMessage: Sendable {
    /// Stop: tell the agents, let what is in flight finish within that time, then close everything and say `drained`.
    case drain(within: Duration)
    /// From now on behave so: tokens, routes and timeouts at once, limits for new connections.
    case reconfigure(GatewayConfiguration)
    /// Another loop of the same gateway says so.
    case loop(LoopMessage)
}

/// What a gateway says to its host.
public enum GatewayNote: Sendable {
    /// For the log.
    case log(LogRecord)
    /// An agent is gone, or back: an alert is due.
    case alert(AgentAlert)
    /// For the access log.
    case access(AccessRecord)
    /// The drain began: accept no more connections.
    case draining
    /// For other loops of the same gateway.
    case loop(LoopNote)
    /// After `drain`: nothing is left.
    case drained
}
