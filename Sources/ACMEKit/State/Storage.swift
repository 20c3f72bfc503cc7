// What is to be on disk before the next request leaves. The host confirms each write; one that failed is asked for again, with
// what the file should hold by then.

import MachineCore

struct Storage: Sendable {
    /// Writes that the host has not confirmed, for each file.
    private var unconfirmed: [String: Int] = [:]
    /// What the last write of a file was to hold, as long as one is unconfirmed.
    private var contents: [String: [UInt8]] = [:]
    /// Files whose write failed.
    private var failed: Set<String> = []
    private var retryAt: Moment?
    /// To be deleted when all else is on disk, in order: what takes its place may not be there yet.
    private var removals: [String] = []

    /// Whether all is on disk.
    var isSettled: Bool { unconfirmed.isEmpty && failed.isEmpty }
    var nextDeadline: Moment? { retryAt }

    mutating func store(_ file: ACMEFile, _ turn: inout Turn<ACMENote>) {
        unconfirmed[file.name, default: 0] += 1
        contents[file.name] = file.contents
        failed.remove(file.name)
        removals.removeAll { $0 == file.name }
        turn.emit(.store(file))
    }

    mutating func remove(_ name: String, _ turn: inout Turn<ACMENote>) {
        failed.remove(name)
        removals.append(name)
        removeWhatMayGo(&turn)
    }

    /// The oldest unconfirmed write of a file is on disk, or is not.
    mutating func confirmed(_ name: String, _ turn: inout Turn<ACMENote>) {
        _ = settle(name)
        removeWhatMayGo(&turn)
    }

    mutating func refused(_ name: String, reason: String, _ turn: inout Turn<ACMENote>) {
        // A later write of the same file is under way, and will say itself what became of it.
        guard settle(name, isKept: true) else { return }
        failed.insert(name)
        retryAt = turn.now.advanced(by: Self.wait)
        let reason = VisibleText.make(reason, maximumCount: 300)
        turn.log(.error, "acme.not-stored", [.init("file", name), .init("reason", reason)])
    }

    /// Asks again for what failed.
    mutating func fireTimers(_ turn: inout Turn<ACMENote>) {
        guard let retryAt, retryAt <= turn.now else { return }
        self.retryAt = nil
        for name in failed.sorted() {
            if let contents = contents[name] { store(ACMEFile(name: name, contents: contents), &turn) }
        }
        failed = []
    }

    private mutating func removeWhatMayGo(_ turn: inout Turn<ACMENote>) {
        guard isSettled else { return }
        for name in removals.take() { turn.emit(.remove(name: name)) }
    }

    /// True if that was the last unconfirmed write of the file.
    private mutating func settle(_ name: String, isKept: Bool = false) -> Bool {
        guard let count = unconfirmed[name] else { return false }
        unconfirmed[name] = count > 1 ? count - 1 : nil
        if count == 1, !isKept { contents[name] = nil }
        return count == 1
    }

    private static let wait = Duration.seconds(30)
}
