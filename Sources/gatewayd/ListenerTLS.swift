// TLS of the listeners, for all loops together: what the files hold, the keys of session tickets, and both made anew. Each loop
// makes contexts of its own of it.
//
// The files are read again every three seconds and at SIGHUP; a renewed certificate serves the next connection, those that are
// there keep theirs. Files that cannot be used change nothing, and the log says why, once for each reason, and not before they
// were so twice: a certificate and its key are not replaced in one step.

import Dispatch
import MachineCore
import Primitives
import SocketKit
import Synchronization
import X509

final class ListenerTLS: Sendable {
    /// Gives every loop something to do.
    typealias Perform = @Sendable (@escaping @Sendable (SocketLoop) -> Void) -> Void

    private struct State {
        /// By the listener's number; nil: no TLS.
        var files: [TLSFiles?]
        var settings: [TLSServerSettings?]
        /// Those of a CA, behind what automatic listeners have from files.
        var automatic: [TLSCredential]
        var ticketKeys = [TLSTicketKey()]
        var rotated = SocketLoop.now()
        /// Why the files of each could not be used the last time, and whether that was said.
        var problems: [TLSFiles.Problem?]
        var isReported: [Bool]
        var perform: Perform = { _ in }

        /// What a listener serves, with the keys of now.
        func current(_ index: Int) -> TLSServerSettings? {
            guard settings.indices.contains(index), var settings = settings[index] else { return nil }
            settings.ticketKeys = ticketKeys
            if files[index]?.isAutomatic == true { settings.credentials += automatic }
            return settings
        }

        /// Whether it was time for a new key.
        mutating func renewKeys(_ now: Moment, after life: Duration) -> Bool {
            guard rotated.advanced(by: life) <= now else { return false }
            rotated = now
            ticketKeys = [TLSTicketKey()] + ticketKeys.prefix(1)
            return true
        }

        mutating func succeeded(_ index: Int) {
            problems[index] = nil
            isReported[index] = false
        }

        /// Whether that is to be said: somebody asked for it, or it was so the last time.
        mutating func failed(_ index: Int, _ problem: TLSFiles.Problem, isAsked: Bool) -> Bool {
            let isSame = problems[index] == problem
            if !isSame { isReported[index] = false }
            problems[index] = problem
            guard isAsked || isSame, !isReported[index] else { return false }
            isReported[index] = true
            return true
        }
    }

    private let state: Mutex<State>
    private let log: LogWriter
    private let queue = DispatchQueue(label: "gatewayd.certificates")

    /// Reads the files. Their problems were found with the settings, so that one now is a race with whoever replaces them.
    /// `automatic`: what a CA has given so far, or what stands in for it.
    init(
        _ listeners: [ListenerSettings], automatic: [TLSCredential] = [], log: LogWriter
    ) throws(TLSFiles.Problem) {
        var settings: [TLSServerSettings?] = []
        for listener in listeners { settings.append(try listener.tls?.load()) }
        state = Mutex(
            State(
                files: listeners.map(\.tls), settings: settings, automatic: automatic,
                problems: listeners.map { _ in nil },
                isReported: listeners.map { _ in false }))
        self.log = log
        for (files, settings) in zip(listeners.map(\.tls), settings) {
            if let files, let settings { report(files, settings) }
        }
    }

    /// Has the listener of a loop speak TLS, if it is to.
    func configure(_ listener: Listener, of loop: SocketLoop) throws(TLSError) {
        guard let settings = state.withLock({ $0.current(listener.index) }) else { return }
        try loop.setTLS(settings, for: listener)
    }

    /// From now on what changes is given to all loops.
    func start(_ perform: @escaping Perform) {
        let isNeeded = state.withLock { state in
            state.perform = perform
            return state.files.contains { $0 != nil }
        }
        if isNeeded { scheduleCheck() }
    }

    /// The settings were read again: other files may be named. Whether a listener speaks TLS is settled at the start.
    func reload(_ listeners: [ListenerSettings]) {
        queue.async { [self] in
            let isSame = state.withLock { state in
                guard state.files.map({ $0 == nil }) == listeners.map({ $0.tls == nil }) else { return false }
                state.files = listeners.map(\.tls)
                state.isReported = state.isReported.map { _ in false }
                return true
            }
            if !isSame {
                let advice = "restart the gateway: listeners cannot begin or cease to speak TLS while it runs"
                log.write(LogRecord(.warning, "tls.listeners-changed", [.init("advice", advice)]))
            }
            check(isAsked: true)
        }
    }

    /// Shows these from the next handshake on, where certificates come from a CA.
    func setAutomatic(_ credentials: [TLSCredential]) {
        let indices = state.withLock { state in
            state.automatic = credentials
            return state.files.indices.filter { state.files[$0]?.isAutomatic == true }
        }
        apply(to: indices)
    }

    // MARK: Time

    private static let interval = DispatchTimeInterval.seconds(3)
    /// Tickets can be resumed for half a day at least and a day at most.
    private static let keyLife = Duration.seconds(12 * 3600)

    private func scheduleCheck() {
        queue.asyncAfter(deadline: .now() + Self.interval) { [weak self] in
            self?.check(isAsked: false)
            self?.scheduleCheck()
        }
    }

    /// Looks for changed files and old keys.
    private func check(isAsked: Bool) {
        let (files, now) = (state.withLock { $0.files }, SocketLoop.now())
        var changed: Set<Int> = []
        for (index, files) in files.enumerated() {
            guard let files, let settings = newContents(of: files, index, isAsked: isAsked) else { continue }
            state.withLock { $0.settings[index] = settings }
            changed.insert(index)
            report(files, settings)
        }
        let areKeysNew = state.withLock { $0.renewKeys(now, after: Self.keyLife) }
        if !changed.isEmpty || areKeysNew { apply(to: areKeysNew ? Array(files.indices) : changed.sorted()) }
    }

    /// What the files hold, if it is not what is served; nil after a problem.
    private func newContents(of files: TLSFiles, _ index: Int, isAsked: Bool) -> TLSServerSettings? {
        do throws(TLSFiles.Problem) {
            let (contents, served) = (try files.contents(), state.withLock { $0.settings[index] })
            if contents != served { try files.check(contents) }
            state.withLock { $0.succeeded(index) }
            return contents == served ? nil : contents
        } catch {
            guard state.withLock({ $0.failed(index, error, isAsked: isAsked) }) else { return nil }
            let reason = "\"tls.\(error.setting)\" \(error.text)"
            log.write(
                LogRecord(
                    .error, "tls.reload-refused",
                    [.init("reason", reason), .init("advice", "the certificate before it is kept until the files are right")]))
            return nil
        }
    }

    private func apply(to indices: [Int]) {
        let (perform, settings) = state.withLock { state in (state.perform, indices.map { ($0, state.current($0)) }) }
        perform { [log] loop in
            for (index, settings) in settings {
                guard let settings else { continue }
                do throws(TLSError) {
                    try loop.setTLS(settings, for: Listener(index: index, endpoint: .unix(path: "")))
                } catch {
                    log.write(LogRecord(.error, "tls.reload-refused", [.init("reason", "\(error)")]))
                }
            }
        }
    }

    // MARK: What is served

    /// Says what is served from now on, and what of it is or will soon be worth nothing.
    private func report(_ files: TLSFiles, _ settings: TLSServerSettings) {
        let now = unixNow().seconds
        for (pair, credential) in zip(files.pairs, settings.credentials) {
            guard let certificate = credential.certificate else { continue }
            let names = certificate.names.isEmpty ? certificate.subject : certificate.names.joined(separator: ", ")
            let fields: [LogRecord.Field] = [
                .init("file", pair.certificate), .init("names", names), .init("until", UTCTime.text(certificate.notAfter)),
            ]
            log.write(LogRecord(.info, "tls.certificate", fields))
            let problem: (event: String, advice: String)? =
                if certificate.notAfter < now {
                    ("tls.certificate-expired", "renew it: clients refuse it")
                } else if certificate.notAfter < now + 7 * 86_400 {
                    ("tls.certificate-expires", "renew it: soon clients will refuse it")
                } else if certificate.notBefore > now {
                    ("tls.certificate-not-yet-valid", "clients refuse it, or this machine's clock is wrong")
                } else {
                    nil
                }
            if let problem {
                log.write(LogRecord(.warning, problem.event, fields + [.init("advice", problem.advice)]))
            }
        }
    }
}
