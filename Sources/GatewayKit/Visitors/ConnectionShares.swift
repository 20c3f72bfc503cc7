// How many connections each address has, on this loop and on the others. What an address has here is broadcast to the others
// when it has changed by a sixteenth of a loop's part of the limit: so the sum is right to a sixteenth of it, and nothing is
// sent of those that have few. Bounded by the connections that there are.

import MachineCore

/// Connections by address (in IPv6 by /64).
struct ConnectionShares: Sendable {
    private var here: [NetworkAddress: Int] = [:]
    /// The last broadcast to the others.
    private var told: [NetworkAddress: Int] = [:]
    /// The last broadcasts of the others, by loop.
    private var elsewhere: [[NetworkAddress: Int]]
    /// Whose number has changed since the last broadcast.
    private var changed: Set<NetworkAddress> = []

    /// One of `loops` loops.
    init(loops: Int) { elsewhere = Array(repeating: [:], count: loops) }

    /// How many addresses are remembered.
    var count: Int { here.count + told.count + elsewhere.reduce(0) { $0 + $1.count } }

    /// Another connection of this address; how many it has now.
    mutating func add(_ address: NetworkAddress) -> Int {
        let count = here[address, default: 0] + 1
        here[address] = count
        if elsewhere.count > 1 { changed.insert(address) }
        return elsewhere.reduce(count) { $0 + ($1[address] ?? 0) }
    }

    /// One of its connections is gone.
    mutating func remove(_ address: NetworkAddress) {
        let count = (here[address] ?? 0) - 1
        here[address] = count > 0 ? count : nil
        if elsewhere.count > 1 { changed.insert(address) }
    }

    /// The broadcast that is due now, if an address may have `limit` connections.
    mutating func takeChanges(limit: Int) -> [(NetworkAddress, Int)] {
        guard !changed.isEmpty else { return [] }
        let step = max(1, limit / (16 * elsewhere.count))
        var changes: [(NetworkAddress, Int)] = []
        for address in changed {
            let (count, before) = (here[address] ?? 0, told[address] ?? 0)
            guard count == 0 && before > 0 || abs(count - before) >= step else { continue }
            told[address] = count > 0 ? count : nil
            changes.append((address, count))
        }
        changed = []
        return changes
    }

    /// Another loop has so many of this address.
    mutating func receive(_ address: NetworkAddress, _ count: Int, from loop: Int) {
        guard elsewhere.indices.contains(loop) else { return }
        elsewhere[loop][address] = count > 0 ? count : nil
    }
}
