// Where Linux and Darwin differ in spelling, so that no other file needs a condition: constants with one type, descriptors
// that are non-blocking and closed on exec from birth, and the pair of descriptors behind a waker.
//
// Unsafe here: `accept4`, which fills in an address that is lent to it with its length (`SocketAddress.fill`).

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif
#if os(Linux)
    import CLinux
#endif

/// What differs between the systems that we run on.
enum Platform {
    #if canImport(Darwin) || canImport(Musl)
        static let streamType = Int32(SOCK_STREAM)
    #else
        static let streamType = Int32(SOCK_STREAM.rawValue)
    #endif
    #if os(Linux)
        static let sendFlags = Int32(MSG_NOSIGNAL)
        private static let birthFlags = Int32(O_NONBLOCK | O_CLOEXEC)
    #else
        static let sendFlags: Int32 = 0
    #endif

    /// A stream socket of `family`, non-blocking and closed on exec; negative with `errno` set on failure.
    static func streamSocket(_ family: Int32) -> Int32 {
        #if os(Linux)
            return socket(family, streamType | birthFlags, 0)
        #else
            return prepared(socket(family, streamType, 0))
        #endif
    }

    /// Small writes leave at once, and the kernel takes no more than it can soon send: what waits in user space can still be
    /// put in order, what waits in the kernel cannot, and a ping behind megabytes of a download looks like a dead peer.
    static func prepareStream(_ descriptor: Int32) {
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, Int32(notSentBytes))
    }

    /// Bytes that the kernel may hold unsent: half a megabyte keeps a fast link busy between two turns of the loop.
    private static let notSentBytes = 512 * 1024

    /// Accepts one connection, non-blocking and closed on exec; negative with `errno` set on failure.
    static func accept(_ listener: Int32, _ address: inout SocketAddress) -> Int32 {
        unsafe address.fill { pointer, length in
            #if os(Linux)
                return unsafe accept4(listener, pointer, length, birthFlags)
            #else
                let descriptor = prepared(unsafe Darwin.accept(listener, pointer, length))
                prepareStream(descriptor)
                return descriptor
            #endif
        }
    }

    /// Two descriptors such that eight bytes written to `writing` make `reading` readable; nil with `errno` set on failure.
    static func wakeDescriptors() -> (reading: Int32, writing: Int32)? {
        #if os(Linux)
            let reading = eventfd(0, birthFlags)
            guard reading >= 0 else { return nil }
            let writing = fcntl(reading, F_DUPFD_CLOEXEC, 0)
            guard writing >= 0 else {
                close(reading)
                return nil
            }
            return (reading, writing)
        #else
            return pipeDescriptors()
        #endif
    }

    /// A pipe, both ends non-blocking and closed on exec; nil with `errno` set on failure.
    static func pipeDescriptors() -> (reading: Int32, writing: Int32)? {
        guard let ends = pipeEnds() else { return nil }
        return (prepared(ends.reading), prepared(ends.writing))
    }

    /// Makes a descriptor that came from elsewhere non-blocking and closed on exec.
    @discardableResult
    static func prepared(_ descriptor: Int32) -> Int32 {
        guard descriptor >= 0 else { return descriptor }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    /// Has the allocator keep memory for the next buffers. By default glibc gives the end of the heap back, and maps large
    /// buffers anew, as soon as they are free: a page fault for every 4 KiB that passes through.
    static func keepFreedMemory() {
        #if canImport(Glibc)
            mallopt(M_MMAP_THRESHOLD, 4 << 20)
            mallopt(M_TRIM_THRESHOLD, 8 << 20)
        #endif
    }

    /// Nanoseconds of the monotonic clock.
    static func monotonicNanoseconds() -> UInt64 {
        let time = currentTime(CLOCK_MONOTONIC)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}
