// Opens a file beneath a folder by an untrusted path: one name at a time, each with O_NOFOLLOW, so that no symbolic
// link leads anywhere, be it put there between a look and the use of it. What was opened is what is described and read.
//
// A pipe or a device without a reader does not hold up the opening (O_NONBLOCK). The folder itself is opened anew each time: a
// build may have put another in its place.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Something beneath a folder, open for reading until it is let go of.
public final class FolderFile {
    /// What it is.
    public enum Kind: Sendable, Hashable {
        /// A regular file.
        case file
        /// A folder.
        case folder
        /// A device, a pipe, a socket, …
        case other
    }

    /// What it is.
    public let kind: Kind
    /// Bytes, when it was opened.
    public let size: Int64
    /// When it was changed last, when it was opened: seconds since 1970, and the nanoseconds beyond.
    public let modified: (seconds: Int64, nanoseconds: Int64)
    private let descriptor: Int32
    private let path: String

    /// Opens `names`, each beneath the one before and the first beneath `folder`; no names: the folder itself. Symbolic links
    /// count as not there, but for those in `folder`. A name that is empty, `.` or `..`, or holds a slash or a zero byte, is a
    /// `badName`.
    public init(_ names: [[UInt8]], beneath folder: String) throws(FileError) {
        path = folder
        var current = try Self.openFolder(folder)
        for (index, name) in names.enumerated() {
            let flags = index == names.count - 1 ? O_NONBLOCK : O_DIRECTORY
            let next = Self.openName(name, beneath: current, flags)
            let code = errno
            close(current)
            guard next >= 0 else { throw Self.failure(name, code, folder) }
            current = next
        }
        descriptor = current
        guard let status = fileStatus(of: descriptor) else {
            let code = errno
            close(descriptor)
            throw FileError(path: folder, code: code)
        }
        (kind, size, modified) = Self.facts(status)
    }

    deinit { close(descriptor) }

    /// At most `count` bytes from `offset` on: fewer at the end of the file, none beyond it.
    public func read(at offset: Int64, count: Int) throws(FileError) -> [UInt8] {
        guard let bytes = readBytes(descriptor, at: offset, count: count) else { throw FileError(path: path, code: errno) }
        return bytes
    }

    // MARK: Below

    private static func openFolder(_ folder: String) throws(FileError) -> Int32 {
        guard !folder.isEmpty, !folder.utf8.contains(0) else { throw FileError(path: folder, reason: .badName) }
        let descriptor = openDescriptor(folder, O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else { throw FileError(path: folder, code: errno) }
        return descriptor
    }

    /// Negative with `errno` set on failure; a name that is none is EINVAL.
    private static func openName(_ name: [UInt8], beneath folder: Int32, _ flags: Int32) -> Int32 {
        let dot = UInt8(ascii: ".")
        guard !name.isEmpty, name != [dot], name != [dot, dot], !name.contains(0), !name.contains(UInt8(ascii: "/")) else {
            errno = EINVAL
            return -1
        }
        return openDescriptor(name, beneath: folder, O_RDONLY | O_NOFOLLOW | flags)
    }

    private static func failure(_ name: [UInt8], _ code: Int32, _ folder: String) -> FileError {
        let path = folder + "/" + String(decoding: name, as: UTF8.self)
        switch code {
        case EINVAL: return FileError(path: path, reason: .badName)
        case ELOOP, EMLINK, ENAMETOOLONG, ENXIO: return FileError(path: path, reason: .notFound)
        default: return FileError(path: path, code: code)
        }
    }

    private static func facts(_ status: stat) -> (Kind, Int64, (seconds: Int64, nanoseconds: Int64)) {
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .folder
            default: .other
            }
        return (kind, Int64(status.st_size), (Int64(time.tv_sec), Int64(time.tv_nsec)))
    }
}
