// Reads a small file whole: settings, tokens, certificates. Refuses what is larger than the caller allows, however large the
// system says it is (a pipe or /dev/zero says nothing), and names the file and the reason in a plain sentence.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why a file could not be read. Its description is one sentence.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong.
    public enum Reason: Sendable, Hashable {
        /// There is no such file or directory.
        case notFound
        /// The process may not read it.
        case notPermitted
        /// It is a directory.
        case isDirectory
        /// It holds more than `limit` bytes.
        case tooLarge(limit: Int)
        /// The name is empty or holds a zero byte.
        case badName
        /// The process, or the machine, has as many files open as it may.
        case tooManyOpen
        /// Anything else: the system's own number for it.
        case system(code: Int32)
    }

    /// The file as the caller named it.
    public var path: String
    /// What went wrong.
    public var reason: Reason

    /// An error about the file at `path`.
    public init(path: String, reason: Reason) {
        self.path = path
        self.reason = reason
    }

    /// Such as `agent.config.json: no such file`.
    public var description: String {
        switch reason {
        case .notFound: "\(path): no such file"
        case .notPermitted: "\(path): not permitted to read it"
        case .isDirectory: "\(path): is a directory"
        case .tooLarge(let limit): "\(path): is larger than \(limit) bytes"
        case .badName: "\"\(path.filter { $0 != "\0" })\": is not a file name"
        case .tooManyOpen: "\(path): too many files are open"
        case .system(let code): "\(path): \(errorText(code))"
        }
    }

    init(path: String, code: Int32) {
        self.path = path
        switch code {
        case ENOENT, ENOTDIR: reason = .notFound
        case EACCES, EPERM: reason = .notPermitted
        case EISDIR: reason = .isDirectory
        case EMFILE, ENFILE: reason = .tooManyOpen
        default: reason = .system(code: code)
        }
    }
}

/// All bytes of the file at `path`; more than `limit` bytes are an error.
public func readWholeFile(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
    // The system would stop at a zero byte, and open another file than the one that was named.
    guard !path.isEmpty, !path.utf8.contains(0) else { throw FileError(path: path, reason: .badName) }
    let descriptor = openDescriptor(path, O_RDONLY)
    guard descriptor >= 0 else { throw FileError(path: path, code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = readBytes(descriptor, into: &chunk)
        if count == 0 { return bytes }
        if count < 0 { throw FileError(path: path, code: errno) }
        guard bytes.count + count <= limit else { throw FileError(path: path, reason: .tooLarge(limit: limit)) }
        bytes += chunk.prefix(count)
    }
}
