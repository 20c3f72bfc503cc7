// Event streams: responses of the gateway's own that never end (server-sent events, WHATWG HTML §9.2). An event is
// made once and sent to all watchers of its topic. One that does not read gets nothing until it has caught up, and then learns
// that it missed something; its memory is bounded, and the others do not wait for it.

import HTTPCodec
import MachineCore

/// What can be watched.
enum WatchTopic: Hashable, Sendable {
    /// The agents and the gateway as a whole.
    case status
    /// What one agent exchanges.
    case exchanges(String)
}

final class EventStreams {
    /// A visitor that watches.
    private struct Watcher {
        let visitor: VisitorConnection
        let topic: WatchTopic
        /// Whose share of those that watch it is.
        let client: NetworkAddress
        var subscription = EventSubscription()
    }

    private let shares: AddressShares
    private var watchers: [ConnectionID: Watcher] = [:]
    private var byTopic: [WatchTopic: [ConnectionID]] = [:]

    init(_ shares: AddressShares) { self.shares = shares }

    /// Why no further watcher is admitted now; nil: one more is.
    func objection(to request: VisitorRequest, of visitor: VisitorConnection, _ turn: inout Turn) -> GatewayError? {
        guard watchers.count < GatewayLimits.eventStreams else { return .overloaded }
        let client = shares.client(visitor, request.head)
        let share = shares.watchers(of: client)
        guard watchers.count >= share, watchers.values.count(where: { $0.client == client }) >= share else { return nil }
        shares.log("watchers", client.text, &turn)
        return .tooManyRequests(seconds: 5)
    }

    /// Begins a response that does not end, with `first`: events as text. Further ones come by `send`.
    func begin(
        _ topic: WatchTopic, _ request: VisitorRequest, of visitor: VisitorConnection, first: [UInt8], _ turn: inout Turn
    ) {
        var response = OwnResponse(200, type: "text/event-stream", body: [])
        try? response.fields.append(.xAccelBuffering, "no")
        visitor.beginEvents(response, to: request, first: first, quietLimit: EventSubscription.keepAlive, &turn)
        guard visitor.phase == .watching else { return }
        let client = shares.client(visitor, request.head)
        watchers[visitor.id] = Watcher(visitor: visitor, topic: topic, client: client)
        byTopic[topic, default: []].append(visitor.id)
    }

    /// Whether an event would reach a watcher: if not, none need be made.
    func isWatched(_ topic: WatchTopic) -> Bool { byTopic[topic] != nil }

    /// Sends whole events to all who watch `topic`.
    func send(_ topic: WatchTopic, _ events: [UInt8], _ turn: inout Turn) {
        for id in byTopic[topic] ?? [] {
            guard let visitor = watchers[id]?.visitor, visitor.phase == .watching else { continue }
            guard watchers[id]?.subscription.admits(unread: visitor.queuedBytes) == true else { continue }
            visitor.writeEvents(events, &turn)
        }
    }

    /// What was written has been taken: one that missed something can be told so.
    func visitorRead(_ visitor: VisitorConnection, _ turn: inout Turn) {
        guard visitor.queuedBytes == 0, let resync = watchers[visitor.id]?.subscription.caughtUp() else { return }
        visitor.writeEvents(resync, &turn)
    }

    /// A quiet watcher gets a comment now and then; one that does not read is cut.
    func keepAlive(_ visitor: VisitorConnection, _ turn: inout Turn) {
        if visitor.queuedBytes == 0 { visitor.writeEvents(ServerSentEvent.comment, &turn) } else { visitor.abort(&turn) }
    }

    /// The visitor watches no longer, whatever the reason. The topic, if it was the last who watched it.
    func remove(_ visitor: VisitorConnection) -> WatchTopic? {
        guard let topic = watchers.removeValue(forKey: visitor.id)?.topic else { return nil }
        byTopic[topic]?.removeAll { $0 == visitor.id }
        guard byTopic[topic]?.isEmpty == true else { return nil }
        byTopic[topic] = nil
        return topic
    }

    /// Those who watch, by topic and in the order in which they came.
    var visitors: [VisitorConnection] { byTopic.values.flatMap(\.self).compactMap { watchers[$0]?.visitor } }
}
