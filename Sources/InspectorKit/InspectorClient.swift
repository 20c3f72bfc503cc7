// One connection to the local inspector: it carries one request and its response, and all changes of its phase are here.

import HTTPCodec
import MachineCore

/// A connection to the inspector.
final class InspectorClient {
    enum Phase: Sendable, Hashable {
        /// The request arrives. Next: any other.
        case reading
        /// The request is sent again, as the call of this number. Next: closing.
        case replaying(call: UInt64)
        /// The response goes on with events. Next: none.
        case following
        /// The response was written as a whole.
        case closing
    }

    /// What changes the phase.
    enum Event: Sendable, Hashable {
        case sentAgain(call: UInt64)
        case beganEvents
        case responded
    }

    private(set) var phase = Phase.reading
    private(set) var head: HTTPRequestHead?
    private(set) var body: [UInt8] = []
    private var decoder = HTTPRequestDecoder()
    /// Bytes that were written and not yet taken by the client.
    private(set) var unwritten = 0
    /// While it follows events.
    var events = EventSubscription()

    /// The phase after `event`; nil if the event is out of place.
    static func phase(after event: Event, in phase: Phase) -> Phase? {
        switch (phase, event) {
        case (.reading, .sentAgain(let call)): .replaying(call: call)
        case (.reading, .beganEvents): .following
        case (.reading, .responded), (.replaying, .responded): .closing
        case (.replaying, .sentAgain), (.replaying, .beganEvents), (.following, _), (.closing, _): nil
        }
    }

    /// Moves on. False if `event` is out of place, which changes nothing.
    func advance(_ event: Event) -> Bool {
        guard let next = Self.phase(after: event, in: phase) else { return false }
        phase = next
        body = []
        // One request for each connection: what follows it is discarded.
        decoder = HTTPRequestDecoder()
        return true
    }

    /// What `next` did.
    enum Step {
        case head(HTTPRequestHead)
        /// The body is longer than `limit`.
        case bodyTooLarge
        case end
        case closed
    }

    func receive(_ bytes: ArraySlice<UInt8>) throws(HTTPDecodeError) { decoder.receive(bytes) }

    /// The next step of the request that arrives; nil while more bytes are needed, and after the request. Keeps at most `limit`
    /// bytes of the body.
    func next(bodyLimit limit: Int) throws(HTTPDecodeError) -> Step? {
        while phase == .reading, let event = try decoder.next() {
            switch event {
            case .head(let head, _):
                self.head = head
                return .head(head)
            case .body(let piece):
                guard piece.count <= limit - body.count else { return .bodyTooLarge }
                body.append(contentsOf: piece)
            case .end: return .end
            case .closed: return .closed
            }
        }
        return nil
    }

    /// So many bytes were given to the transport.
    func wrote(_ count: Int) { unwritten += count }

    /// The client took so many of them.
    func took(_ count: Int) { unwritten = max(0, unwritten - count) }
}
