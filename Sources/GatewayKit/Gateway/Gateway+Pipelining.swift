// Requests that are here before the responses ahead of them are out (RFC 9112 §9.3.2). Between two requests a connection pauses:
//
//   - while more than `maximumUnread` bytes of earlier responses wait for its peer to read them: memory is bounded, whatever the
//     responses are. Nothing is read meanwhile, and a peer that reads nothing for `writeTimeout` is cut.
//   - once it has had its share of a turn of the loop: the rest goes on in the next turn, after everybody else's events.
//
// What was read beyond the request stays in the decoder: one read of the transport at most.

import HTTPCodec
import MachineCore

/// Connections that are to go on in the next turn.
struct PausedVisitors {
    private var due: [ConnectionID] = []

    /// Whether nobody waits for the next turn.
    var isEmpty: Bool { due.isEmpty }

    /// Responses of the gateway's own that one connection gets in one turn. (One of an agent takes a turn at least by itself.)
    static let share = 16
    /// Bytes of responses that may wait for their reader before another request is taken. One response more may be added.
    static let maximumUnread = 64 * 1024

    /// The connection goes on in the next turn.
    mutating func add(_ id: ConnectionID, _ visitor: Visitor) {
        guard !visitor.isDue else { return }
        visitor.isDue = true
        due.append(id)
    }

    /// All that are to go on, in the order in which they paused.
    mutating func takeDue() -> [ConnectionID] {
        defer { due = [] }
        return due
    }
}

extension Visitor {
    /// Whether responses wait for the peer to read them.
    var isUnread: Bool { queuedBytes > PausedVisitors.maximumUnread }

    /// Whether the next request, of which something is here, waits.
    fileprivate var mustPause: Bool { isUnread || ownResponses >= PausedVisitors.share }
}

extension Gateway {
    /// Something of the next request is here: whether the connection pauses before it.
    mutating func pausesBeforeNext(_ id: ConnectionID, _ visitor: Visitor, _ now: Moment, _ outputs: inout Outputs) -> Bool {
        guard visitor.mustPause else { return false }
        setReading(id, false, &outputs)
        visitor.phase = .paused
        visitor.decoder.keepUnread()
        if !visitor.isUnread { paused.add(id, visitor) }
        setDeadline(of: id, at: now.advanced(by: configuration.limits.writeTimeout))
        return true
    }

    /// The peer has read something of what a paused connection was sent.
    mutating func pausedVisitorRead(_ id: ConnectionID, _ visitor: Visitor) {
        if !visitor.isUnread { paused.add(id, visitor) }
    }

    /// A turn later: those that paused take further requests.
    mutating func resumePaused(_ now: Moment, _ outputs: inout Outputs) {
        for id in paused.takeDue() {
            guard let visitor = visitors[id] else { continue }
            visitor.isDue = false
            guard visitor.phase == .paused, !visitor.isUnread else { continue }
            visitor.phase = .receivingHead
            visitor.ownResponses = 0
            setDeadline(of: id, at: now.advanced(by: configuration.limits.headTimeout))
            setReading(id, true, &outputs)
            pumpVisitor(id, now, &outputs)
        }
    }
}
