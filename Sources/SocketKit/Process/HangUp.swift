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
        descriptor = openDescriptor("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK)
        if descriptor < 0 { return nil }
    }

    deinit { close(descriptor) }

    /// Whether its other end is gone: the window was closed, the line broke.
    public var isGone: Bool {
        !hasTerminalSettings(descriptor)
    }
}
