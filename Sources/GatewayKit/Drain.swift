// How far a gateway's stop has come.

import MachineCore

struct Drain {
    /// When what is in flight is cut; nil: there is no drain, or that has been done.
    private(set) var deadline: Moment?
    private(set) var isOn = false
    /// Nothing was left, and `drained` was emitted.
    private(set) var hasEnded = false
    private var end = Moment()

    mutating func begin(until deadline: Moment) {
        isOn = true
        self.deadline = deadline
        end = deadline
    }

    /// Whether its time has passed.
    func isOver(_ now: Moment) -> Bool { isOn && end <= now }

    /// What was in flight has been cut.
    mutating func timePassed() { deadline = nil }

    mutating func finish() {
        hasEnded = true
        deadline = nil
    }
}
