// Between two requests a connection pauses (RFC 9112 §9.3.2):
//
//   - while more than `maximumUnread` bytes of earlier responses wait for its peer to read them: memory is bounded, whatever
//     the responses are. Nothing is read meanwhile, and a peer that reads nothing for `writeTimeout` is cut.
//   - once it has had its share of a turn of the loop: the rest goes on in the next turn, after everybody else's events.
//
// What was read beyond the request stays in the decoder: one read of the transport at most.

/// What one connection may have of a turn.
struct TurnShare {
    /// Responses of the gateway's own in this turn.
    private var responses = 0
    /// It is among those that go on in the next turn.
    private var isDue = false

    /// Responses of the gateway's own that one connection gets in one turn. (One of an agent takes a turn at least by itself.)
    static let maximumResponses = 16
    /// Bytes of responses that may wait for their reader before another request is taken. One response more may be added.
    static let maximumUnread = 64 * 1024

    /// Whether the next request waits while so many bytes are unread.
    func isUsedUp(unread: Int) -> Bool { unread > Self.maximumUnread || responses >= Self.maximumResponses }

    /// The gateway made a response.
    mutating func responded() { responses += 1 }

    /// Something came: it is another turn.
    mutating func begin() { responses = 0 }

    /// Whether a paused connection joins those that go on in the next turn: it has read enough, and is not among them.
    mutating func joinsNextTurn(unread: Int) -> Bool {
        guard unread <= Self.maximumUnread, !isDue else { return false }
        isDue = true
        return true
    }

    /// The next turn has come. Whether it goes on.
    mutating func goesOn(unread: Int) -> Bool {
        isDue = false
        guard unread <= Self.maximumUnread else { return false }
        responses = 0
        return true
    }
}
