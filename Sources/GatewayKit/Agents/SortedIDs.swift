// The ids of all agents in order, so that a page of a hundred costs a hundred among a hundred thousand. What comes and goes is
// noted, and put in its place when somebody asks for the order: few changes one by one, many by a sort and a merge.

/// A set of ids that knows their order when asked.
struct SortedIDs: Sendable {
    private var sorted: [String] = []
    /// Changes since the order was last asked for: true for one that is there now.
    private var changes: [String: Bool] = [:]

    mutating func set(_ id: String, isThere: Bool) {
        changes[id] = isThere
        if changes.count >= Self.manyChanges { settle() }
    }

    /// All of them, in order.
    mutating func all() -> [String] {
        settle()
        return sorted
    }

    /// So few changes are cheaper one by one, each of which moves what stands behind it.
    private static let fewChanges = 16
    /// So many are not put off any longer: the order may never be asked for.
    private static let manyChanges = 4_096

    private mutating func settle() {
        if changes.count <= Self.fewChanges {
            for (id, isThere) in changes { settle(id, isThere) }
        } else {
            merge(changes.filter { $0.value }.keys.sorted())
        }
        changes = [:]
    }

    private mutating func settle(_ id: String, _ isThere: Bool) {
        let place = place(of: id)
        let isFound = place < sorted.count && sorted[place] == id
        if isThere, !isFound { sorted.insert(id, at: place) }
        if !isThere, isFound { sorted.remove(at: place) }
    }

    /// Where an id is, or would be.
    private func place(of id: String) -> Int {
        var range = 0..<sorted.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = sorted[middle] < id ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }

    private mutating func merge(_ added: [String]) {
        var merged: [String] = []
        merged.reserveCapacity(sorted.count + added.count)
        var rest = added[...]
        for id in sorted {
            while let first = rest.first, first < id { merged.append(rest.removeFirst()) }
            if changes[id] == nil { merged.append(id) }
        }
        sorted = merged + rest
    }
}
