// The account in whose name certificates are ordered (RFC 8555 §7.3). Its key is on disk before the CA hears of it, so that a
// power cut between the two costs nothing: the CA returns the account that it has for a key.
//
// An account that the CA has deactivated or forgotten is replaced by a new one, at most once a day.

import HTTPCodec
import MachineCore
import RPCCore

struct Account: Sendable {
    private enum Phase: Sendable {
        /// It has to be asked for.
        case unknown
        /// The CA was asked.
        case registering
        /// The CA was asked whether the account is still good.
        case verifying
        /// Orders can be signed.
        case ready
        case waiting(until: Moment)
    }

    private var phase = Phase.unknown
    private var key: AccountKey?
    private var url: ACMEURL?
    /// When an account was last given up, in seconds since 1970.
    private var replacedAt: Int64?
    private var failures = 0
    /// Why there is none that can be used, for people; nil if nothing is wrong.
    private(set) var problem: String?
    /// A file that cannot be read must not be overwritten: nothing is done until a person has looked.
    private var isBlocked = false

    var nextDeadline: Moment? {
        switch phase {
        case .waiting(let until): until
        case .unknown, .registering, .verifying, .ready: nil
        }
    }

    /// Who signs orders; nil: there is no account yet, and one is made.
    mutating func prepare(
        _ directory: ACMEDirectory, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) -> Signer? {
        switch phase {
        case .ready: return key.map { Signer(key: $0, account: url) }
        case .registering, .verifying: return nil
        case .waiting(let until) where until > turn.now: return nil
        case .waiting, .unknown:
            if !isBlocked { register(directory, &services, &turn) }
            return nil
        }
    }

    /// What is tried at once, though it was to wait.
    mutating func forgive() {
        if case .waiting = phase { phase = .unknown }
        failures = 0
    }

    // MARK: Making one

    private mutating func register(_ directory: ACMEDirectory, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        let configuration = services.configuration
        if let terms = directory.termsOfService, !configuration.agreesToTerms, configuration.makesAccount {
            return failed("the CA's terms of service have to be agreed to: \(terms)", .days, nil, &services, &turn)
        }
        if directory.requiresExternalAccount, configuration.externalAccount == nil, configuration.makesAccount {
            return failed("the CA wants an account of its own first, and its key", .days, nil, &services, &turn)
        }
        do throws(ACMECryptoError) {
            let key = try makeKey(&services, &turn)
            phase = .registering
            services.calls.begin(
                ACMECall(
                    url: directory.newAccount,
                    content: .signed(payload: Self.payload(configuration, key: key, url: directory.newAccount))),
                for: .account, signer: Signer(key: key, account: nil), newNonce: directory.newNonce)
        } catch {
            failed("a key cannot be made: \(error)", .minutes, nil, &services, &turn)
        }
    }

    /// The key that there is, or a new one, which is on disk before it is used.
    private mutating func makeKey(
        _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) throws(ACMECryptoError) -> AccountKey {
        if let key { return key }
        let made = try AccountKey(pem: services.crypto.makePrivateKey(), crypto: services.crypto)
        key = made
        store(&services, &turn)
        return made
    }

    private static func payload(_ configuration: ACMEConfiguration, key: AccountKey, url: ACMEURL) -> [UInt8] {
        var members: [JSONMember] = []
        if configuration.makesAccount {
            if configuration.agreesToTerms { members.append(JSONMember("termsOfServiceAgreed", true)) }
            if !configuration.contact.isEmpty {
                members.append(JSONMember("contact", .array(configuration.contact.map { .string($0) })))
            }
        } else {
            members.append(JSONMember("onlyReturnExisting", true))
        }
        if let external = configuration.externalAccount, let binding = JWS.binding(external, key: key, url: url) {
            members.append(JSONMember("externalAccountBinding", binding))
        }
        var payload: [UInt8] = []
        JSONValue.object(members).encode(into: &payload)
        return payload
    }

    /// The CA says that the account does not exist, or that it may not do this: the CA is asked what it knows of it.
    mutating func doubt(
        _ refusal: ACMEProblem, _ directory: ACMEDirectory, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        guard case .ready = phase, let key, let url else { return }
        if refusal.kind == .accountDoesNotExist { return giveUp(refusal.text, keepsKey: true, &services, &turn) }
        phase = .verifying
        services.calls.begin(
            ACMECall(url: url, content: .signed(payload: nil)), for: .account, signer: Signer(key: key, account: url),
            newNonce: directory.newNonce)
    }

    // MARK: What the CA says

    mutating func received(_ result: CallResult, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        switch result {
        case .response(let response):
            do throws(ACMEFormatError) { try accept(response, &services, &turn) } catch {
                failed(error.description, .minutes, nil, &services, &turn)
            }
        case .problem(let refusal): refused(refusal, &services, &turn)
        case .unreachable(let reason): failed(reason, .minutes, nil, &services, &turn)
        }
    }

    private mutating func accept(
        _ response: ACMEResponse, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) throws(ACMEFormatError) {
        let status = try response.object(services.limits)["status"]?.string ?? "valid"
        guard status == "valid" else {
            return giveUp("the account is \(VisibleText.make(status, maximumCount: 40))", &services, &turn)
        }
        if case .registering = phase {
            guard let found = response.fields["Location"].flatMap(ACMEURL.init) else {
                throw ACMEFormatError("an account without an https URL in Location")
            }
            let isNew = url != found
            url = found
            if isNew {
                store(&services, &turn)
                turn.log(.info, "acme.account", [.init("url", found.description)])
            }
        }
        phase = .ready
        (failures, problem) = (0, nil)
    }

    private mutating func refused(_ refusal: ACMEProblem, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        switch refusal.kind {
        case .accountDoesNotExist where services.configuration.makesAccount:
            giveUp(refusal.text, keepsKey: true, &services, &turn)
        case .unauthorized: giveUp(refusal.text, &services, &turn)
        case .rateLimited: failed(refusal.text, .hours, refusal.retryAfter, &services, &turn)
        case .serverInternal, .badNonce: failed(refusal.text, .minutes, refusal.retryAfter, &services, &turn)
        case .accountDoesNotExist, .userActionRequired, .externalAccountRequired, .invalidContact, .unsupportedContact,
            .badSignatureAlgorithm:
            failed(refusal.text, .days, refusal.retryAfter, &services, &turn)
        case .alreadyReplaced, .badCSR, .caa, .connection, .dns, .incorrectResponse, .invalidProfile, .malformed,
            .orderNotReady, .rejectedIdentifier, .tls, .unsupportedIdentifier, .other:
            failed(refusal.text, .hours, refusal.retryAfter, &services, &turn)
        }
    }

    /// The account is of no use. The next one has another key, unless the CA has forgotten this one.
    private mutating func giveUp(
        _ reason: String, keepsKey: Bool = false, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        let now = services.unixSeconds(turn)
        guard services.configuration.makesAccount, replacedAt.map({ now - $0 >= 86_400 || now < $0 }) ?? true else {
            return failed(reason, .hours, nil, &services, &turn)
        }
        turn.log(
            .warning, "acme.account-replaced",
            [.init("reason", reason), .init("url", url.map(\.description) ?? "none")])
        (key, url, replacedAt) = (keepsKey ? key : nil, nil, now)
        phase = .unknown
    }

    /// How long to wait after the first failure.
    private enum Patience: Int64 {
        case minutes = 60
        case hours = 3_600
        case days = 86_400
    }

    private mutating func failed(
        _ reason: String, _ patience: Patience, _ asked: Duration?, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        failures = min(failures + 1, 30)
        let longest = services.limits.longestWait.wholeSeconds
        let wait = services.jitter.about(min(patience.rawValue << Int64(min(failures - 1, 11)), longest))
        let seconds = min(max(wait, asked?.wholeSeconds ?? 0), longest)
        phase = .waiting(until: turn.now.advanced(by: .seconds(seconds)))
        problem = reason
        turn.log(.error, "acme.no-account", [.init("reason", reason), .init("retrySeconds", "\(seconds)")])
    }

    // MARK: File

    private func store(_ services: inout Services, _ turn: inout Turn<ACMENote>) {
        guard let key else { return }
        services.storage.store(
            StoredObject.file(
                .account, directory: services.directory,
                [
                    JSONMember("key", .string(key.pem)), url.map { JSONMember("url", .string($0.description)) },
                    replacedAt.map { JSONMember("replacedAt", .integer($0)) },
                ]),
            &turn)
    }

    /// What a file says.
    mutating func restore(_ file: ACMEFile, _ services: Services) throws(StoredFileError) {
        let root = try StoredObject.read(file, .account, directory: services.directory)
        let pem = try root.text("key", in: file)
        do throws(ACMECryptoError) { key = try AccountKey(pem: pem, crypto: services.crypto) } catch {
            throw StoredFileError(description: "\(file.name) is damaged: its key cannot be read: \(error)")
        }
        url = root["url"]?.string.flatMap(ACMEURL.init)
        replacedAt = root["replacedAt"]?.int64.map { min(max($0, 0), 1 << 40) }
        if url != nil { phase = .ready }
    }

    /// A file cannot be used, and a person has to look at it.
    mutating func block(_ reason: String) {
        isBlocked = true
        problem = reason
    }
}
