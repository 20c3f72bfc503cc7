// Server-sent events to a reader that may not read. It costs a bounded memory: while more than `maximumUnread` bytes wait for
// it, it is sent no events; when it has taken everything, it is told that it missed some (`resync`). One that takes nothing is
// to be cut, and a quiet one gets a comment now and then, so that no intermediary closes its connection as idle (WHATWG HTML
// §9.2.7).

/// What one reader of an event stream of our own is sent, and when.
public struct EventSubscription: Sendable, Hashable {
    /// Bytes that a reader may leave unread and still be sent events.
    public static let maximumUnread = 256 * 1024
    /// After so long without an event a reader is sent a comment.
    public static let keepAlive = Duration.seconds(15)

    /// Whether the reader was not sent an event.
    public private(set) var hasMissed = false

    /// A reader that has missed nothing.
    public init() {}

    /// Whether an event is to be sent to the reader, of which `unread` bytes wait to be taken. If not, the event counts as
    /// missed.
    public mutating func admits(unread: Int) -> Bool {
        if unread > Self.maximumUnread { hasMissed = true }
        return !hasMissed
    }

    /// What to send to the reader when it has taken everything; nil if it missed nothing.
    public mutating func caughtUp() -> [UInt8]? {
        guard hasMissed else { return nil }
        hasMissed = false
        return ServerSentEvent.resync
    }
}
