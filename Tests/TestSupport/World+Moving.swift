// A connection that goes from one machine to another of the same program, as between the loops of a daemon. On its way it is
// nobody's: what the peer sends waits, what was written travels on, and what happens is told to whoever takes it over.

import MachineCore

/// A connection between two machines of one program.
public struct Parcel {
    let link: Link
    let side: Int
}

extension Host {
    /// Takes the connection from the machine, without a word to it; nil if it is over or closing.
    public func detachConnection(_ id: ConnectionID) -> Parcel? {
        guard let (link, side) = ends[id], !link.ends[side].isClosed, !link.ends[side].isClosing else { return nil }
        detach(id)
        link.leave(side)
        return Parcel(link: link, side: side)
    }

    /// Takes the connection over; its id here. The caller tells the machine, and then calls `resume`.
    public func adopt(_ parcel: Parcel) -> ConnectionID {
        let id = newID()
        parcel.link.arrive(parcel.side, at: self, as: id)
        attach(parcel.link, side: parcel.side)
        return id
    }

    /// The machine knows the connection, and hears what happened to it on its way.
    /// Nothing, if the machine has sent it on at once: then it is for the next one to hear.
    public func resume(_ parcel: Parcel) {
        guard let (link, _) = ends[parcel.link.ends[parcel.side].id], link === parcel.link else { return }
        parcel.link.resume(parcel.side)
    }
}
