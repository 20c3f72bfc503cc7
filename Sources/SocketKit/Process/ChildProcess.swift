// Runs another program for a moment: what it reads is given to it, what it writes is discarded, and how it ended is the result.
// For what a well-kept tool does better than code of our own.
//
// Unsafe here: C's lists of what the child is to do and of its arguments, made, used and freed in one function.

#if canImport(Glibc)
    // `environ` is a variable of C's; it is only handed on.
    @unsafe @preconcurrency import Glibc
#elseif canImport(Musl)
    @unsafe @preconcurrency import Musl
#elseif canImport(Darwin)
    @unsafe @preconcurrency import Darwin
#endif

/// The path of the program `name` among the folders of `PATH`; nil if there is none that may be run.
public func findProgram(_ name: String, environment: [String: String] = environmentVariables()) -> String? {
    let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
    return folders.lazy.map { "\($0)/\(name)" }.first { unsafe access($0, X_OK) == 0 }
}

/// Runs the program at `path` with `arguments`, gives it `input` on its standard input, and waits for its end: its exit code,
/// or nil if it could not be started or was ended by a signal. Blocks: not for a loop's thread. Its output goes nowhere.
public func runProgram(_ path: String, _ arguments: [String], input: [UInt8]) -> Int32? {
    guard let ends = pipeEnds() else { return nil }
    for end in [ends.reading, ends.writing] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    guard let child = spawn(path, arguments, reading: ends.reading) else {
        for end in [ends.reading, ends.writing] { close(end) }
        return nil
    }
    close(ends.reading)
    writeAll(input, to: ends.writing)
    close(ends.writing)
    return exitCode(of: child)
}

private func spawn(_ path: String, _ arguments: [String], reading input: Int32) -> pid_t? {
    #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
    #else
        var actions = unsafe posix_spawn_file_actions_t()
    #endif
    guard unsafe posix_spawn_file_actions_init(&actions) == 0 else { return nil }
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
    for output in [Int32(1), 2] { unsafe posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0) }
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) }
    defer { unsafe pointers.forEach { unsafe free($0) } }
    unsafe pointers.append(nil)
    var child = pid_t()
    return unsafe posix_spawn(&child, path, &actions, nil, pointers, environ) == 0 ? child : nil
}

/// A child need not read its input; its exit code tells whether that was a failure.
private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = writeBytes(descriptor, rest)
        if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
    }
}

private func exitCode(of child: pid_t) -> Int32? {
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 { guard errno == EINTR else { return nil } }
    // WIFEXITED and WEXITSTATUS, which are macros.
    return status & 0x7f == 0 ? status >> 8 & 0xff : nil
}
