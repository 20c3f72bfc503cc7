// What a hang-up (SIGHUP) means to a program: the end of the terminal that it was started at, for which the signal was made, or
// the request of a service manager to read the settings again, for which it has been used ever since. Which it is depends on
// how the program was started: without a terminal there is no hang-up.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The signal, the same number on every system we run on.
public let hangUpSignal: Int32 = 1

/// The terminal that this process was started at.
public final class ControllingTerminal {
    private let descriptor: Int32

    /// Nil if the process has none, as services have none.
    public init?() {
        descriptor = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Whether its other end is gone: the window was closed, the line broke.
    public var isGone: Bool {
        var settings = termios()
        return tcgetattr(descriptor, &settings) != 0
    }
}

/// Whether whoever started this process wants the signal to be ignored, as `nohup` does. To be asked before it is caught.
public func isIgnored(signal number: Int32) -> Bool {
    var action = sigaction()
    guard sigaction(number, nil, &action) == 0 else { return false }
    #if canImport(Glibc)
        let handler = action.__sigaction_handler.sa_handler
    #elseif canImport(Musl)
        let handler = action.__sa_handler.sa_handler
    #else
        let handler = action.__sigaction_u.__sa_handler
    #endif
    // SIG_IGN is a function's address by type, and the number 1 by value.
    return unsafeBitCast(handler, to: Int.self) == 1
}
