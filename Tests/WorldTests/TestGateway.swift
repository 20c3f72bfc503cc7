// A gateway of one or several loops in a world, and what its host does for it: connections and words go from loop to loop, one
// step after they were sent and in order. Every loop accepts connections, in turn.

import GatewayKit
import MachineCore
import TestSupport

/// All loops of a gateway.
final class TestGateway {
    /// By number.
    private(set) var loops: [Host<Gateway>] = []
    private let world: World
    private var drainedLoops: Set<Int> = []
    /// How often a connection changed loops.
    private(set) var moves = 0

    init(_ configuration: GatewayConfiguration, in world: World, loops count: Int) {
        self.world = world
        let clock = WallClock(unixNanosecondsAtZero: 1_775_798_482_000_000_000)
        for index in 0..<count {
            let loop = world.add(Gateway(configuration, clock: clock, loop: index, of: count), listeningOn: gatewayEndpoint)
            loop.onNote = { [unowned self] in take($0, of: index) }
            loops.append(loop)
        }
        world.listen(loops, on: gatewayEndpoint)
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
        for loop in loops { world.remove(loop) }
    }

    private func take(_ note: GatewayNote, of index: Int) {
        switch note {
        case .log, .access, .alert, .draining: break
        case .drained: drainedLoops.insert(index)
        case .loop(let note): carry(note.content, from: index)
        }
    }

    private func carry(_ note: LoopNote.Content, from index: Int) {
        switch note {
        case .broadcast(let broadcast):
            for other in loops.indices where other != index {
                world.later { [loops] in loops[other].send(.loop(LoopMessage(.broadcast(broadcast, from: index)))) }
            }
        case .report(let report):
            world.later { [loops] in loops[0].send(.loop(LoopMessage(.report(report, from: index)))) }
        case .move(let id, let visitor, let target):
            guard let parcel = loops[index].detachConnection(id) else {
                return loops[index].send(.loop(LoopMessage(.moveFailed)))
            }
            moves += 1
            world.later { [loop = loops[target]] in
                loop.send(.loop(LoopMessage(.adopt(loop.adopt(parcel), visitor))))
                loop.resume(parcel)
            }
        }
    }
}
