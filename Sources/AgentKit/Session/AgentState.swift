// The agent's phase, and the waits that belong to it: back-off after a failure, the time limit of a drain. Which change of
// phase is legal stands in Phases; what is done to tunnels in Session.

import MachineCore
import WireWS

struct AgentState {
    /// What a deadline is for.
    enum Timer: Sendable, Hashable {
        /// The end of a back-off.
        case retry
        /// The end of the time that the host allows for a drain.
        case drain
    }

    private(set) var phase = AgentPhase.stopped
    private var backoff: Backoff
    private var deadlines = Deadlines<Timer>()
    /// Why the agent has stopped, until `takeEnd`.
    private var end: String?

    init(_ backoff: ClosedRange<Duration>) { self.backoff = Backoff(backoff) }

    var timerCount: Int { deadlines.count }
    var nextDeadline: Moment? { deadlines.next }

    /// Moves to the phase after `event`; false, and nothing happens, if the event means nothing now.
    @discardableResult
    mutating func advance(_ event: LifeEvent, _ turn: inout Turn<AgentNote>) -> Bool {
        guard let next = phase.after(event) else { return false }
        phase = next
        deadlines.cancel(.retry)
        turn.emit(.phase(next))
        return true
    }

    /// Moves to dialling; false if no dial is wanted now.
    mutating func redial(_ turn: inout Turn<AgentNote>) -> Bool {
        advance(.dial(attempt: backoff.failures + 1), &turn)
    }

    /// The next failure is a first one.
    mutating func becameStable() { backoff.reset() }

    /// Drains within the host's time limit; false if there is nothing to drain.
    mutating func drain(within duration: Duration, _ turn: inout Turn<AgentNote>) -> Bool {
        guard advance(.drain, &turn) else { return false }
        turn.log(.info, "agent.draining", [.init("withinMs", "\(duration.wholeMilliseconds)")])
        deadlines.set(.drain, at: turn.now.advanced(by: max(.zero, duration)))
        return true
    }

    /// The gateway is lost: waits before the next dial. False: there will be none.
    mutating func backOff(_ refusal: Refusal, using keys: inout KeyStream, _ turn: inout Turn<AgentNote>) -> Bool {
        let wait: Duration
        switch refusal.retry {
        case .soon: wait = backoff.next(using: &keys)
        case .slowly: wait = backoff.slow(using: &keys)
        case .never:
            turn.log(.error, "agent.replaced", [.init("reason", refusal.reason)])
            return false
        }
        let until = turn.now.advanced(by: wait)
        guard advance(.lost(until: until, reason: refusal.reason), &turn) else { return true }
        deadlines.set(.retry, at: until)
        let event = refusal.retry == .slowly ? "agent.refused" : "agent.lost"
        turn.log(.warning, event, [.init("reason", refusal.reason), .init("retryMs", "\(wait.wholeMilliseconds)")])
        return true
    }

    /// Nothing is left, and nothing will happen until `start`.
    mutating func halt(reason: String, _ turn: inout Turn<AgentNote>) {
        guard advance(.halt, &turn) else { return }
        deadlines.cancel(.drain)
        turn.log(.info, "agent.stopped", [.init("reason", reason)])
        end = reason
    }

    /// Why the agent has stopped, once.
    mutating func takeEnd() -> String? { end.take() }

    /// A deadline that has expired; it is taken off before it is acted on.
    mutating func popExpired(at now: Moment) -> Timer? { deadlines.popExpired(at: now) }
}

extension Moment {
    /// The earlier of two moments of which either may be missing; nil if both are.
    static func earliest(_ first: Moment?, _ second: Moment?) -> Moment? {
        guard let first else { return second }
        return second.map { min($0, first) } ?? first
    }
}
