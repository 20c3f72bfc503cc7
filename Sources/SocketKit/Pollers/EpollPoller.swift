// epoll(7), level-triggered: one call to register a connection, one to change its interest, and every wait brings up to 1,024
// that are ready. Closing a descriptor takes it out, since no other descriptor refers to the same socket.
//
// Unsafe here: C's event, which holds a union, always read as the token that was put in; and the addresses of one event and of
// the array of events, which the kernel uses while a call runs and whose count it is told.

#if os(Linux)
    import CLinux

    #if canImport(Musl)
        import Musl
    #else
        import Glibc
    #endif

    /// An epoll instance.
    @safe final class EpollPoller: Poller {
        private let instance: Int32
        /// What a wait fills in.
        private var events = unsafe [epoll_event](repeating: epoll_event(), count: 1024)

        /// A new instance; fails when descriptors have run out.
        init() throws(SocketError) {
            instance = epoll_create1(O_CLOEXEC)
            guard instance >= 0 else { throw SocketError("create an epoll instance", code: errno) }
        }

        deinit {
            if instance >= 0 { systemClose(instance) }
        }

        func watch(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
            try control(EPOLL_CTL_ADD, descriptor, interest, token)
        }

        func change(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
            try control(EPOLL_CTL_MOD, descriptor, interest, token)
        }

        func forget(_ descriptor: Int32) {
            _ = Self.control(instance, EPOLL_CTL_DEL, descriptor)
        }

        func close(_ descriptor: Int32) {
            systemClose(descriptor)
        }

        func release(_ descriptor: Int32) -> Int32 {
            forget(descriptor)
            return descriptor
        }

        func wait(nanoseconds: UInt64?, into ready: inout [Readiness]) throws(SocketError) {
            let count = unsafe epoll_wait(instance, &events, Int32(events.count), Self.milliseconds(nanoseconds))
            guard count >= 0 else {
                if errno == EINTR { return }
                throw SocketError("wait for events", code: errno)
            }
            for index in 0..<Int(count) {
                let event = unsafe events[index]
                unsafe ready.append(Readiness(token: event.data.u64, conditions: Self.conditions(event.events)))
            }
        }

        private func control(
            _ operation: Int32, _ descriptor: Int32, _ interest: Interest, _ token: UInt64
        ) throws(SocketError) {
            guard Self.control(instance, operation, descriptor, events: Self.events(interest), token: token) == 0 else {
                throw SocketError("watch a descriptor", code: errno)
            }
        }

        /// The call; negative with `errno` set on failure.
        static func control(
            _ instance: Int32, _ operation: Int32, _ descriptor: Int32, events: UInt32 = 0, token: UInt64 = 0
        ) -> Int32 {
            var event = unsafe epoll_event(events: events, data: epoll_data_t(u64: token))
            return unsafe epoll_ctl(instance, operation, descriptor, &event)
        }

        /// Rounded up, so that a wait never ends just before its deadline, again and again.
        private static func milliseconds(_ nanoseconds: UInt64?) -> Int32 {
            guard let nanoseconds else { return -1 }
            let (rounded, overflow) = nanoseconds.addingReportingOverflow(999_999)
            return overflow ? .max : Int32(clamping: rounded / 1_000_000)
        }

        private static func events(_ interest: Interest) -> UInt32 {
            (interest.contains(.read) ? EPOLLIN.rawValue : 0) | (interest.contains(.write) ? EPOLLOUT.rawValue : 0)
        }

        private static func conditions(_ events: UInt32) -> Readiness.Conditions {
            var conditions: Readiness.Conditions = []
            if events & EPOLLIN.rawValue != 0 { conditions.insert(.read) }
            if events & EPOLLOUT.rawValue != 0 { conditions.insert(.write) }
            if events & EPOLLHUP.rawValue != 0 { conditions.insert(.hangup) }
            if events & EPOLLERR.rawValue != 0 { conditions.insert(.error) }
            return conditions
        }
    }

    /// A poller on epoll.
    func makeEpollPoller() throws(SocketError) -> any Poller { try EpollPoller() }
#else
    /// Refuses: epoll is Linux's.
    func makeEpollPoller() throws(SocketError) -> any Poller {
        throw SocketError("create an epoll instance", reason: "only Linux has epoll")
    }
#endif
