// Running out of descriptors: what is logged of it, and how often. Every connection and dial is affected while it lasts, so it
// is said once at its beginning and once a minute from then on, with how often it happened; silence of ten seconds ends it.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Something that could not be done because no descriptor was left.
public struct DescriptorShortage: Sendable, Hashable {
    /// What could not be done, as it follows "cannot".
    public var operation: String
    /// The machine has no more (ENFILE); else this process may open no more (EMFILE).
    public var isOfMachine: Bool

    /// A shortage that `operation` met.
    public init(_ operation: String, isOfMachine: Bool) {
        self.operation = operation
        self.isOfMachine = isOfMachine
    }

    /// If this is what the system's `code` means.
    init?(_ operation: String, code: Int32) {
        guard code == EMFILE || code == ENFILE else { return nil }
        self.init(operation, isOfMachine: code == ENFILE)
    }
}

/// Which shortages are worth a line in the log.
public struct ShortageSpells: Sendable {
    private var lastSeen: Moment?
    private var saidAt = Moment()
    private var unsaid = 0

    /// Without a shortage for so long, it is over.
    static let silence = Duration.seconds(10)
    /// From one line to the next.
    static let interval = Duration.seconds(60)

    /// None yet.
    public init() {}

    /// The line to be logged of `shortage`, if it is time for one. `limit`: how many descriptors the process may open.
    public mutating func record(of shortage: DescriptorShortage, limit: Int, at now: Moment) -> LogRecord? {
        defer { lastSeen = now }
        let isNew = lastSeen.map { now.since($0) >= Self.silence } ?? true
        if isNew { unsaid = 0 }
        unsaid += 1
        guard isNew || now.since(saidAt) >= Self.interval else { return nil }
        defer { unsaid = 0 }
        saidAt = now
        let advice =
            shortage.isOfMachine
            ? "the whole machine has too many files open: raise fs.file-max (sysctl)"
            : "all \(limit) descriptors are in use: raise LimitNOFILE of the systemd unit, or the hard limit (ulimit -Hn)"
        return LogRecord(
            .error, "process.out-of-descriptors",
            [.init("cannot", shortage.operation), .init("times", "\(unsaid)"), .init("advice", advice)])
    }
}
