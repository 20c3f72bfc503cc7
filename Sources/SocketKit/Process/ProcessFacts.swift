// The few things a daemon asks its machine and no state machine may: the time, random bytes, the host's name, the
// environment, its processors, how many descriptors it may open, and whether a person is watching. No failure here is fatal.
//
// Unsafe here: the addresses of local values that C fills in, whose sizes it knows or is told; and the table of the
// environment, which ends with a null and holds texts that end with a zero.

#if canImport(Glibc)
    // `environ` is a variable of C's, and Swift cannot know that it does not change: see `environmentVariables`.
    @unsafe @preconcurrency import Glibc
#elseif canImport(Musl)
    @unsafe @preconcurrency import Musl
#elseif canImport(Darwin)
    @unsafe @preconcurrency import Darwin
#endif

/// `count` bytes fit for keys, masks and tokens. The system's generator never fails: it waits until there is entropy.
public func secureRandomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    var bytes: [UInt8] = []
    bytes.reserveCapacity(max(0, count) + 8)
    while bytes.count < count {
        unsafe withUnsafeBytes(of: generator.next()) { unsafe bytes += $0 }
    }
    return Array(bytes.prefix(max(0, count)))
}

/// The machine's name as it knows itself, or `localhost` if it does not.
public func hostName() -> String {
    // One byte more than the system is told of, so that a zero ends a name that it cut short.
    var buffer = [CChar](repeating: 0, count: 257)
    let result = unsafe gethostname(&buffer, 256)
    let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return result == 0 && !name.isEmpty ? name : "localhost"
}

/// The environment of the process. Call it before threads start: C's `setenv` in another thread would race with it. Of two
/// entries with the same name the first counts, as it does for `getenv`; bytes that are not UTF-8 become U+FFFD.
public func environmentVariables() -> [String: String] {
    // The pointer is null after `clearenv`, whatever its imported type says.
    #if canImport(Darwin)
        let table: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe _NSGetEnviron().pointee
    #else
        let table: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe environ
    #endif
    guard var entry = unsafe table else { return [:] }
    var variables: [String: String] = [:]
    while let text = unsafe entry.pointee {
        let parts = unsafe String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, variables[String(parts[0])] == nil { variables[String(parts[0])] = String(parts[1]) }
        unsafe entry += 1
    }
    return variables
}

/// Whether this process may do what only the superuser may.
public func isSuperuser() -> Bool { geteuid() == 0 }

/// How many processors are at work in this machine, at least 1.
public func processorCount() -> Int {
    max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}

/// The time in UTC since 1970; `nanoseconds` are those beyond the whole seconds, 0 to 999,999,999.
public func unixNow() -> (seconds: Int64, nanoseconds: Int64) {
    let now = currentTime(CLOCK_REALTIME)
    return (Int64(now.tv_sec), Int64(now.tv_nsec))
}

/// Lets the process open as many descriptors as it is allowed to: each connection is one, and the usual soft limit of 1024
/// is there for programs that use `select`. Returns the limit that is now in force.
@discardableResult
public func raiseDescriptorLimit() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(descriptorLimit, &limit) == 0 else { return 0 }
    let soft = limit.rlim_cur
    #if canImport(Darwin)
        // The hard limit is "infinite" there, and the call refuses more than OPEN_MAX.
        limit.rlim_cur = min(limit.rlim_max, rlim_t(OPEN_MAX))
    #else
        limit.rlim_cur = limit.rlim_max
    #endif
    guard limit.rlim_cur > soft, unsafe setrlimit(descriptorLimit, &limit) == 0 else { return Int(clamping: soft) }
    return Int(clamping: limit.rlim_cur)
}

/// How many descriptors the process may have open; 0 if the system does not say.
public func currentDescriptorLimit() -> Int {
    var limit = rlimit()
    return unsafe getrlimit(descriptorLimit, &limit) == 0 ? Int(clamping: limit.rlim_cur) : 0
}

#if canImport(Glibc)
    private let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
#else
    private let descriptorLimit = RLIMIT_NOFILE
#endif

/// Whether a person reads or writes at `descriptor`, rather than a program or a file.
public func isTerminal(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1
}
