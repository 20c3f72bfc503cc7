// A gateway of one or several loops on a simulated network, and what its host does for it: connections and messages go from
// loop to loop, one step after they were sent and in order. Every loop accepts connections, in turn.

import GatewayKit
import MachineCore
import TestSupport

/// All loops of a gateway.
final class TestGateway {
    /// By number.
    let loops: [Host<Gateway>]
    private let network: SimulatedNetwork
    private var drainedLoops: Set<Int> = []
    private let mail: LoopMail<Gateway>
    /// How often a connection changed loops.
    var moves: Int { mail.moves }

    init(_ configuration: GatewayConfiguration, in network: SimulatedNetwork, loops count: Int) {
        self.network = network
        let clock = WallClock(unixNanosecondsAtZero: 1_775_798_482_000_000_000)
        loops = (0..<count).map { network.add(Gateway(configuration, clock: clock, loop: $0, of: count)) }
        mail = LoopMail(between: loops) { network.later($0) }
        for (index, loop) in loops.enumerated() { loop.onNote = { [unowned self] in take($0, of: index) } }
        network.listen(loops, on: gatewayEndpoint)
    }

    /// What the loops hold together.
    var counters: GatewayCounters {
        loops.map(\.machine.counters).reduce(into: GatewayCounters()) { sum, counters in
            sum.visitors += counters.visitors
            sum.agents += counters.agents
            sum.registeredAgents += counters.registeredAgents
            sum.openStreams += counters.openStreams
            sum.bufferedBytes += counters.bufferedBytes
        }
    }

    var hasDrained: Bool { drainedLoops.count == loops.count }

    func send(_ message: GatewayMessage) {
        for loop in loops { loop.send(message) }
    }

    /// Takes it off the network, as a power cut would.
    func remove() {
        for loop in loops { network.remove(loop) }
    }

    private func take(_ note: GatewayNote, of index: Int) {
        switch note {
        case .log, .access, .alert, .agentRegistered, .draining: break
        case .drained: drainedLoops.insert(index)
        case .loop(let note): carry(note.content, from: index)
        }
    }

    private func carry(_ note: LoopNote.Content, from index: Int) {
        switch note {
        case .broadcast(let broadcast): mail.post(.loop(LoopMessage(.broadcast(broadcast, from: index))), toAllBut: index)
        case .report(let report): mail.post(.loop(LoopMessage(.report(report, from: index))), to: 0)
        case .move(let id, let visitor, let target):
            guard mail.move(id, from: index, to: target, as: { .loop(LoopMessage(.adopt($0, visitor))) }) else {
                return loops[index].send(.loop(LoopMessage(.moveFailed)))
            }
        }
    }
}
