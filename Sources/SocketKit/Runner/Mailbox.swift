// Messages from other threads, and connections that other loops gave up. A lock for a list costs a few nanoseconds, waking a
// thread a thousand times that: so only the first envelope of those that the loop has not seen yet wakes it.

import MachineCore
import Synchronization

/// What may be left for a machine that runs on another thread.
@usableFromInline enum Envelope<Message: Sendable>: Sendable {
    case message(Message)
    /// A connection for its loop, and what to tell the machine of it under its new id.
    case perform(@Sendable (SocketLoop) -> Void)
    case connection(DetachedConnection, @Sendable (ConnectionID) -> Message)
    case stop
}

/// Where any thread leaves messages for a machine that runs on another.
public final class Mailbox<Message: Sendable>: Sendable {
    @usableFromInline let envelopes = Mutex<[Envelope<Message>]>([])
    @usableFromInline let waker: Waker

    /// A mailbox whose loop has this waker.
    @inlinable public init(waker: Waker) {
        self.waker = waker
    }

    /// Leaves a message. The machine gets it on its loop's thread, after all that was left before.
    @inlinable public func post(_ message: Message) { leave(.message(message)) }

    /// Has `action` called with the loop, on the loop's thread, after all that was left before: to change its settings.
    @inlinable public func perform(_ action: @escaping @Sendable (SocketLoop) -> Void) { leave(.perform(action)) }

    /// Leaves a connection, which the loop adopts; the machine gets the message that `message` makes of its id there.
    @inlinable public func post(_ connection: DetachedConnection, _ message: @escaping @Sendable (ConnectionID) -> Message) {
        leave(.connection(connection, message))
    }

    /// Makes the runner's `run` return, after all that was left before.
    @inlinable public func stop() { leave(.stop) }

    @inlinable func leave(_ envelope: Envelope<Message>) {
        let isFirst = envelopes.withLock { list in
            list.append(envelope)
            return list.count == 1
        }
        if isFirst { waker.wake() }
    }

    /// All that was left since the last time.
    @inlinable func take() -> [Envelope<Message>] {
        envelopes.withLock { list in
            if list.isEmpty { return [] }
            defer { list.removeAll() }
            return list
        }
    }
}
