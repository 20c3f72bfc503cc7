// What the components of a gateway are handed with each thing that happens: when it happened, and where to put what is to be
// done.

import MachineCore

typealias Turn = MachineCore.Turn<GatewayNote>

extension GatewayNote: LoggingNote {}

extension Turn {
    /// Something for all other loops to know.
    mutating func broadcast(_ broadcast: LoopBroadcast) { emit(.loop(LoopNote(.broadcast(broadcast)))) }
}

extension Moment? {
    /// The earlier of two moments, of which either may not be.
    @inline(__always) func earlier(_ other: Moment?) -> Moment? {
        guard let self, let other else { return self ?? other }
        return min(self, other)
    }
}
