// A connection that moves from one machine to another of the same program, as between the loops of a daemon. On its way no machine
// owns it: what the peer sends waits, what was written travels on, and what happens is reported to the machine that adopts it.

import MachineCore

/// A connection between two machines of one program.
public struct DetachedConnection {
    let link: Link
    let side: Int
}

extension Host {
    /// Takes the connection from the machine, without an event; nil if it is over or closing.
    public func detachConnection(_ id: ConnectionID) -> DetachedConnection? {
        guard let (link, side) = ends[id], !link.ends[side].isClosed, !link.ends[side].isClosing else { return nil }
        detach(id)
        link.leave(side)
        return DetachedConnection(link: link, side: side)
    }

    /// Takes the connection over; its id here. The caller tells the machine, and then calls `resume`.
    public func adopt(_ detached: DetachedConnection) -> ConnectionID {
        let id = newID()
        detached.link.arrive(detached.side, at: self, as: id)
        attach(detached.link, side: detached.side)
        return id
    }

    /// The machine knows the connection, and hears what happened to it on its way.
    /// Nothing, if the machine has sent it on at once: then it is for the next one to hear.
    public func resume(_ detached: DetachedConnection) {
        guard let (link, _) = ends[detached.link.ends[detached.side].id], link === detached.link else { return }
        detached.link.resume(detached.side)
    }
}
