// Handshakes of clients under way, oldest first. They cost memory and time before anybody knows who asks for them, so there is
// a limit; beyond it the oldest is given up for the newest, since of those that are abandoned nothing more comes.

import MachineCore

/// The connections that were accepted, and whose handshake is not over.
struct HandshakeQueue {
    private var waiting: [ConnectionID: TLSAcceptance] = [:]
    /// In the order in which they began, with those that are over until they are the first.
    private var order: [ConnectionID] = []
    private var start = 0

    /// How many there are.
    var count: Int { waiting.count }

    /// One begins.
    mutating func append(_ id: ConnectionID, _ acceptance: TLSAcceptance) {
        waiting[id] = acceptance
        order.append(id)
    }

    /// One is over, well or not; nil if it was before.
    mutating func remove(_ id: ConnectionID) -> TLSAcceptance? {
        defer { dropFront() }
        return waiting.removeValue(forKey: id)
    }

    /// The one that began first.
    var oldest: ConnectionID? { start < order.count ? order[start] : nil }

    private mutating func dropFront() {
        while start < order.count, waiting[order[start]] == nil { start += 1 }
        guard start == order.count || start >= 64 && start >= order.count / 2 else { return }
        order.removeSubrange(..<start)
        start = 0
    }
}
