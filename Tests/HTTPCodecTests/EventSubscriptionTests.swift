// Events to readers that read, that read late, and that do not read.

import HTTPCodec
import Testing

@Suite struct EventSubscriptionTests {
    @Test func aReaderThatReadsIsSentEveryEvent() {
        var reader = EventSubscription()
        let admitted = [0, 1, EventSubscription.maximumUnread].map { reader.admits(unread: $0) }
        let resync = reader.caughtUp()
        #expect(admitted == [true, true, true] && resync == nil && !reader.hasMissed)
    }

    @Test func aReaderThatReadsLateIsToldOnceThatItMissedEvents() {
        var reader = EventSubscription()
        let admitted = [EventSubscription.maximumUnread + 1, 1].map { reader.admits(unread: $0) }
        #expect(admitted == [false, false] && reader.hasMissed)
        let resyncs = [reader.caughtUp(), reader.caughtUp()]
        #expect(resyncs == [Array("event: resync\ndata: {}\n\n".utf8), nil] && !reader.hasMissed)
    }

    @Test func anEventIsANameAndOneLine() {
        #expect(ServerSentEvent.bytes("a", Array("{\"b\":1}".utf8)) == Array("event: a\ndata: {\"b\":1}\n\n".utf8))
        #expect(ServerSentEvent.comment == Array(":\n\n".utf8))
    }
}
