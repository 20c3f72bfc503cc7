// Sees to certificates from a CA, on a thread and a loop of its own, so that neither a slow disk nor a slow CA holds up a
// visitor. It is the host of ACMEKit's machine: requests leave over this loop, files are written by this thread, challenges
// and certificates go to the loops that serve.
//
// Which names: that of the gateway, those of agents in the settings, and those of agents that have registered with a token.
// No name that a client asks for in its TLS handshake ever comes here.

import ACMEKit
import Dispatch
import GatewayKit
import MachineCore
import SocketKit
import X509

/// The thread's work. It is made on that thread and stays there.
final class CertificateKeeper {
    private let runner: Runner<CertificateMachine>
    private let shared: SharedPlan
    private let folder: PrivateFolder
    private let log: LogWriter
    private let keys: OpenSSLKeys
    /// Set when they are there.
    private var loops: ServingLoops?
    /// Key authorizations that are in place, by token.
    private var responses: [String: String] = [:]
    private var certificates: [ACMENames: TLSCredential] = [:]
    /// When certificates that are new are shown: several that come at once are shown together.
    private var showAt: Moment?
    /// Shown as long as the gateway's name has no certificate.
    private var ownSigned: TLSCredential?
    private var clock = WallClock.system()
    private var lastStatus: [CertificateStatus] = []

    init(_ shared: SharedPlan, _ folder: PrivateFolder, _ log: LogWriter) throws {
        let plan = shared.plan
        self.shared = shared
        self.folder = folder
        self.log = log
        keys = try OpenSSLKeys()
        let loop = try SocketLoop()
        let trust = plan.authorities.map { TLSTrust.authorities($0) } ?? .system
        try loop.setTLS(TLSClientSettings(trust: trust, protocols: ["http/1.1"]), for: ACMETransport.profile)
        let client = ACMEClient(
            plan.acme, crypto: OpenSSLCrypto(keys: keys), clock: clock, seed: secureRandomBytes(32))
        runner = Runner(CertificateMachine(client), on: loop)
    }

    private var plan: CertificatePlan { shared.plan }

    /// Where other threads leave names.
    var mailbox: Mailbox<ACMEMessage> { runner.mailbox }

    /// Reads the files, so that certificates that are there already are shown from the start. What is to be shown then.
    func begin() throws -> [TLSCredential] {
        runner.onNote = { [self] note, _ in perform(note) }
        let files = try files()
        runner.send(.start(files))
        for name in plan.names {
            do throws(ACMENameError) { runner.send(.want(try ACMENames([name]))) } catch { refuse(name, error.description) }
        }
        try runner.turn(until: Moment())
        takeUp(files)
        showAt = nil
        return try shown()
    }

    /// Agents that were here before a restart, and are not yet again, keep their certificates as long as those are valid:
    /// whoever visits one is to read that it is not here. Nothing is renewed for them.
    private func takeUp(_ files: [ACMEFile]) {
        let (crypto, plan) = (OpenSSLCrypto(keys: keys), plan)
        for file in files {
            guard let stored = ACMECertificate(file, directory: plan.acme.directory, crypto: crypto),
                certificates[stored.names] == nil, stored.notAfter > unixNow().seconds, plan.isOfAgent(stored.names)
            else { continue }
            certificates[stored.names] = stored.credential
        }
    }

    /// Works until the process ends; fails only if the poller does.
    func run(beside loops: ServingLoops) throws(SocketError) {
        self.loops = loops
        while true {
            correctClock()
            reportStatus()
            try runner.turn(until: showAt)
            if let due = showAt, due <= SocketLoop.now() { show() }
        }
    }

    /// The time of day may be set, and a machine may sleep.
    private func correctClock() {
        let now = WallClock.system()
        guard abs(now.unixNanosecondsAtZero - clock.unixNanosecondsAtZero) > 1_000_000_000 else { return }
        clock = now
        runner.send(.clock(now))
    }

    /// All files, as they are; one that cannot be read is given as an empty one, which the client refuses by its name.
    private func files() throws(PrivateFolderError) -> [ACMEFile] {
        var files: [ACMEFile] = []
        for name in try folder.names() {
            do throws(PrivateFolderError) {
                guard let contents = try folder.read(name, limit: Self.maximumFileBytes) else { continue }
                files.append(ACMEFile(name: name, contents: contents))
            } catch {
                log.write(LogRecord(.error, "certificate.file-unreadable", [.init("reason", error.description)]))
                files.append(ACMEFile(name: name, contents: []))
            }
        }
        return files
    }

    // MARK: What the client wants

    private func perform(_ note: ACMENote) {
        switch note {
        case .log(let record): log.write(record)
        case .store(let file): store(file)
        case .remove(let name): remove(name)
        case .present(let challenge): present(challenge)
        case .withdraw(let challenge): withdraw(challenge)
        case .certificate(let certificate):
            guard certificates.updateValue(certificate.credential, forKey: certificate.names) != certificate.credential else {
                return
            }
            showAt = showAt ?? SocketLoop.now().advanced(by: Self.wait)
        case .refused(let names, let reason): refuse("\(names)", reason)
        case .failed: break  // the client has logged it
        case .request, .cancel: break  // never: they are the machine's
        }
    }

    private func store(_ file: ACMEFile) {
        do throws(PrivateFolderError) {
            try folder.write(file.contents, to: file.name)
            runner.send(.stored(name: file.name))
        } catch {
            runner.send(.notStored(name: file.name, reason: error.description))
        }
    }

    private func remove(_ name: String) {
        do throws(PrivateFolderError) { try folder.remove(name) } catch {
            log.write(LogRecord(.warning, "certificate.file-not-removed", [.init("reason", error.description)]))
        }
    }

    private func refuse(_ name: String, _ reason: String) {
        log.write(LogRecord(.error, "certificate.refused", [.init("name", name), .init("reason", reason)]))
    }

    // MARK: Challenges

    private func present(_ challenge: ACMEChallenge) {
        let (id, mailbox) = (challenge.id, runner.mailbox)
        guard let loops else { return runner.send(.notPresented(id, reason: "the gateway does not listen yet")) }
        let reply: @Sendable (TLSError?) -> Void = { failure in
            mailbox.post(failure.map { .notPresented(id, reason: $0.description) } ?? .presented(id))
        }
        switch challenge.proof {
        case .tlsALPN(let serverName, let credential):
            loops.perform({ loop throws(TLSError) in try loop.setChallenge(for: serverName, credential) }, done: reply)
        case .http(let token, let keyAuthorization):
            responses[token] = keyAuthorization
            loops.post(.challenges(responses))
            loops.perform({ _ in }, done: reply)
        }
    }

    private func withdraw(_ challenge: ACMEChallenge) {
        switch challenge.proof {
        case .tlsALPN(let serverName, _):
            loops?.perform({ loop throws(TLSError) in try loop.setChallenge(for: serverName, nil) }, done: { _ in })
        case .http(let token, _):
            responses[token] = nil
            loops?.post(.challenges(responses))
        }
    }

    // MARK: What is shown

    private func show() {
        showAt = nil
        do throws(TLSError) { loops?.tls.setAutomatic(try shown()) } catch { refuse("self-signed", error.description) }
    }

    /// The gateway's certificate, then those of agents. Without one for the gateway, from a CA or from a file, one of its own.
    private func shown() throws(TLSError) -> [TLSCredential] {
        let plan = plan
        let name = plan.hosts.publicHost.flatMap { try? ACMENames([$0]) }
        let ofGateway = name.flatMap { certificates[$0] }
        let ofAgents = certificates.filter { $0.key != name }.sorted { $0.key < $1.key }.map(\.value)
        if let ofGateway { return [ofGateway] + ofAgents }
        return plan.own.isEmpty ? [try selfSigned()] + ofAgents : ofAgents
    }

    private func selfSigned() throws(TLSError) -> TLSCredential {
        if let ownSigned { return ownSigned }
        let names = plan.selfSignedNames
        log.write(
            LogRecord(
                .warning, "certificate.self-signed",
                [
                    .init("names", names.joined(separator: " ")),
                    .init("advice", "visitors are warned of it until the CA has given the first certificate"),
                ]))
        let credential = try keys.selfSigned(for: names, unixSeconds: unixNow().seconds, days: 3_650)
        ownSigned = credential
        return credential
    }

    // MARK: What is to be seen

    /// Tells the first loop what has changed, for its pages and metrics.
    private func reportStatus() {
        let status = runner.machine.status(now: SocketLoop.now())
        let entries = status.entries.map { entry in
            CertificateStatus(
                name: "\(entry.names)", notAfter: entry.notAfter, renewAt: entry.renewAt, step: entry.step,
                failure: entry.notAfter == nil || entry.failure != nil ? entry.failure ?? status.problem : nil,
                retryAt: entry.retryAt)
        }
        guard entries != lastStatus else { return }
        lastStatus = entries
        loops?.mailboxes.first?.post(.certificates(entries))
    }

    private static let maximumFileBytes = 4 << 20
    /// Short beside what a CA takes, and long beside the time in which a client hands over what it has on disk.
    private static let wait = Duration.milliseconds(50)
}
