// A time limit that moves with every request and seldom passes: it stands in a heap of time limits no earlier than where it was
// put first, so that moving it away costs nothing.

import MachineCore

/// One time limit of a connection.
struct LazyDeadline {
    private var moment: Moment?
    /// Where it stands in the heap; never later than `moment`.
    private var armed: Moment?

    /// It is at `moment` from now on, or nowhere. The moment to put it into the heap at; nil: it stands there early enough.
    @inline(__always) mutating func set(_ moment: Moment?) -> Moment? {
        self.moment = moment
        guard let moment else { return nil }
        if let armed, armed <= moment { return nil }
        armed = moment
        return moment
    }

    /// Its entry in the heap has come up. Whether it has passed; if not, the moment to put it there again.
    mutating func comeUp(_ now: Moment) -> (hasPassed: Bool, again: Moment?) {
        armed = nil
        guard let due = moment else { return (false, nil) }
        guard due <= now else { return (false, set(due)) }
        moment = nil
        return (true, nil)
    }
}
