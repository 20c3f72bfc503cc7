// Files, random bytes and what the machine says of itself.

import TestSupport
import Testing

@testable import SocketKit

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Calls `body` with a fresh directory, and removes it with the files in it.
func withTemporaryDirectory(_ body: (String) throws -> Void) rethrows {
    var template = Array("/tmp/miagent-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
        Issue.record("no temporary directory")
        return
    }
    let directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        for name in ["/notify", "/file", "/empty", "/secret", "/access.log", "/access.log.1"] { unlink(directory + name) }
        rmdir(directory)
    }
    try body(directory)
}

@Suite struct ReadFileTests {
    func store(_ bytes: [UInt8], at path: String, mode: mode_t = 0o600) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
    }

    func contents(_ path: String, limit: Int = 1 << 20) -> [UInt8]? {
        try? readWholeFile(path, limit: limit)
    }

    func failure(_ path: String, limit: Int = 1 << 20) -> FileError? {
        do throws(FileError) {
            _ = try readWholeFile(path, limit: limit)
            return nil
        } catch {
            return error
        }
    }

    @Test func filesAreReadWholeUpToTheLimit() {
        withTemporaryDirectory { directory in
            var random = SplitMix(seed: 1)
            let bytes = random.bytes(100_000)
            store(bytes, at: directory + "/file")
            store([], at: directory + "/empty")
            #expect(contents(directory + "/file") == bytes)
            #expect(contents(directory + "/file", limit: 100_000) == bytes)
            #expect(contents(directory + "/empty", limit: 0) == [])
            #expect(failure(directory + "/file", limit: 99_999)?.reason == .tooLarge(limit: 99_999))
            #expect(failure(directory + "/file", limit: 0)?.reason == .tooLarge(limit: 0))
        }
        #expect(failure("/dev/zero", limit: 1000)?.description == "/dev/zero: is larger than 1000 bytes")
    }

    @Test func errorsNameTheFileAndTheReason() {
        withTemporaryDirectory { directory in
            #expect(failure(directory + "/none")?.description == "\(directory)/none: no such file")
            #expect(failure(directory)?.description == "\(directory): is a directory")
            store([1], at: directory + "/file")
            #expect(failure(directory + "/file/x")?.reason == .notFound)
            #expect(failure(directory + "/file\0x")?.description == "\"\(directory)/filex\": is not a file name")
            #expect(failure("")?.reason == .badName)
            store([1], at: directory + "/secret", mode: 0)
            if geteuid() != 0 { #expect(failure(directory + "/secret")?.reason == .notPermitted) }
            let long = failure("/" + String(repeating: "x", count: 10_000))
            #expect(long?.reason == .system(code: ENAMETOOLONG))
            #expect(long?.description.hasSuffix(String(cString: strerror(ENAMETOOLONG))) == true)
        }
    }
}

@Suite struct ProcessFactsTests {
    @Test func randomBytesHaveTheLengthAndDiffer() {
        for count in [0, 1, 7, 8, 9, 16, 32, 1000] { #expect(secureRandomBytes(count).count == count) }
        #expect(secureRandomBytes(-1).isEmpty)
        #expect(secureRandomBytes(32) != secureRandomBytes(32))
        #expect(Set(secureRandomBytes(4096)).count == 256)
    }

    @Test func theEnvironmentIsThatOfTheProcess() {
        // Setting a variable here would race with tests on other threads.
        let variables = environmentVariables()
        #expect(!variables.isEmpty)
        for (name, value) in variables { #expect(getenv(name).map { String(cString: $0) } == value) }
        for name in ["PATH", "HOME", "MIAGENT_NOT_SET"] {
            #expect(variables[name] == getenv(name).map { String(cString: $0) })
        }
    }

    @Test func theClockAndTheNameMakeSense() {
        let now = unixNow()
        #expect(now.seconds > 1_700_000_000 && (0..<1_000_000_000).contains(now.nanoseconds))
        #expect(!hostName().isEmpty && !hostName().utf8.contains(0))
    }

    @Test func theDescriptorLimitIsRaisedToWhatIsAllowed() {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        #expect(getrlimit(resource, &limit) == 0)
        limit.rlim_cur = min(limit.rlim_max, 4096) - 1
        #expect(setrlimit(resource, &limit) == 0)
        let raised = raiseDescriptorLimit()
        #expect(raised >= Int(limit.rlim_cur) + 1)
        #expect(getrlimit(resource, &limit) == 0)
        #expect(Int(clamping: limit.rlim_cur) == raised)
        #expect(raiseDescriptorLimit() == raised)
    }

    @Test func aPipeIsNotATerminal() {
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        #expect(!isTerminal(ends[0]) && !isTerminal(-1))
        ends.forEach { close($0) }
    }
}
