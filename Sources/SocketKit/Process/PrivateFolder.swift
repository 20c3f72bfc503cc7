// A folder for what must outlast the process and is nobody else's business: keys, tokens, certificates. It is made with mode
// 0700, and refused when others may use it or it is theirs. A file is written beside, flushed, renamed, and the folder flushed:
// after a power cut it is the old one or the new one, and never a part of either.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Why a private folder, or a file in it, cannot be used.
public struct PrivateFolderError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One sentence that names the folder or the file.
    public var description: String

    init(_ description: String) { self.description = description }

    init(_ path: String, _ what: String, code: Int32) { description = "\(path): \(what): \(errorText(code))" }
}

/// An open folder of this user's own. Its methods may be called on any thread; writes of one file must not overlap.
public final class PrivateFolder: Sendable {
    /// Where it is.
    public let path: String
    private let descriptor: Int32

    /// Opens the folder at `path`, and makes it first if there is none, with the folders above it (mode 0700).
    /// - Throws: if it cannot be made or opened, belongs to another user, or others may read or write it.
    public init(_ path: String) throws(PrivateFolderError) {
        guard !path.isEmpty, !path.utf8.contains(0) else { throw PrivateFolderError("\"\": is not the name of a folder") }
        self.path = path
        try Self.make(path)
        descriptor = openDescriptor(path, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { throw PrivateFolderError(path, "cannot be opened", code: errno) }
        if let problem = Self.problem(descriptor) {
            close(descriptor)
            throw PrivateFolderError("\(path): \(problem)")
        }
    }

    deinit { close(descriptor) }

    /// Takes the folder for this process, until it ends or lets go of this value.
    /// - Throws: if another process has it.
    public func claim() throws(PrivateFolderError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
        guard errno == EWOULDBLOCK else { throw PrivateFolderError(path, "cannot be locked", code: errno) }
        throw PrivateFolderError("\(path): is in use by another process; give each a folder of its own")
    }

    // MARK: Files

    /// The files that are in it, sorted; those that a write left unfinished are not among them.
    public func names() throws(PrivateFolderError) -> [String] {
        guard let names = SocketKit.names(inFolder: path) else {
            throw PrivateFolderError(path, "cannot be read", code: errno)
        }
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    /// All bytes of a file; nil if there is none of that name. More than `limit` bytes are an error, as is anything but a
    /// regular file.
    public func read(_ name: String, limit: Int = 1 << 20) throws(PrivateFolderError) -> [UInt8]? {
        let file = try place(of: name)
        let opened = openDescriptor(name, beneath: descriptor, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, mode: 0)
        guard opened >= 0 else {
            if errno == ENOENT { return nil }
            throw PrivateFolderError(file, "cannot be opened", code: errno)
        }
        defer { close(opened) }
        guard let status = fileStatus(of: opened), status.st_mode & S_IFMT == S_IFREG else {
            throw PrivateFolderError("\(file): is not a regular file")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = readBytes(opened, into: &chunk)
            if count == 0 { return bytes }
            if count < 0 { throw PrivateFolderError(file, "cannot be read", code: errno) }
            guard bytes.count + count <= limit else { throw PrivateFolderError("\(file): is larger than \(limit) bytes") }
            bytes += chunk.prefix(count)
        }
    }

    /// Makes or replaces a file with mode 0600. When this returns, it is on the disk whole; when it throws, the earlier one is
    /// as it was.
    public func write(_ bytes: [UInt8], to name: String) throws(PrivateFolderError) {
        let file = try place(of: name)
        let draft = ".\(name).new"
        try writeDraft(bytes, to: draft, for: file)
        guard SocketKit.rename(draft, to: name, beneath: descriptor) else {
            let code = errno
            _ = removeName(draft, beneath: descriptor)
            throw PrivateFolderError(file, "cannot be put in place", code: code)
        }
        guard flush(descriptor) else { throw PrivateFolderError(path, "cannot be flushed", code: errno) }
    }

    /// Removes a file. That there is none of that name is no error.
    public func remove(_ name: String) throws(PrivateFolderError) {
        let file = try place(of: name)
        guard removeName(name, beneath: descriptor) || errno == ENOENT else {
            throw PrivateFolderError(file, "cannot be removed", code: errno)
        }
    }

    // MARK: Below

    /// The path of a file, whose name leads nowhere else and is no draft's.
    private func place(of name: String) throws(PrivateFolderError) -> String {
        guard !name.isEmpty, !name.hasPrefix("."), !name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) else {
            throw PrivateFolderError("\(path): a file in it cannot have that name")
        }
        return path + "/" + name
    }

    private func writeDraft(_ bytes: [UInt8], to draft: String, for file: String) throws(PrivateFolderError) {
        _ = removeName(draft, beneath: descriptor)
        let opened = openDescriptor(draft, beneath: descriptor, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
        guard opened >= 0 else { throw PrivateFolderError(file, "cannot be written", code: errno) }
        var rest = bytes[...]
        var isWritten = true
        while isWritten, !rest.isEmpty {
            let count = retrying { writeBytes(opened, rest) }
            if count > 0 { rest = rest.dropFirst(count) } else { isWritten = false }
        }
        isWritten = isWritten && flush(opened)
        let code = errno
        guard close(opened) == 0, isWritten else {
            _ = removeName(draft, beneath: descriptor)
            throw PrivateFolderError(file, "cannot be written", code: isWritten ? errno : code)
        }
    }

    private func flush(_ descriptor: Int32) -> Bool { retrying { Int(fsync(descriptor)) } == 0 }

    private static func make(_ path: String) throws(PrivateFolderError) {
        if makeFolder(path, mode: 0o700) == 0 || errno == EEXIST { return }
        let code = errno
        let parent = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
        guard code == ENOENT, !parent.isEmpty else { throw PrivateFolderError(path, "cannot be made", code: code) }
        try make(path.hasPrefix("/") ? "/" + parent : parent)
        guard makeFolder(path, mode: 0o700) == 0 || errno == EEXIST else {
            throw PrivateFolderError(path, "cannot be made", code: errno)
        }
    }

    private static func problem(_ descriptor: Int32) -> String? {
        guard let status = fileStatus(of: descriptor) else { return "cannot be looked at: \(errorText(errno))" }
        let mode = UInt32(status.st_mode) & 0o777
        if status.st_uid != geteuid() {
            return "belongs to user \(status.st_uid), and this process is user \(geteuid()): name a folder of its own"
        }
        guard mode & 0o077 == 0 else {
            return "others may use it (mode \(String(mode, radix: 8))), and keys and tokens will be in it: chmod 700"
        }
        return nil
    }
}
