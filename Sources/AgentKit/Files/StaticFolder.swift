// A folder whose files an agent serves, and what is known of one file in it.

/// A folder whose files are served.
public struct StaticFolder: Sendable, Hashable {
    /// Where it is; the host's to understand.
    public var path: String
    /// Whether names that begin with a dot are served. Default false: `.git`, `.env` and the like are not meant for visitors.
    public var servesDotFiles: Bool

    /// The folder at `path`.
    public init(path: String, servesDotFiles: Bool = false) {
        self.path = path
        self.servesDotFiles = servesDotFiles
    }
}

/// What is known about what a path leads to.
public struct FileFacts: Sendable, Hashable {
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
    public var kind: Kind
    /// Bytes; 0 or more.
    public var size: Int64
    /// When it was changed last: seconds since 1970.
    public var modifiedSeconds: Int64
    /// The nanoseconds beyond that.
    public var modifiedNanoseconds: Int64

    /// Facts about a file, a folder or something else.
    public init(kind: Kind, size: Int64, modifiedSeconds: Int64, modifiedNanoseconds: Int64 = 0) {
        self.kind = kind
        self.size = size
        self.modifiedSeconds = modifiedSeconds
        self.modifiedNanoseconds = modifiedNanoseconds
    }
}
