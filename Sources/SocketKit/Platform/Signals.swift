// Signals as events of a loop. The handler may do almost nothing, so it writes the signal's number into the pipe of the loop
// that asked for it; one loop for each signal, the last that asked. SIGPIPE is ignored by the whole process: a peer that
// leaves is an error of one write.
//
// Unsafe here: C's `sigaction`, a local value with a union in it, of which only the handler's member is used.

import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The process's signals.
enum Signals {
    /// By signal number: the descriptor that its handler writes to, or -1.
    private static let sinks = InlineArray<65, Atomic<Int32>> { _ in Atomic(-1) }

    /// Ignores SIGPIPE.
    static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Writes each `number` that arrives from now on to `descriptor`, as one byte.
    static func deliver(_ number: Int32, to descriptor: Int32) throws(SocketError) {
        guard (1...64).contains(number) else { throw SocketError("catch", "signal \(number)", code: EINVAL) }
        sinks[Int(number)].store(descriptor, ordering: .sequentiallyConsistent)
        var action = sigaction()
        #if canImport(Glibc)
            unsafe action.__sigaction_handler.sa_handler = handler
        #elseif canImport(Musl)
            unsafe action.__sa_handler.sa_handler = handler
        #else
            unsafe action.__sigaction_u.__sa_handler = handler
        #endif
        unsafe sigemptyset(&action.sa_mask)
        action.sa_flags = Int32(SA_RESTART)
        guard unsafe sigaction(number, &action, nil) == 0 else { throw SocketError("catch", "signal \(number)", code: errno) }
    }

    /// Gives the signals that went to `descriptor` their default effect again. The descriptor has to stay open for the life of
    /// the process: a handler that is running on another thread may be about to write to it.
    static func stopDelivering(to descriptor: Int32) {
        for number in 1...64 {
            let (wasOurs, _) = sinks[number].compareExchange(
                expected: descriptor, desired: -1, ordering: .sequentiallyConsistent)
            if wasOurs { _ = signal(Int32(number), SIG_DFL) }
        }
    }

    /// Runs on whatever thread the signal interrupts: only loads an atomic and calls write(2), and leaves `errno` as it was.
    private static let handler: @convention(c) (Int32) -> Void = { number in
        let saved = errno
        let descriptor = sinks[Int(number)].load(ordering: .sequentiallyConsistent)
        var byte = UInt8(truncatingIfNeeded: number)
        if descriptor >= 0 { _ = unsafe write(descriptor, &byte, 1) }
        errno = saved
    }
}

/// Whether whoever started this process wants the signal to be ignored, as `nohup` does. To be asked before it is caught.
public func isIgnored(signal number: Int32) -> Bool {
    var action = sigaction()
    guard unsafe sigaction(number, nil, &action) == 0 else { return false }
    #if canImport(Glibc)
        let handler = unsafe action.__sigaction_handler.sa_handler
    #elseif canImport(Musl)
        let handler = unsafe action.__sa_handler.sa_handler
    #else
        let handler = unsafe action.__sigaction_u.__sa_handler
    #endif
    // SIG_IGN is a function's address by type, and the number 1 by value.
    return unsafe unsafeBitCast(handler, to: Int.self) == 1
}
