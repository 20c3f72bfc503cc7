// What a gateway's deadlines are for; each has one at most.

import MachineCore

enum GatewayTimer: Sendable, Hashable {
    case visitor(ConnectionID)
    case agent(ConnectionID)
    /// A proxy has not said yet whose a connection is.
    case proxyHeader(ConnectionID)
    /// How long the agent of this name has been away.
    case absence(String)
    case drain
    /// Loop 0 is to be told what was done here.
    case report
    /// Those who watch are to be told what happened.
    case news
    case inspector
    /// The other loops are to be told what addresses took.
    case charges
}
