// The phases of a visitor's connection and all that leads from one to another. What happens in none of these ways changes
// nothing.

/// Where a visitor's connection is.
enum VisitorPhase: Sendable, Hashable, CaseIterable {
    /// Between requests or in a head.
    case receivingHead
    /// Something of the next request is here, and waits for responses to be read, or for the next turn.
    case paused
    /// The head is here, its agent is not, and may come yet.
    case awaitingAgent
    /// A request is on its way to an agent or back.
    case exchanging
    /// The body of a request to the gateway itself is coming.
    case collecting
    /// A response of the gateway's own that never ends.
    case watching
    /// The response is out and the rest of the request is of no interest.
    case discarding
    /// Raw bytes both ways after a 101.
    case upgraded
    /// The last bytes are queued. Whatever comes is ignored.
    case closing

    /// What happens to a connection.
    enum Event: Sendable, Hashable, CaseIterable {
        /// The next request has to wait, and may go on.
        case paused, resumed
        /// A request waits for its agent, and does so no longer.
        case heldForAgent, released
        /// A request was given to an agent; the agent refused it unprocessed.
        case forwarded, refusedByAgent
        /// A request to the gateway itself has a body, or asks for events.
        case collects, watches
        /// The response to a request is out, of which more is coming.
        case discards
        /// The response is out, and the request whole.
        case completed
        /// The response is a 101.
        case upgraded
        /// The last response is out, or the connection is cut.
        case closes
    }

    /// The phase after `event`; nil: it does not happen in this one.
    func after(_ event: Event) -> VisitorPhase? {
        switch (self, event) {
        case (.closing, _): nil
        case (_, .closes): .closing
        case (.receivingHead, .paused): .paused
        case (.paused, .resumed): .receivingHead
        case (.receivingHead, .heldForAgent): .awaitingAgent
        case (.awaitingAgent, .released): .receivingHead
        case (.receivingHead, .forwarded), (.collecting, .forwarded): .exchanging
        case (.exchanging, .refusedByAgent): .receivingHead
        case (.receivingHead, .collects): .collecting
        case (.receivingHead, .watches), (.collecting, .watches): .watching
        case (.receivingHead, .discards), (.exchanging, .discards), (.collecting, .discards): .discarding
        case (.receivingHead, .completed), (.exchanging, .completed), (.collecting, .completed), (.discarding, .completed):
            .receivingHead
        case (.exchanging, .upgraded): .upgraded
        case (_, .paused), (_, .resumed), (_, .heldForAgent), (_, .released), (_, .forwarded), (_, .refusedByAgent),
            (_, .collects), (_, .watches), (_, .discards), (_, .completed), (_, .upgraded):
            nil
        }
    }

    /// Whether what comes is HTTP, and now is the time to look at it.
    var takesRequests: Bool {
        switch self {
        case .receivingHead, .exchanging, .collecting, .discarding: true
        case .paused, .awaitingAgent, .upgraded, .watching, .closing: false
        }
    }
}
