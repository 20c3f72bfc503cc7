// Certificates from a CA as the daemon sees them: a thread that has read its files before the daemon listens, and begins to
// order when the loops are there to show what a CA looks for.

import ACMEKit
import Dispatch
import GatewayKit
import MachineCore
import SocketKit
import Synchronization
import X509

/// The handle of the thread that sees to certificates. Any thread may use it.
final class AutomaticCertificates: Sendable {
    /// What was there at the start, or what stands in for it.
    let first: [TLSCredential]
    private let mailbox: Mailbox<ACMEMessage>
    private let start: Start
    private let shared: SharedPlan
    /// What the client has been asked for, by name.
    private let wanted: Mutex<[String: ACMENames]>

    /// Starts the thread, and waits until it has read the files in `folder`.
    /// - Throws: if there is no OpenSSL, or the process is out of descriptors.
    init(_ plan: CertificatePlan, _ folder: PrivateFolder, _ log: LogWriter) throws {
        let (start, shared) = (Start(), SharedPlan(plan))
        // A queue of its own is a thread of its own for as long as the keeper runs.
        DispatchQueue(label: "gatewayd.acme").async {
            do {
                let keeper = try CertificateKeeper(shared, folder, log)
                let first = try keeper.begin()
                guard let loops = start.begun(.init(first: first, mailbox: keeper.mailbox)) else { return }
                try keeper.run(beside: loops)
            } catch {
                if start.failed(error) { return }
                log.write(LogRecord(.error, "certificate.stopped", [.init("reason", "\(error)")]))
            }
        }
        let beginning = try start.wait()
        (self.start, self.shared) = (start, shared)
        first = beginning.first
        mailbox = beginning.mailbox
        var wanted: [String: ACMENames] = [:]
        for name in plan.names { wanted[name] = try? ACMENames([name]) }
        self.wanted = Mutex(wanted)
    }

    /// The loops are there: orders may begin.
    func begin(_ loops: ServingLoops) { start.go(loops) }

    /// An agent has registered with a token: from now on there shall be a certificate for its host name, if it has one.
    func agentRegistered(_ id: String) {
        // An id that is no host name has none: it is reached by path alone.
        guard let name = shared.plan.name(ofAgent: id), let names = try? ACMENames([name]) else { return }
        let isNew = wanted.withLock { $0.updateValue(names, forKey: name) == nil }
        if isNew { mailbox.post(.want(names)) }
    }

    /// Other settings: names that are the gateway's or an agent's no more are given up, new ones begun, and what failed is
    /// tried again.
    func reconfigure(_ plan: CertificatePlan) {
        shared.plan = plan
        let keep = Set(plan.names)
        let (new, lost) = wanted.withLock { wanted in
            let lost = wanted.filter { !keep.contains($0.key) && !plan.isOfAgent($0.value) }
            for name in lost.keys { wanted[name] = nil }
            var new: [ACMENames] = []
            for name in keep.sorted() where wanted[name] == nil {
                guard let names = try? ACMENames([name]) else { continue }
                wanted[name] = names
                new.append(names)
            }
            return (new, lost.values.sorted())
        }
        for names in lost { mailbox.post(.unwant(names)) }
        for names in new { mailbox.post(.want(names)) }
        mailbox.post(.retry)
    }
}

/// The plan in force, for the threads that need it.
final class SharedPlan: Sendable {
    private let state: Mutex<CertificatePlan>

    init(_ plan: CertificatePlan) { state = Mutex(plan) }

    var plan: CertificatePlan {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// The start of the thread, which waits for its maker after its maker has waited for it.
private final class Start: Sendable {
    /// What the thread has come to before there are loops.
    struct Beginning: Sendable {
        let first: [TLSCredential]
        let mailbox: Mailbox<ACMEMessage>
    }

    private let result = Mutex<Result<Beginning, any Error>?>(nil)
    private let loops = Mutex<ServingLoops?>(nil)
    private let isReady = DispatchSemaphore(value: 0)
    private let areLoopsThere = DispatchSemaphore(value: 0)

    /// For the thread: says what it has come to, and waits for the loops.
    func begun(_ beginning: Beginning) -> ServingLoops? {
        result.withLock { $0 = .success(beginning) }
        isReady.signal()
        areLoopsThere.wait()
        return loops.withLock { $0 }
    }

    /// For the thread: true if its maker hears of the failure.
    func failed(_ error: any Error) -> Bool {
        let isHeard = result.withLock { result in
            guard result == nil else { return false }
            result = .failure(error)
            return true
        }
        if isHeard { isReady.signal() }
        return isHeard
    }

    /// For the maker.
    func wait() throws -> Beginning {
        isReady.wait()
        guard let result = result.withLock({ $0 }) else {
            throw SocketError("start", "what sees to certificates", reason: "its thread ended")
        }
        return try result.get()
    }

    /// For the maker.
    func go(_ serving: ServingLoops) {
        loops.withLock { $0 = serving }
        areLoopsThere.signal()
    }
}
