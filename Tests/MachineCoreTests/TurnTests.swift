// A turn as a machine uses it: what it appends, in which order, and that the caller's array is moved, not copied.

import MachineCore
import Testing

@Suite struct TurnTests {
    private enum Note: LoggingNote, Equatable {
        case log(LogRecord)
        case done
    }

    private let connection = ConnectionID(slot: 1, generation: 1)

    @Test func outputsKeepTheirOrderBehindThoseOfTheCaller() {
        var outputs: [MachineOutput<Note>] = [.note(.done)]
        var turn = Turn(now: Moment(nanoseconds: 7), taking: &outputs)
        #expect(outputs.isEmpty)
        turn.emit(.abort(connection))
        turn.emit(.done)
        turn.end(into: &outputs)
        #expect(turn.now == Moment(nanoseconds: 7))
        #expect(outputs == [.note(.done), .transport(.abort(connection)), .note(.done)])
    }

    @Test func theContextComesFirstInEachRecord() {
        var outputs: [MachineOutput<Note>] = []
        var turn = Turn(now: Moment(), taking: &outputs, logContext: [.init("agent", "pi")])
        turn.log(.info, "agent.stopped", [.init("reason", "drained")])
        turn.log(.debug, "agent.idle")
        turn.end(into: &outputs)
        #expect(
            outputs == [
                .note(.log(LogRecord(.info, "agent.stopped", [.init("agent", "pi"), .init("reason", "drained")]))),
                .note(.log(LogRecord(.debug, "agent.idle", [.init("agent", "pi")]))),
            ])
    }

    @Test func theArrayIsMovedThereAndBack() {
        var outputs: [MachineOutput<Note>] = []
        outputs.reserveCapacity(64)
        let before = outputs.withUnsafeBufferPointer { $0.baseAddress }
        var turn = Turn(now: Moment(), taking: &outputs)
        for _ in 0..<32 { turn.emit(.done) }
        turn.end(into: &outputs)
        #expect(outputs.withUnsafeBufferPointer { $0.baseAddress } == before)
        #expect(outputs.count == 32)
    }
}
