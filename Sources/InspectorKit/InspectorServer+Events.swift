// Who watches the local inspector: server-sent events (WHATWG HTML §9.2), at most four a second. A watcher that does not read
// is told nothing until it has caught up, and then that it missed something; one that never catches up is cut.

import HTTPCodec
import Inspection
import MachineCore

extension InspectorServer {
    /// Begins an answer that does not end.
    mutating func watch(
        _ id: ConnectionID, _ client: InspectorClient, _ head: HTTPRequestHead, _ now: Moment,
        _ outputs: inout [MachineOutput<Note>]
    ) {
        let start = InspectorResponse(200, "text/event-stream", ServerSentEvent.comment)
        guard head.method == "GET" else { return respond(to: id, start, now, &outputs) }
        client.phase = .watching
        write(start.bytes(isWhole: false), to: id, client, now, &outputs)
    }

    /// Something happened to this exchange. Without watchers there is nobody to collect it for.
    mutating func tellSoon(_ number: UInt64, _ now: Moment) {
        guard !watchers.isEmpty else { return }
        news.insert(number)
        guard deadlines[.events] == nil else { return }
        let earliest = lastEvent.map { $0.advanced(by: Self.eventPace) } ?? now
        deadlines.set(.events, at: max(now, earliest))
    }

    mutating func tellNews(_ now: Moment, _ outputs: inout [MachineOutput<Note>]) {
        let exchanges = news.sorted().compactMap { store[$0] }
        news = []
        lastEvent = now
        guard !exchanges.isEmpty else { return }
        let event = ExchangeJSON.event(exchanges)
        for id in watchers {
            guard let client = clients[id] else { continue }
            if client.events.admits(unread: client.unwritten) { write(event, to: id, client, now, &outputs) }
        }
    }

    private var watchers: [ConnectionID] { clients.allIDs.filter { clients[$0]?.phase == .watching } }
}
