// The tables of transitions, written out by hand: a row for each state, a column for each event; a dot where the event means
// nothing. Those of the agent's phase are in LifeTests.

import MachineCore
import Testing

@testable import AgentKit

@Suite struct TransitionTests {
    @Test func eachStageOfATunnelGoesOnlyWhereTheTableSays() {
        let table = ["PTU..X", ".TU..X", "..U..X", "...R.X", "....SX", ".....X", "......"]
        let letter: (TunnelStage?) -> Character = { stage in
            switch stage {
            case nil: "."
            case .dialing: "D"
            case .proxying: "P"
            case .securing: "T"
            case .upgrading: "U"
            case .registering: "R"
            case .serving: "S"
            case .over: "X"
            }
        }
        #expect(TunnelStage.allCases.count == table.count)
        for (stage, row) in zip(TunnelStage.allCases, table) {
            #expect(String(TunnelStage.Event.allCases.map { letter(stage.after($0)) }) == row, "\(stage)")
        }
    }

    @Test func theResponderChangesOnlyAsTheTableSays() {
        let (dial, connection, call) = (DialID(rawValue: 7), ConnectionID(slot: 1, generation: 1), HandlerCall(id: 9))
        let responders: [Responder] = [
            .collecting, .dialing(DialID(rawValue: 1)), .connection(ConnectionID(slot: 0, generation: 1)),
            .handler(HandlerCall(id: 1)), .stream(HandlerCall(id: 1)), .discarding,
        ]
        let events: [Responder.Event] = [.dial(dial), .connect(connection), .call(call), .open(call), .leave, .respond]
        let table = ["DCHS.X", ".C..L.", "D....X", ".....X", ".....X", "......"]
        let letter: (Responder?) -> Character = { responder in
            switch responder {
            case nil: "."
            case .dialing(dial): "D"
            case .connection(connection): "C"
            case .handler(call): "H"
            case .stream(call): "S"
            case .collecting: "L"
            case .discarding: "X"
            case .dialing, .connection, .handler, .stream: "?"
            }
        }
        for (responder, row) in zip(responders, table) {
            #expect(String(events.map { letter(responder.after($0)) }) == row, "\(responder)")
        }
    }
}
