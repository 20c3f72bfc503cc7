// Who watches: answers of our own that never end, as server-sent events (WHATWG HTML §9.2). What is told is made once and given to
// all who watch the same. One that does not read is told nothing until it has caught up, and then that it missed something; its
// memory is bounded, and nobody waits for it.

import HTTPCodec
import MachineCore
import WebConsole

/// What can be watched.
enum WatchTopic: Hashable, Sendable {
    /// The agents and the gateway as a whole.
    case status
    /// What one agent exchanges.
    case exchanges(String)
}

/// A visitor that watches.
struct Watching: Sendable {
    let topic: WatchTopic
    /// Whose share of those that watch it is.
    let client: NetworkAddress
    /// It was not told everything.
    var hasMissed = false
}

extension Gateway {
    /// Begins an answer that does not end, with `first`: events as text. Further ones come by `tell`.
    mutating func beginWatching(
        _ id: ConnectionID, _ request: VisitorRequest, _ topic: WatchTopic, first: [UInt8], _ now: Moment,
        _ outputs: inout Outputs
    ) {
        guard watcherCount < Self.maximumWatchers, !isDraining else {
            return answer(id, .overloaded, to: request, now, &outputs)
        }
        guard let visitor = visitors[id] else { return }
        let client = client(id, visitor, request.head)
        guard !hasShareOfWatchers(client) else {
            logShare("watchers", client.text, &outputs)
            return answer(id, .tooManyRequests(seconds: 5), to: request, now, &outputs)
        }
        var head = HTTPResponseHead(status: 200, fields: OwnAnswer(200, type: "text/event-stream", body: []).fields)
        for (name, value) in [(.server, "miagent"), (.connection, "close"), (.xAccelBuffering, "no")]
            as [(HTTPFieldName, String)]
        { try? head.fields.append(name, value) }
        var bytes: [UInt8] = []
        // Every field was made here, of checked parts.
        try? head.encode(into: &bytes, adding: date.field(clock.unixSeconds(at: now)))
        guard request.head.method == "GET" else {
            write(id, bytes[...], &outputs)
            return closeVisitor(id, now, &outputs)
        }
        visitor.phase = .watching
        visitor.watching = Watching(topic: topic, client: client)
        watchers[topic, default: []].append(id)
        watcherCount += 1
        statistics.ownAnswers.count(head.status)
        write(id, (bytes + first)[...], &outputs)
        watchWriting(id, now)
    }

    /// Whether telling would reach anybody: if not, there is nothing to make.
    func isWatched(_ topic: WatchTopic) -> Bool { watchers[topic] != nil }

    /// Sends whole events to all who watch `topic`.
    mutating func tell(_ topic: WatchTopic, _ events: [UInt8], _ now: Moment, _ outputs: inout Outputs) {
        for id in watchers[topic] ?? [] {
            guard let visitor = visitors[id] else { continue }
            guard visitor.phase == .watching, visitor.watching?.hasMissed == false,
                visitor.queuedBytes <= Self.maximumQueuedEvents
            else {
                visitor.watching?.hasMissed = true
                continue
            }
            write(id, events[...], &outputs)
            watchWriting(id, now)
        }
    }

    /// What was written has been taken: one that missed something can be told so.
    mutating func watcherCaughtUp(_ id: ConnectionID, _ visitor: Visitor, _ now: Moment, _ outputs: inout Outputs) {
        guard visitor.queuedBytes == 0, visitor.watching?.hasMissed == true else { return }
        visitor.watching?.hasMissed = false
        write(id, ServerSentEvent.resync[...], &outputs)
        watchWriting(id, now)
    }

    /// A quiet watcher gets a comment now and then; one that does not read is cut.
    mutating func watcherDeadlinePassed(_ id: ConnectionID, _ now: Moment, _ outputs: inout Outputs) {
        guard visitors[id]?.queuedBytes == 0 else { return outputs.append(.transport(.abort(id))) }
        write(id, ServerSentEvent.comment[...], &outputs)
        watchWriting(id, now)
    }

    /// The visitor watches no longer, whatever the reason.
    mutating func forgetWatcher(_ id: ConnectionID) {
        guard let watching = visitors[id]?.watching else { return }
        visitors[id]?.watching = nil
        guard let place = watchers[watching.topic]?.firstIndex(of: id) else { return }
        watchers[watching.topic]?.remove(at: place)
        watcherCount -= 1
        guard watchers[watching.topic]?.isEmpty == true else { return }
        watchers[watching.topic] = nil
        stopAnnouncing(watching.topic)
    }

    /// Ends all answers that would never end.
    mutating func dismissWatchers(_ now: Moment, _ outputs: inout Outputs) {
        for id in watchers.values.flatMap(\.self) {
            forgetWatcher(id)
            closeVisitor(id, now, &outputs)
        }
    }

    /// How long a watcher hears nothing at most.
    static var watcherQuiet: Duration { .seconds(15) }

    private static var maximumWatchers: Int { 256 }
    private static var maximumQueuedEvents: Int { 256 * 1024 }
}
