// Calls on files and descriptors with Swift's types, for all that is not the hot path (`SystemCalls`).
//
// Unsafe here: C's calls that get the address of a local value, of a string or of an array's bytes. Each uses it only while it
// runs, and is told how many bytes are there. And a folder that is opened, read and closed in one function.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Opens `path`, closed on exec; negative with `errno` set on failure. `mode` is for a file that is made.
func openDescriptor(_ path: String, _ flags: Int32, mode: mode_t = 0) -> Int32 {
    unsafe open(path, flags | O_CLOEXEC, mode)
}

/// The same for one name in an open folder. The name holds no zero byte.
func openDescriptor(_ name: [UInt8], beneath folder: Int32, _ flags: Int32) -> Int32 {
    let terminated = name.map { CChar(bitPattern: $0) } + [0]
    return unsafe openat(folder, terminated, flags | O_CLOEXEC)
}

/// The same, for a file that is made or written; `mode` is for one that is made.
func openDescriptor(_ name: String, beneath folder: Int32, _ flags: Int32, mode: mode_t) -> Int32 {
    unsafe openat(folder, name, flags | O_CLOEXEC, mode)
}

/// Makes a folder; negative with `errno` set on failure.
func makeFolder(_ path: String, mode: mode_t) -> Int32 { unsafe mkdir(path, mode) }

/// Gives a file in an open folder another name there, in place of a file of that name; false with `errno` set on failure.
func rename(_ name: String, to newName: String, beneath folder: Int32) -> Bool {
    unsafe renameat(folder, name, folder, newName) == 0
}

/// Removes the name of a file in an open folder; false with `errno` set if that fails.
func removeName(_ name: String, beneath folder: Int32) -> Bool { unsafe unlinkat(folder, name, 0) == 0 }

/// The names in a folder, `.` and `..` among them; nil with `errno` set on failure.
func names(inFolder path: String) -> [String]? {
    guard let folder = unsafe opendir(path) else { return nil }
    defer { _ = unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
        let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
        names.append(String(decoding: name, as: UTF8.self))
    }
    return names
}

/// Removes the name of a file; false with `errno` set if that fails.
func removeName(_ path: String) -> Bool { unsafe unlink(path) == 0 }

/// What the system knows of what is at `path`, of a symbolic link itself; nil with `errno` set on failure.
func fileStatus(at path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
}

/// What the system knows of what is open; nil with `errno` set on failure.
func fileStatus(of descriptor: Int32) -> stat? {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? status : nil
}

/// At most `count` bytes from `offset` on: none at the end, nil with `errno` set on failure.
func readBytes(_ descriptor: Int32, at offset: Int64, count: Int) -> [UInt8]? {
    var result = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, initializedCount in
        result = retrying { unsafe pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) }
        initializedCount = max(0, result)
    }
    return result < 0 ? nil : bytes
}

/// Reads into the front of `bytes`; how many came, negative with `errno` set on failure.
func readBytes(_ descriptor: Int32, into bytes: inout [UInt8]) -> Int {
    retrying { unsafe read(descriptor, &bytes, bytes.count) }
}

/// One byte; nil at the end, or if there is none now.
func readByte(_ descriptor: Int32) -> UInt8? {
    var byte: UInt8 = 0
    return retrying { unsafe read(descriptor, &byte, 1) } == 1 ? byte : nil
}

/// Writes from the front of `bytes`, once: how many were taken, negative with `errno` set on failure.
func writeBytes(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> Int {
    unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
}

/// Writes eight bytes, once; the result of the call.
func writeWord(_ descriptor: Int32, _ word: UInt64) -> Int {
    var word = word
    return retrying { unsafe write(descriptor, &word, 8) }
}

/// Takes what can be read, sixteen bytes at a time.
func discardInput(_ descriptor: Int32) {
    var bytes: (UInt64, UInt64) = (0, 0)
    while retrying({ unsafe read(descriptor, &bytes, 16) }) == 16 {}
}

/// Waits until `descriptor` can be written to, at most so long; 0 if it cannot, negative with `errno` set on failure.
func waitUntilWritable(_ descriptor: Int32, milliseconds: Int32) -> Int32 {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&request, 1, milliseconds)
}

/// A pipe; nil with `errno` set on failure.
func pipeEnds() -> (reading: Int32, writing: Int32)? {
    var ends: [Int32] = [-1, -1]
    return unsafe pipe(&ends) == 0 ? (ends[0], ends[1]) : nil
}

/// What a clock of the system shows.
@inline(__always)
func currentTime(_ clock: clockid_t) -> timespec {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return time
}
