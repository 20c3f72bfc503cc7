// What the system says of terminals, and the clock on the wall.
//
// Unsafe here: C's calls that fill in a local value, whose size they know by its type; and C's text of a terminal's path,
// which is copied before anything else is called.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The path by which the terminal behind `descriptor` can be opened anew; nil if it is none.
func terminalPath(_ descriptor: Int32) -> String? {
    unsafe ttyname(descriptor).map { unsafe String(cString: $0) }
}

/// How large a terminal is; nil if it does not say.
func windowSize(_ descriptor: Int32) -> winsize? {
    var size = winsize()
    return unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
}

/// Whether `descriptor` is a terminal whose other end is there.
func hasTerminalSettings(_ descriptor: Int32) -> Bool {
    var settings = termios()
    return unsafe tcgetattr(descriptor, &settings) == 0
}

/// What a clock on the wall of this machine shows.
public func localTimeOfDay() -> (hour: Int, minute: Int, second: Int) {
    var seconds = time(nil)
    var parts = unsafe tm()
    guard unsafe localtime_r(&seconds, &parts) != nil else { return (0, 0, 0) }
    return unsafe (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
}
