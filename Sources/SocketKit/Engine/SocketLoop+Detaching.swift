// Handing a connection from one loop to another: the descriptor, the bytes that it has not taken yet, and what both directions
// have come to. The connection keeps everything but its id.
//
// Unsafe here: the promise that a TLS layer may go to another thread. It is kept, because the loop that gives a connection away
// forgets its layer, one loop at most takes it, and the engine touches its context only in handshakes, which are over.

import MachineCore
import Synchronization

/// A connection between two loops. If no loop adopts it, it is closed when it is released.
public final class DetachedConnection: Sendable {
    let descriptor: Atomic<Int32>
    let unwritten: [UInt8]
    let unreported: Int
    let marks: Connection.Marks
    nonisolated(unsafe) let tls: TLSLayer?

    init(descriptor: Int32, unwritten: [UInt8], unreported: Int, marks: Connection.Marks, tls: TLSLayer?) {
        self.descriptor = Atomic(descriptor)
        self.unwritten = unwritten
        self.unreported = unreported
        self.marks = marks
        unsafe self.tls = tls
    }

    deinit {
        let descriptor = descriptor.load(ordering: .acquiring)
        if descriptor >= 0 { systemClose(descriptor) }
    }
}

extension SocketLoop {
    /// Takes the connection out of this loop, for another to adopt. No event follows here, not even `closed`; bytes that the
    /// socket took and no `wrote` has reported are reported by the other loop. Nil if it is gone, failed or closing.
    public func detach(_ id: ConnectionID) -> DetachedConnection? {
        writeLent()
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return nil }
        guard connections.entries[slot].failure == nil else { return nil }
        let entry = connections.entries[slot]
        if let layer = entry.tls, !layer.isOpen { return nil }
        statistics.queuedBytes -= entry.tls?.outgoing.count ?? 0
        connections.entries[slot].tls = nil
        let isWatched = entry.marks.contains(.watched)
        let descriptor = isWatched ? poller.release(entry.descriptor) : entry.descriptor
        release(slot)
        connections.entries[slot].descriptor = -1
        free(slot)
        guard descriptor >= 0 else { return nil }
        let kept: Connection.Marks = [.paused, .sawEOF, .finishing, .finished, .encrypted]
        return DetachedConnection(
            descriptor: descriptor, unwritten: Array(entry.queue.unsent), unreported: entry.unreported,
            marks: entry.marks.intersection(kept), tls: entry.tls)
    }

    /// Takes over a connection that another loop detached, and returns its id here, under which its events go on. Nil if it was
    /// adopted before; if it cannot be watched, `closed` says so.
    public func adopt(_ connection: DetachedConnection) -> ConnectionID? {
        let descriptor = connection.descriptor.exchange(-1, ordering: .acquiringAndReleasing)
        guard descriptor >= 0 else { return nil }
        let slot = connections.insert(descriptor, .open)
        connections.entries[slot].marks = connection.marks
        connections.entries[slot].unreported = connection.unreported
        unsafe connections.entries[slot].tls = connection.tls
        statistics.queuedBytes += connections.entries[slot].tls?.outgoing.count ?? 0
        if !connection.unwritten.isEmpty {
            connections.entries[slot].queue.append(connection.unwritten[...], pool: &pool)
            statistics.queuedBytes += connection.unwritten.count
        }
        touch(slot)
        return connections.id(of: slot)
    }
}
