// An ACME client (RFC 8555) as a state machine: names in, certificates out, requests to the CA and files by way of the host.
//
//     DirectoryCache  what the CA offers
//     Account         in whose name
//     Orders          certificates that are being asked for
//     Certificates    those that there are, and when they are renewed
//     Services        requests with their nonces, files, the ledger of quota and failures
//
// A power cut at any point costs at most the step under way: what the CA is told is on disk before it is told, and what is on
// disk is where the next start goes on. Nothing that a visitor does reaches this machine: orders are for the names that the
// host wants, and for no others.

import MachineCore
import Primitives

/// An ACME client. Give it `ACMEMessage.start` first, then names; perform its notes in order.
public struct ACMEClient: Machine {
    /// What the host says to it.
    public typealias Message = ACMEMessage
    /// What it says to the host.
    public typealias Note = ACMENote

    private var services: Services
    private var cache = DirectoryCache()
    private var account = Account()
    private var orders = Orders()
    private var certificates = Certificates()
    /// In the order in which they were wanted.
    private var wanted: [ACMENames] = []
    /// Names whose files a later version of the program has written, by `ACMENames.fileKey`.
    private var blocked: [String: String] = [:]
    private var isStarted = false
    /// What no order can be made because of, until a person has looked.
    private var blockade: String?
    /// When something is due that no part has a deadline for.
    private var wakeAt: Moment?
    /// Names for which the quota is used up, so that it is said once.
    private var waitingForQuota: Set<ACMENames> = []

    /// A client that does nothing before `start`. The seed makes waits differ between clients; no secret is made of it.
    public init(_ configuration: ACMEConfiguration, crypto: any ACMECrypto, clock: WallClock, seed: [UInt8]) {
        services = Services(configuration, crypto: crypto, clock: clock, seed: seed)
    }

    // MARK: Machine

    /// Takes one input and appends what is to be done to `outputs`.
    public mutating func handle(
        _ input: MachineInput<ACMEMessage>, now: Moment, into outputs: inout [MachineOutput<ACMENote>]
    ) {
        var turn = Turn(now: now, taking: &outputs)
        switch input {
        case .transport: break
        case .message(let message): handle(message, &turn)
        case .tick: fireTimers(&turn)
        }
        if isStarted { advance(&turn) }
        turn.end(into: &outputs)
    }

    /// Nothing is put off until the end of a turn.
    public mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<ACMENote>]) {}

    /// When the client wants a tick.
    public var nextDeadline: Moment? {
        [
            services.calls.nextDeadline, services.storage.nextDeadline, orders.nextDeadline, wakeAt,
        ].compactMap { $0 }.min()
    }

    /// What there is to see at `now`.
    public func status(now: Moment) -> ACMEStatus {
        let unixSeconds = services.clock.unixSeconds(at: now)
        let entries = wanted.map { names in
            let failure = services.ledger.failures[names.fileKey]
            let certificate = certificates[names]
            return ACMEStatus.Entry(
                names: names, notAfter: certificate?.facts.notAfter, renewAt: certificate?.plan.renewAt,
                step: orders.step(of: names), failure: failure?.reason, retryAt: failure?.retryAt)
        }
        return ACMEStatus(
            entries: entries, quotaUsed: services.ledger.used(at: unixSeconds), quota: services.configuration.weeklyQuota,
            problem: blockade ?? cache.problem ?? account.problem)
    }

    private mutating func handle(_ message: ACMEMessage, _ turn: inout Turn<ACMENote>) {
        switch message {
        case .start(let files): start(files, &turn)
        case .want(let names): want(names, &turn)
        case .unwant(let names): unwant(names, &turn)
        case .retry: forgive(&turn)
        case .response(let id, let response):
            let now = services.unixSeconds(turn)
            if let (owner, result) = services.calls.received(id, response, unixSeconds: now, &turn) {
                deliver(result, to: owner, &turn)
            }
        case .failed(let id, let reason):
            if let (owner, result) = services.calls.failed(id, reason: reason) { deliver(result, to: owner, &turn) }
        case .stored(let name): services.storage.confirmed(name, &turn)
        case .notStored(let name, let reason): services.storage.refused(name, reason: reason, &turn)
        case .presented(let id): orders.presented(id, &services, &turn)
        case .notPresented(let id, let reason): orders.notPresented(id, reason, &services, &turn)
        case .clock(let clock): services.clock = clock
        }
    }

    private mutating func fireTimers(_ turn: inout Turn<ACMENote>) {
        services.storage.fireTimers(&turn)
        while let (owner, result) = services.calls.popExpired(&turn) { deliver(result, to: owner, &turn) }
        orders.fireTimers(&services, &turn)
    }

    /// What one part asked for.
    private mutating func deliver(_ result: CallResult, to owner: CallOwner, _ turn: inout Turn<ACMENote>) {
        switch owner {
        case .directory: cache.received(result, &services, &turn)
        case .account: account.received(result, &services, &turn)
        case .order(let names): orders.received(result, for: names, &services, &turn)
        case .renewalInfo(let names): certificates.received(result, for: names, &services, &turn)
        }
    }

    // MARK: The host's wishes

    private mutating func want(_ names: ACMENames, _ turn: inout Turn<ACMENote>) {
        guard !wanted.contains(names) else { return }
        guard wanted.count < services.limits.sets else {
            return turn.emit(.refused(names, reason: "there are \(services.limits.sets) certificates to look after already"))
        }
        wanted.append(names)
        if let reason = blockade ?? blocked[names.fileKey] { turn.emit(.refused(names, reason: reason)) }
        if isStarted, let certificate = certificates[names] { turn.emit(.certificate(certificate.certificate)) }
    }

    private mutating func unwant(_ names: ACMENames, _ turn: inout Turn<ACMENote>) {
        guard let index = wanted.firstIndex(of: names) else { return }
        wanted.remove(at: index)
        waitingForQuota.remove(names)
        orders.cancel(names, &services, &turn)
        services.calls.cancel(.renewalInfo(names), &turn)
    }

    private mutating func forgive(_ turn: inout Turn<ACMENote>) {
        cache.forgive()
        account.forgive()
        services.ledger.forgive()
        if blockade == nil { services.storeLedger(&turn) }
    }
}

// MARK: Files

extension ACMEClient {
    private mutating func start(_ files: [ACMEFile], _ turn: inout Turn<ACMENote>) {
        guard !isStarted else { return }
        isStarted = true
        for file in files {
            guard let kind = StoredObject.kind(of: file.name, directory: services.directory) else { continue }
            do throws(StoredFileError) { try restore(file, kind, &turn) } catch { refuse(file, kind, error, &turn) }
        }
        for names in wanted {
            if let certificate = certificates[names] { turn.emit(.certificate(certificate.certificate)) }
        }
    }

    private mutating func restore(
        _ file: ACMEFile, _ kind: StoredKind, _ turn: inout Turn<ACMENote>
    ) throws(StoredFileError) {
        let (directory, crypto) = (services.directory, services.crypto)
        switch kind {
        case .account: try account.restore(file, services)
        case .ledger:
            services.ledger = try Ledger(
                file, directory: directory, now: services.unixSeconds(turn), longest: services.limits.longestWait.wholeSeconds)
        case .order: orders.restore(try Order(file, services.configuration, crypto: crypto))
        case .certificate:
            certificates.restore(try StoredCertificate(file, directory: directory, crypto: crypto, jitter: &services.jitter))
        }
    }

    /// A file that cannot be used. Without its account or its ledger a client would make another account, or order more than it
    /// may, so it does nothing; a certificate can be had again, unless a later version of the program knows better.
    private mutating func refuse(
        _ file: ACMEFile, _ kind: StoredKind, _ error: StoredFileError, _ turn: inout Turn<ACMENote>
    ) {
        turn.log(.error, "acme.file-refused", [.init("file", file.name), .init("reason", error.description)])
        switch kind {
        case .account, .ledger:
            let reason = "\(error.description); nothing is ordered before it is mended or removed"
            blockade = reason
            if kind == .account { account.block(reason) }
            for names in wanted { turn.emit(.refused(names, reason: reason)) }
        case .order, .certificate:
            guard error.isOfLaterVersion, let key = StoredObject.key(of: file.name) else { return }
            blocked[key] = error.description
            for names in wanted where names.fileKey == key { turn.emit(.refused(names, reason: error.description)) }
        }
    }
}

// MARK: What is next

extension ACMEClient {
    /// Begins what is due, as far as what it needs is there, and sends what is to be sent.
    private mutating func advance(_ turn: inout Turn<ACMENote>) {
        // A call that cannot be signed fails at once, which may begin another one: bounded by what its owner makes of it.
        for _ in 0..<Self.maximumRounds {
            settleOrders(&turn)
            if blockade == nil { beginOrders(&turn) }
            if orders.haveEnded { continue }
            guard services.storage.isSettled else { return }
            let failures = services.calls.send(&turn)
            for (owner, result) in failures { deliver(result, to: owner, &turn) }
            if failures.isEmpty { return }
        }
    }

    private mutating func settleOrders(_ turn: inout Turn<ACMENote>) {
        for ended in orders.takeEnded() { settle(ended.order, ended.end, &turn) }
    }

    private mutating func settle(_ order: Order, _ end: OrderEnd, _ turn: inout Turn<ACMENote>) {
        let names = order.names
        switch end {
        case .issued(let credential, let facts, let challenge):
            let certificate = StoredCertificate(
                names, credential, facts, challenge: challenge ?? certificates[names]?.challenge, jitter: &services.jitter)
            certificates.store(certificate, &services, &turn)
            services.ledger.succeeded(names.fileKey)
            turn.log(.info, "acme.issued", [.init("names", "\(names)"), .init("until", UTCTime.text(facts.notAfter))])
            services.storeLedger(&turn)
        case .failed(let severity, let reason):
            services.failed(names, certificates[names], severity, reason, &turn)
        case .accountInDoubt(let problem):
            if let directory = cache.directory { account.doubt(problem, directory, &services, &turn) }
            services.failed(names, certificates[names], .passing, problem.text, &turn)
        }
        orders.forget(names, &services, &turn)
    }

    private mutating func beginOrders(_ turn: inout Turn<ACMENote>) {
        let now = services.unixSeconds(turn)
        var next = now + Self.longestSleep
        for names in wanted where blocked[names.fileKey] == nil && !orders.isUnderWay(names) {
            if let later = beginIfDue(names, now, &turn) { next = min(next, later) }
            if certificates[names] != nil, let directory = cache.prepare(&services, &turn),
                let check = certificates.ask(about: names, directory, &services, &turn)
            {
                next = min(next, check)
            }
        }
        // What waits after a failure is waited for if it was needed just now.
        let waits = [cache.nextDeadline, account.nextDeadline].compactMap { $0 }.filter { $0 > turn.now }
        let sleep = turn.now.advanced(by: .seconds(max(1, next - now)))
        wakeAt = wanted.isEmpty ? nil : waits.reduce(sleep, min)
    }

    /// Begins an order for `names`, if it is due; when it will be otherwise, in seconds since 1970.
    private mutating func beginIfDue(_ names: ACMENames, _ now: Int64, _ turn: inout Turn<ACMENote>) -> Int64? {
        let retryAt = services.ledger.failures[names.fileKey]?.retryAt ?? now
        let wanted = orders.isRestored(names) ? now : services.renewAt(certificates[names], now) ?? now
        guard max(wanted, retryAt) <= now else { return max(wanted, retryAt) }
        if let freeAt = quotaFreeAt(names, now) {
            if certificates[names] == nil { sayQuota(names, now, freeAt: freeAt, &turn) }
            return freeAt
        }
        waitingForQuota.remove(names)
        begin(names, &turn)
        return nil
    }

    /// When the quota lets one more order pass; nil: now. One that was counted before a restart passes.
    private func quotaFreeAt(_ names: ACMENames, _ now: Int64) -> Int64? {
        guard !orders.isCounted(names) else { return nil }
        return services.quotaFreeAt(names, isRenewal: certificates[names] != nil, reserved: orders.reserved, now)
    }

    /// Says once that there is no certificate because of the quota.
    private mutating func sayQuota(
        _ names: ACMENames, _ now: Int64, freeAt: Int64, _ turn: inout Turn<ACMENote>
    ) {
        guard waitingForQuota.insert(names).inserted else { return }
        let reason = "\(services.ledger.used(at: now)) certificates were ordered in the last seven days, which is the quota"
        turn.log(
            .warning, "acme.quota",
            [.init("names", "\(names)"), .init("reason", reason), .init("retryAt", UTCTime.text(freeAt))])
        turn.emit(.failed(names, reason: reason, retryAt: freeAt))
    }

    private mutating func begin(_ names: ACMENames, _ turn: inout Turn<ACMENote>) {
        guard orders.count < services.limits.orders, !orders.overlaps(names) else { return }
        guard let directory = cache.prepare(&services, &turn),
            let signer = account.prepare(directory, &services, &turn), let order = makeOrder(names, &turn)
        else { return }
        if let profile = order.profile, !directory.profiles.contains(profile) {
            turn.log(.warning, "acme.no-profile", [.init("profile", profile), .init("reason", "the CA does not offer it")])
        }
        let context = OrderContext(
            configuration: services.configuration, crypto: services.crypto, directory: directory, signer: signer,
            unixSeconds: services.unixSeconds(turn), lastChallengeID: 0)
        orders.begin(order, context, &services, &turn)
    }

    private mutating func makeOrder(_ names: ACMENames, _ turn: inout Turn<ACMENote>) -> Order? {
        let earlier = certificates[names]
        var order: Order
        if let restored = orders.takeRestored(names) {
            order = restored
        } else {
            do throws(ACMECryptoError) { order = try services.makeOrder(names, replacing: earlier) } catch {
                services.failed(names, earlier, .passing, "a key cannot be made: \(error)", &turn)
                return nil
            }
        }
        order.prefer(earlier?.challenge)
        return order
    }

    private static let maximumRounds = 8
    /// The time of day may be corrected, and a laptop may sleep: nothing is put off for longer.
    private static let longestSleep: Int64 = 3_600
}
