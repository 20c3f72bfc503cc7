// Ending the process, and writing to its standard streams.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Ends the process with `code`.
public func exitProcess(_ code: Int32) -> Never {
    flushStandardOutput()
    exit(code)
}

/// Writes what `print` has buffered: a pipe gets it now, not when the buffer is full.
public func flushStandardOutput() {
    fflush(nil)
}

/// Writes a line to standard error.
public func printError(_ text: String) {
    var rest = Array((text + "\n").utf8)[...]
    while !rest.isEmpty {
        let count = writeBytes(2, rest)
        if count <= 0 { return }
        rest = rest.dropFirst(count)
    }
}
