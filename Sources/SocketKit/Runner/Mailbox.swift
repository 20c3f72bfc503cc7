// Messages from other threads. A lock for a list costs a few nanoseconds, waking a thread a thousand times that: so only the
// first message of those that the loop has not seen yet wakes it.

import Synchronization

/// Where any thread leaves messages for a machine that runs on another.
public final class Mailbox<Message: Sendable>: Sendable {
    @usableFromInline let messages = Mutex<[Message]>([])
    @usableFromInline let waker: Waker

    /// A mailbox whose loop has this waker.
    @inlinable public init(waker: Waker) {
        self.waker = waker
    }

    /// Leaves a message. The machine gets it on its loop's thread, after those that were left before.
    @inlinable public func post(_ message: Message) {
        let isFirst = messages.withLock { list in
            list.append(message)
            return list.count == 1
        }
        if isFirst { waker.wake() }
    }

    /// Moves all messages to the end of `list`.
    @inlinable func take(into list: inout [Message]) {
        let taken = messages.withLock { messages in
            if messages.isEmpty { return messages }
            let taken = messages
            messages.removeAll()
            return taken
        }
        if !taken.isEmpty { list.append(contentsOf: taken) }
    }
}
