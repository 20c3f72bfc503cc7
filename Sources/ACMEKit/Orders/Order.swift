// One order, from the first request to the certificate (RFC 8555 §7.4), as a machine of its own: results of requests in,
// actions out. Its key is on disk before the CA hears of the order, its URL as soon as it is known, so that after a restart it
// goes on where the CA says that it stands.
//
//     new ─► fetch ─► authorize(i) ─► present(i) ─► respond(i) ─► validate(i) ─► … ─► fetch ─► finalize ─► fetch ─► download
//                         └────────────── already valid: the next one ──────────────┘
//
// A challenge that fails takes its authorization with it, and the order (§7.1.6): the next kind of challenge is tried in a new
// order of the same names and key. The CA cannot make it loop: kinds that failed are not tried again, each request counts, each
// poll waits, and all of it has a time limit.

import MachineCore
import RPCCore
import X509

/// What an order wants done, in order.
enum OrderAction: Sendable {
    /// Send this, signed by the account.
    case call(ACMECall)
    /// Call `resume` after this time; instead of an earlier wait.
    case wait(Duration)
    /// What the order's file holds has changed.
    case store
    /// A certificate is about to be asked for: count it.
    case count
    case present(ACMEChallenge)
    case withdraw(ACMEChallenge)
    /// The last action of all.
    case end(OrderEnd)
}

/// What became of an order.
enum OrderEnd: Sendable {
    case issued(TLSCredential, Certificate, ACMEChallengeKind?)
    case failed(Ledger.Severity, reason: String)
    /// The CA does not let the account do this.
    case accountInDoubt(ACMEProblem)
}

/// What an order has to know to take its next step.
struct OrderContext: Sendable {
    let configuration: ACMEConfiguration
    let crypto: any ACMECrypto
    let directory: ACMEDirectory
    let signer: Signer
    var unixSeconds: Int64
    /// The last challenge that was made.
    var lastChallengeID: UInt64

    var limits: ACMELimits { configuration.limits }
}

struct Order: Sendable {
    enum Step: Sendable, Hashable {
        case new
        case fetch
        case authorize(Int)
        case present(Int)
        case respond(Int)
        case validate(Int)
        case finalize
        case download(ACMEURL)
    }

    let names: ACMENames
    /// The private key of the certificate to come. A secret.
    let keyPEM: String
    /// Whether there was no certificate for these names.
    let isNew: Bool
    /// Of the account that the order belongs to.
    var account: ACMEURL?
    var url: ACMEURL?
    /// The certificate that this one is to replace (RFC 9773 §5).
    var replaces: String?
    var profile: String?
    /// Kinds of challenges that failed.
    var failedKinds: Set<ACMEChallengeKind> = []
    /// Whether the quota knows of it.
    var isCounted = false

    // What a restart forgets.
    var step = Step.new
    var authorizations: [ACMEURL] = []
    var areAuthorized = false
    var finalizeURL: ACMEURL?
    var isFinalized = false
    /// In place, with the URL where the CA is told so.
    var challenge: (proof: ACMEChallenge, url: ACMEURL)?
    /// Whether the CA was told, and whether it may not have heard.
    var isTold = false
    var mayBeUnheard = false
    var lastFailure: String?
    var provenBy: ACMEChallengeKind?
    /// Kinds of challenges, the one that worked the last time first.
    var preference: [ACMEChallengeKind]
    var polls = 0
    /// Failures since a step succeeded; one that only asked how things stand does not count after one that was to change them.
    var retries = 0
    var hasActionFailed = false
    var requestsLeft: Int
    /// Whether nothing has made it begin anew.
    var isFirstOrder = true
    /// Whether it came from the disk, and the CA has not confirmed yet that it knows it.
    var isRestored = false

    init(
        _ names: ACMENames, keyPEM: String, isNew: Bool, replaces: String?, profile: String?,
        preference: [ACMEChallengeKind], limits: ACMELimits
    ) {
        self.names = names
        self.keyPEM = keyPEM
        self.isNew = isNew
        self.replaces = replaces
        self.profile = profile
        self.preference = preference
        requestsLeft = limits.requestsOfOrder
    }

    /// Tries this kind of challenge first.
    mutating func prefer(_ kind: ACMEChallengeKind?) {
        guard let place = preference.firstIndex(where: { $0 == kind }) else { return }
        preference.swapAt(0, place)
    }

    /// The first action after the start, or after it was read from the disk.
    mutating func begin(_ context: inout OrderContext) -> [OrderAction] {
        if account != context.signer.account {
            account = context.signer.account
            url = nil
        }
        isRestored = url != nil
        step = url == nil ? .new : .fetch
        return [.store] + perform(&context)
    }

    /// A wait is over.
    mutating func resume(_ context: inout OrderContext) -> [OrderAction] {
        guard case .present = step, let challenge else { return perform(&context) }
        let seconds = context.limits.presentation.wholeSeconds
        return notPresented(challenge.proof.id, "it was not in place within \(seconds) s", &context)
    }

    /// Sends the request of the current step.
    mutating func perform(_ context: inout OrderContext) -> [OrderAction] {
        requestsLeft -= 1
        guard requestsLeft >= 0 else {
            return fail(.refused, "the CA let the order take more than \(context.limits.requestsOfOrder) requests")
        }
        switch step {
        case .new: return [.call(ACMECall(url: context.directory.newOrder, content: .signed(payload: newOrder(context))))]
        case .fetch: return read(url)
        case .authorize(let index), .validate(let index):
            return read(authorizations.indices.contains(index) ? authorizations[index] : nil)
        case .present: return []
        case .respond: return told(challenge?.url)
        case .finalize: return requestCertificate(context)
        case .download(let url):
            let call = ACMECall(url: url, content: .signed(payload: nil), accept: "application/pem-certificate-chain")
            return [.call(call)]
        }
    }

    private mutating func read(_ url: ACMEURL?) -> [OrderAction] {
        guard let url else { return fail(.passing, "the order is not where it was") }
        return [.call(ACMECall(url: url, content: .signed(payload: nil)))]
    }

    private mutating func told(_ url: ACMEURL?) -> [OrderAction] {
        guard let url else { return fail(.passing, "the challenge is not where it was") }
        isTold = true
        return [.call(ACMECall(url: url, content: .signed(payload: Array("{}".utf8))))]
    }

    private func newOrder(_ context: OrderContext) -> [UInt8] {
        let identifiers = names.identifiers.map { name -> JSONValue in
            ["type": .string(name.type), "value": .string(name.text)]
        }
        var members = [JSONMember("identifiers", .array(identifiers))]
        if let profile, context.directory.profiles.contains(profile) { members.append(JSONMember("profile", .string(profile))) }
        if let replaces, context.directory.renewalInfo != nil { members.append(JSONMember("replaces", .string(replaces))) }
        var payload: [UInt8] = []
        JSONValue.object(members).encode(into: &payload)
        return payload
    }

    private mutating func requestCertificate(_ context: OrderContext) -> [OrderAction] {
        guard let finalizeURL else { return fail(.passing, "the CA did not say where to finalize the order") }
        do throws(ACMECryptoError) {
            let request = try context.crypto.certificateRequest(for: names, key: keyPEM)
            var payload: [UInt8] = []
            JSONValue.object([JSONMember("csr", .string(Base64URL.encode(request)))]).encode(into: &payload)
            let before: [OrderAction] = isCounted ? [] : [.count, .store]
            (isCounted, isFinalized) = (true, true)
            return before + [.call(ACMECall(url: finalizeURL, content: .signed(payload: payload)))]
        } catch {
            return fail(.passing, "the certificate cannot be asked for: \(error)")
        }
    }

    // MARK: Endings and waits

    /// The order is over.
    mutating func fail(_ severity: Ledger.Severity, _ reason: String) -> [OrderAction] {
        withdrawn() + [.end(.failed(severity, reason: reason))]
    }

    /// Takes the challenge away, if one is in place.
    mutating func withdrawn() -> [OrderAction] {
        guard let proof = challenge?.proof else { return [] }
        challenge = nil
        (isTold, mayBeUnheard) = (false, false)
        return [.withdraw(proof)]
    }

    /// Begins again with a new order, which knows what failed.
    mutating func startAnew(_ context: inout OrderContext) -> [OrderAction] {
        url = nil
        (authorizations, areAuthorized, finalizeURL) = ([], false, nil)
        (isFinalized, isCounted, isRestored) = (false, false, false)
        (step, polls) = (.new, 0)
        return withdrawn() + [.store] + perform(&context)
    }

    /// Waits before the current step's request is sent again: as long as the CA asks for, within reason, or longer each time.
    mutating func poll(_ asked: Duration?) -> [OrderAction] {
        polls = min(polls + 1, 16)
        let own = min(Int64(1) << Int64(polls - 1), Self.longestPoll)
        return [.wait(.seconds(min(max(asked?.wholeSeconds ?? own, 1), Self.longestAskedPoll)))]
    }

    /// Something failed that may pass: the step is tried again, or the one that finds out what became of it.
    mutating func passing(_ reason: String, _ asked: Duration?, _ context: OrderContext) -> [OrderAction] {
        retries += 1
        guard retries <= context.limits.stepRetries else { return fail(.passing, reason) }
        switch step {
        case .respond(let index):
            step = .validate(index)
            (mayBeUnheard, hasActionFailed) = (true, true)
        case .finalize:
            step = .fetch
            hasActionFailed = true
        case .new, .fetch, .authorize, .present, .validate, .download: break
        }
        let own = Int64(1) << Int64(min(retries, 6))
        return [.wait(.seconds(min(max(asked?.wholeSeconds ?? 0, own), Self.longestAskedPoll)))]
    }

    private static let longestPoll: Int64 = 30
    private static let longestAskedPoll: Int64 = 300
}
