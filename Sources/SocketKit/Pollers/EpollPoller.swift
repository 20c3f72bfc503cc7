// epoll(7), level-triggered: one call to register a connection, one to change its interest, and every wait brings up to 1,024
// that are ready. Closing a descriptor takes it out, since no other descriptor refers to the same socket.

#if os(Linux)
    import CLinux

    #if canImport(Musl)
        import Musl
    #else
        import Glibc
    #endif

    /// An epoll instance.
    final class EpollPoller: Poller {
        private let instance: Int32
        private let events: UnsafeMutableBufferPointer<epoll_event>

        /// A new instance; fails when descriptors have run out.
        init() throws(SocketError) {
            instance = epoll_create1(O_CLOEXEC)
            events = .allocate(capacity: 1024)
            guard instance >= 0 else { throw SocketError("create an epoll instance", code: errno) }
        }

        deinit {
            if instance >= 0 { systemClose(instance) }
            events.deallocate()
        }

        func watch(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
            try control(EPOLL_CTL_ADD, descriptor, interest, token)
        }

        func change(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError) {
            try control(EPOLL_CTL_MOD, descriptor, interest, token)
        }

        func forget(_ descriptor: Int32) {
            var ignored = epoll_event()
            epoll_ctl(instance, EPOLL_CTL_DEL, descriptor, &ignored)
        }

        func close(_ descriptor: Int32) {
            systemClose(descriptor)
        }

        func release(_ descriptor: Int32) -> Int32 {
            forget(descriptor)
            return descriptor
        }

        func wait(nanoseconds: UInt64?, into ready: inout [Readiness]) throws(SocketError) {
            let count = epoll_wait(instance, events.baseAddress, Int32(events.count), Self.milliseconds(nanoseconds))
            guard count >= 0 else {
                if errno == EINTR { return }
                throw SocketError("wait for events", code: errno)
            }
            for event in events.prefix(Int(count)) {
                ready.append(Readiness(token: event.data.u64, conditions: Self.conditions(event.events)))
            }
        }

        private func control(
            _ operation: Int32, _ descriptor: Int32, _ interest: Interest, _ token: UInt64
        ) throws(SocketError) {
            var event = epoll_event(events: Self.events(interest), data: epoll_data_t(u64: token))
            guard epoll_ctl(instance, operation, descriptor, &event) == 0 else {
                throw SocketError("watch a descriptor", code: errno)
            }
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
