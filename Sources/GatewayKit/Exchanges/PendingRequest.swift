// A request for an agent's web service before an agent has it: at first, after an agent refused it, while it waits, and on its
// way to another loop.

import MachineCore
import TunnelLink

/// A request that is to be given to an agent.
struct PendingRequest: Sendable {
    var request: VisitorRequest
    let route: WebRoute
    /// The tunnels that refused it unprocessed.
    var refusedBy: [ConnectionID] = []
    /// It waits no longer than until then, however often it is taken up; nil: it has not waited yet.
    var waitUntil: Moment?
}

/// An exchange for as long as it lasts: the slot (low 32 bits) is reused, the generation (high 32 bits) tells those that used
/// it apart.
struct ExchangeID: Sendable, Hashable {
    let rawValue: UInt64

    init(slot: Int, generation: UInt32) { rawValue = UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: slot)) }

    var slot: Int { Int(truncatingIfNeeded: rawValue & 0xffff_ffff) }
}
