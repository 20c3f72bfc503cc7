// Dispatch sources as a level-triggered poller. A source that fires suspends itself and puts its token on a list that the loop
// waits for; the next wait resumes it, and if the socket is still ready it fires again. Unlike epoll, a source that is not
// resumed reports nothing at all: the reset of a paused connection shows when reading resumes or when a write fails.
//
// A descriptor must not be closed before its sources are cancelled, which takes its time: so closing is left to whichever of
// them is the last.

import Dispatch
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Dispatch sources on a private queue.
final class DispatchPoller: Poller {
    /// A descriptor and its sources, each made when first needed.
    private struct Watched {
        var token: UInt64
        var interest: Interest
        var reading: WatchedDirection?
        var writing: WatchedDirection?
    }

    private let queue = DispatchQueue(label: "miagent.poller")
    private let fired = FiredList()
    private var watched: [Int32: Watched] = [:]
    /// Descriptors with a source that is to be resumed by the next wait.
    private var resumable: Set<Int32> = []

    deinit {
        for entry in watched.values {
            entry.reading?.cancel {}
            entry.writing?.cancel {}
        }
    }

    func watch(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
        watched[descriptor] = Watched(token: token, interest: [])
        try change(descriptor, interest, token: token)
    }

    func change(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
        guard var entry = watched[descriptor] else { return }
        if interest.contains(.read), entry.reading == nil {
            let event = FiredList.Event(descriptor: descriptor, token: token, isWriting: false)
            entry.reading = try WatchedDirection(event, fired, queue)
        }
        if interest.contains(.write), entry.writing == nil {
            let event = FiredList.Event(descriptor: descriptor, token: token, isWriting: true)
            entry.writing = try WatchedDirection(event, fired, queue)
        }
        entry.interest = interest
        watched[descriptor] = entry
        resumable.insert(descriptor)
    }

    func forget(_ descriptor: Int32) {
        end(descriptor, closing: false)
    }

    func close(_ descriptor: Int32) {
        end(descriptor, closing: true)
    }

    func release(_ descriptor: Int32) -> Int32 {
        // Cancelling takes its time, so the new owner gets a descriptor of its own.
        let duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        end(descriptor, closing: true)
        return duplicate
    }

    func wait(nanoseconds: UInt64?, into ready: inout [Readiness]) throws(SocketError) {
        for descriptor in resumable { resume(descriptor) }
        resumable.removeAll(keepingCapacity: true)
        for event in fired.take(waitingNanoseconds: nanoseconds) {
            // A descriptor that was forgotten, or lost interest, since its source fired has nothing to report.
            guard let entry = watched[event.descriptor], entry.token == event.token else { continue }
            resumable.insert(event.descriptor)
            let isWanted = entry.interest.contains(event.isWriting ? .write : .read)
            if isWanted { ready.append(Readiness(token: event.token, conditions: event.isWriting ? .write : .read)) }
        }
    }

    private func resume(_ descriptor: Int32) {
        guard let entry = watched[descriptor] else { return }
        if entry.interest.contains(.read) { entry.reading?.resume() }
        if entry.interest.contains(.write) { entry.writing?.resume() }
    }

    /// Cancels the sources of `descriptor`, and closes it when the last of them is gone.
    private func end(_ descriptor: Int32, closing: Bool) {
        let entry = watched.removeValue(forKey: descriptor)
        resumable.remove(descriptor)
        let sources = [entry?.reading, entry?.writing].compactMap { $0 }
        let last = LastOf(sources.count) { if closing { systemClose(descriptor) } }
        if sources.isEmpty { last.finish() }
        for source in sources { source.cancel { last.countDown() } }
    }
}

/// What sources have reported and the loop has not seen; shared between the loop's thread and the queue.
final class FiredList: Sendable {
    /// One source fired.
    struct Event: Sendable {
        var descriptor: Int32
        var token: UInt64
        var isWriting: Bool
    }

    private let events = Mutex<[Event]>([])
    private let signal = DispatchSemaphore(value: 0)

    /// Called on the queue.
    func append(_ event: Event) {
        let wasEmpty = events.withLock { list in
            list.append(event)
            return list.count == 1
        }
        if wasEmpty { signal.signal() }
    }

    /// Called on the loop's thread: everything so far, or what comes first within the time (nil: any time).
    func take(waitingNanoseconds: UInt64?) -> [Event] {
        let taken = takeNow()
        if !taken.isEmpty || waitingNanoseconds == 0 {
            // The signal that came with them would end the next wait for nothing.
            if !taken.isEmpty { _ = signal.wait(timeout: .now()) }
            return taken
        }
        if let waitingNanoseconds {
            // A second more than a century overflows Dispatch's time; no deadline is that far.
            let bounded = Int(clamping: min(waitingNanoseconds, 1 << 60))
            _ = signal.wait(timeout: .now() + .nanoseconds(bounded))
        } else {
            signal.wait()
        }
        return takeNow()
    }

    private func takeNow() -> [Event] {
        events.withLock { list in
            let taken = list
            list.removeAll()
            return taken
        }
    }
}

/// Runs a closure when the last of several has finished.
private final class LastOf: Sendable {
    private let remaining: Atomic<Int>
    private let action: @Sendable () -> Void

    init(_ count: Int, _ action: @escaping @Sendable () -> Void) {
        remaining = Atomic(count)
        self.action = action
    }

    func countDown() {
        if remaining.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { finish() }
    }

    func finish() { action() }
}
