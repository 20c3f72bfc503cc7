// A child process with nothing of ours but three descriptors: sockets of tests that run beside it must not live on in a
// daemon, or a connection that a test closes would stay open. Foundation's Process leaves that to chance, and so this is
// posix_spawn. The programs are those beside the test bundle, never others of the same name.

import Foundation

enum Spawning {
    /// In whose session a child lives, and so who can hang up on it.
    enum Session {
        case ours
        /// One of its own, without a terminal, as a service's.
        case own
        /// One of its own, at the terminal with this path.
        case terminal(String)
    }

    /// Starts `program` with these descriptors as its standard output and standard error; its process id.
    static func spawn(
        _ program: String, _ arguments: [String], environment: [String: String], output: Int32, error: Int32,
        session: Session = .ours
    ) throws -> pid_t {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        // Whoever leads a session without a terminal gets the first one that it opens.
        let input = if case .terminal(let path) = session { path } else { "/dev/null" }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)
        #if canImport(Darwin)
            let closing = POSIX_SPAWN_CLOEXEC_DEFAULT
        #else
            let closing: Int32 = 0
            for descriptor in 3..<min(highestDescriptor, Int32(clamping: sysconf(Int32(_SC_OPEN_MAX)))) {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        #endif
        #if canImport(Darwin)
            let setSession: Int32 = 0x400
        #else
            let setSession: Int32 = 0x80
        #endif
        let leading = if case .ours = session { Int32(0) } else { setSession }
        // What another test has done to the signals of this process is not the daemon's affair.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(closing) | leading))
        return try withCStrings([program] + arguments) { words in
            try withCStrings(environment.map { "\($0)=\($1)" }) { variables in
                var pid = pid_t()
                let result = posix_spawn(&pid, program, &actions, &attributes, words, variables)
                guard result == 0 else { throw TestFailure("cannot start \(program): \(String(cString: strerror(result)))") }
                return pid
            }
        }
    }

    /// More descriptors than this process ever has open at once; closing one that is not open costs nothing.
    private static let highestDescriptor: Int32 = 4_096

    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) throws -> Result
    ) rethrows -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return try body(copies + [nil])
    }

    // MARK: Where the daemons are

    /// The folder of the products: that of the test bundle, or one above it.
    static let products = Result { try findProducts() }

    private static func findProducts() throws -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")).map { [$0] } ?? []
        for place in CommandLine.arguments + own + Bundle.allBundles.map(\.bundlePath) where place.hasPrefix("/") {
            var folder = URL(fileURLWithPath: place)
            for _ in 0..<5 {
                folder.deleteLastPathComponent()
                let candidate = folder.appendingPathComponent("gatewayd").path
                if FileManager.default.isExecutableFile(atPath: candidate) { return folder.path }
            }
        }
        throw TestFailure("gatewayd is not beside the tests: \(CommandLine.arguments)")
    }
}
