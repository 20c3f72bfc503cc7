// The phases of a connection to the inspector: every phase with every event.

import Testing

@testable import InspectorKit

@Suite struct InspectorClientTests {
    @Test func everyPhaseWithEveryEvent() {
        typealias Phase = InspectorClient.Phase
        typealias Event = InspectorClient.Event
        let events: [Event] = [.sentAgain(call: 7), .beganEvents, .responded]
        let table: [(phase: Phase, after: [Phase?])] = [
            (.reading, [.replaying(call: 7), .following, .closing]),
            (.replaying(call: 3), [nil, nil, .closing]),
            (.following, [nil, nil, nil]),
            (.closing, [nil, nil, nil]),
        ]
        for (phase, after) in table {
            #expect(events.map { InspectorClient.phase(after: $0, in: phase) } == after, "\(phase)")
        }
    }

    @Test func anEventOutOfPlaceChangesNothing() {
        let client = InspectorClient()
        #expect(client.advance(.responded) && !client.advance(.beganEvents) && client.phase == .closing)
    }
}
