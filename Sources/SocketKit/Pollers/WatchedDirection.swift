// One Dispatch source, for one direction of one descriptor, and whether it is resumed. A suspended source must not be released
// and a cancelled one must not be suspended, so every step is taken under a lock.
//
// On Linux the source does not watch the socket itself but an epoll instance that holds nothing else. libdispatch there frees
// what it keeps of a descriptor on another thread while it is still handling a hangup (swift-corelibs-libdispatch issue 949),
// and mixes up a read and a write source of one descriptor; an epoll instance never hangs up and is only ever read.

import Dispatch
import Synchronization

#if os(Linux)
    import CLinux
#endif

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A source that suspends itself whenever it fires.
final class WatchedDirection {
    private enum Phase {
        /// Suspended since it was made or since it fired.
        case suspended
        /// Will fire when the descriptor is ready.
        case resumed
        /// Never fires again.
        case cancelled
    }

    /// Shared with the event handler.
    private final class PhaseBox: Sendable {
        let value = Mutex(Phase.suspended)
    }

    private let source: any DispatchSourceProtocol
    private let phase = PhaseBox()
    /// Closed with the source; negative if the source watches the descriptor itself.
    private let stand: Int32

    /// A suspended source that appends `event` to `fired` when the descriptor is ready to be read (or written, according to
    /// the event). Fails when descriptors have run out.
    init(_ event: FiredList.Event, _ fired: FiredList, _ queue: DispatchQueue) throws(SocketError) {
        #if os(Linux)
            stand = try Self.makeStand(event)
            source = DispatchSource.makeReadSource(fileDescriptor: stand, queue: queue)
        #else
            stand = -1
            source =
                event.isWriting
                ? DispatchSource.makeWriteSource(fileDescriptor: event.descriptor, queue: queue)
                : DispatchSource.makeReadSource(fileDescriptor: event.descriptor, queue: queue)
        #endif
        // The source keeps its handler and the handler the source, until `cancel`, which every source gets.
        source.setEventHandler { [source, phase] in
            let isNews = phase.value.withLock { phase in
                guard phase == .resumed else { return false }
                phase = .suspended
                source.suspend()
                return true
            }
            if isNews { fired.append(event) }
        }
    }

    /// Lets the source fire once more.
    func resume() {
        phase.value.withLock { phase in
            guard phase == .suspended else { return }
            phase = .resumed
            source.resume()
        }
    }

    /// Calls `completion` on the queue once the system does not use the descriptor any more.
    func cancel(_ completion: @escaping @Sendable () -> Void) {
        let stand = stand
        source.setCancelHandler {
            if stand >= 0 { close(stand) }
            completion()
        }
        phase.value.withLock { phase in
            source.cancel()
            if phase == .suspended { source.resume() }
            phase = .cancelled
        }
    }

    #if os(Linux)
        /// An epoll instance that is readable while the descriptor is ready.
        private static func makeStand(_ event: FiredList.Event) throws(SocketError) -> Int32 {
            let stand = epoll_create1(O_CLOEXEC)
            guard stand >= 0 else { throw SocketError("watch a descriptor", code: errno) }
            let events = event.isWriting ? EPOLLOUT.rawValue : EPOLLIN.rawValue
            guard EpollPoller.control(stand, EPOLL_CTL_ADD, event.descriptor, events: events) == 0 else {
                let code = errno
                close(stand)
                throw SocketError("watch a descriptor", code: code)
            }
            return stand
        }
    #endif
}
