// What an order makes of the results of its requests.

import HTTPCodec
import MachineCore
import X509

extension Order {
    /// Takes the result of the request that was sent last.
    mutating func received(_ result: CallResult, _ context: inout OrderContext) -> [OrderAction] {
        switch result {
        case .response(let response):
            noteSuccess()
            do throws(ACMEFormatError) { return try accept(response, &context) } catch {
                return fail(.refused, "the CA sent \(error.description)")
            }
        case .problem(let problem): return refused(problem, &context)
        case .unreachable(let reason): return passing(reason, nil, context)
        }
    }

    private mutating func noteSuccess() {
        switch step {
        case .fetch, .validate: if hasActionFailed { return }
        case .new, .authorize, .present, .respond, .finalize, .download: hasActionFailed = false
        }
        retries = 0
    }

    private mutating func accept(
        _ response: ACMEResponse, _ context: inout OrderContext
    ) throws(ACMEFormatError) -> [OrderAction] {
        let asked = RetryAfter.read(response.fields, unixSeconds: context.unixSeconds)
        switch step {
        case .new:
            guard let found = response.fields["Location"].flatMap(ACMEURL.init) else {
                throw ACMEFormatError("an order without an https URL in Location")
            }
            url = found
            return [.store] + proceed(try ACMEOrderObject(response, context.limits), asked, &context)
        case .fetch, .finalize:
            let order = try ACMEOrderObject(response, context.limits)
            if isRestored, order.status == .invalid {
                // The CA looked for a challenge while there was nobody to show it.
                isFirstOrder = false
                return startAnew(&context)
            }
            isRestored = false
            return proceed(order, asked, &context)
        case .authorize(let index):
            return try examine(try ACMEAuthorizationObject(response, context.limits), index, &context)
        case .present: return []
        case .respond(let index):
            (step, polls) = (.validate(index), 0)
            return poll(asked)
        case .validate(let index):
            return review(try ACMEAuthorizationObject(response, context.limits), index, asked, &context)
        case .download: return finish(response, context)
        }
    }

    private mutating func refused(_ problem: ACMEProblem, _ context: inout OrderContext) -> [OrderAction] {
        switch problem.kind {
        case .rateLimited: return fail(.limited(problem.retryAfter), problem.text)
        case .badNonce: return fail(.passing, "the CA refused one nonce after the other")
        case .serverInternal: return passing(problem.text, problem.retryAfter, context)
        case .rejectedIdentifier, .unsupportedIdentifier: return fail(.hopeless, problem.text)
        case .accountDoesNotExist: return withdrawn() + [.end(.accountInDoubt(problem))]
        case .unauthorized where isReading || step == .new: return withdrawn() + [.end(.accountInDoubt(problem))]
        case .orderNotReady where step == .finalize:
            step = .fetch
            return poll(problem.retryAfter)
        case .alreadyReplaced where step == .new && replaces != nil:
            replaces = nil
            return [.store] + perform(&context)
        case .invalidProfile where step == .new && profile != nil:
            profile = nil
            return [.store] + perform(&context)
        case .alreadyReplaced, .badCSR, .badSignatureAlgorithm, .caa, .connection, .dns, .externalAccountRequired,
            .incorrectResponse, .invalidContact, .invalidProfile, .malformed, .orderNotReady, .tls, .unauthorized,
            .unsupportedContact, .userActionRequired, .other:
            return refusedInOrder(problem, &context)
        }
    }

    /// A refusal that means something at certain steps alone.
    private mutating func refusedInOrder(_ problem: ACMEProblem, _ context: inout OrderContext) -> [OrderAction] {
        if case .respond(let index) = step, problem.kind == .malformed {
            // The challenge is not pending any more: its authorization says what it is.
            step = .validate(index)
            return poll(problem.retryAfter)
        }
        if isRestored, step == .fetch, (400..<500).contains(problem.status) { return startAnew(&context) }
        return problem.passes ? passing(problem.text, problem.retryAfter, context) : fail(.refused, problem.text)
    }

    /// Whether the current step asks for the order or an authorization for the first time.
    private var isReading: Bool {
        switch step {
        case .fetch, .authorize: true
        case .new, .present, .respond, .validate, .finalize, .download: false
        }
    }

    /// The order stands where the CA says.
    private mutating func proceed(
        _ order: ACMEOrderObject, _ asked: Duration?, _ context: inout OrderContext
    ) -> [OrderAction] {
        if let place = order.finalize { finalizeURL = place }
        switch order.status {
        case .pending:
            step = .fetch
            if areAuthorized { return poll(asked) }
            guard !order.authorizations.isEmpty else { return fail(.refused, "the CA sent an order without authorizations") }
            authorizations = order.authorizations
            (step, polls) = (.authorize(0), 0)
            return perform(&context)
        case .ready where isFinalized && step == .finalize:
            step = .fetch
            return poll(asked)
        case .ready:
            step = .finalize
            return perform(&context)
        case .processing:
            step = .fetch
            return poll(asked)
        case .valid:
            guard let place = order.certificate else { return fail(.refused, "the CA sent no place of the certificate") }
            (step, polls) = (.download(place), 0)
            return perform(&context)
        case .invalid:
            return fail(.refused, order.error?.text ?? lastFailure ?? "the CA declared the order invalid, and not why")
        }
    }

    // MARK: Authorizations

    private mutating func examine(
        _ authorization: ACMEAuthorizationObject, _ index: Int, _ context: inout OrderContext
    ) throws(ACMEFormatError) -> [OrderAction] {
        guard names.identifiers.contains(authorization.identifier) else {
            throw ACMEFormatError("an authorization for a name that was not asked for")
        }
        switch authorization.status {
        case .valid: return next(index, &context)
        case .pending: return choose(authorization, index, &context)
        case .invalid, .deactivated, .expired, .revoked:
            let name = authorization.identifier.text
            guard isFirstOrder else { return fail(.refused, "the authorization for \(name) is \(authorization.status)") }
            isFirstOrder = false
            return startAnew(&context)
        }
    }

    private mutating func next(_ index: Int, _ context: inout OrderContext) -> [OrderAction] {
        polls = 0
        if authorizations.indices.contains(index + 1) {
            step = .authorize(index + 1)
        } else {
            areAuthorized = true
            step = .fetch
        }
        return perform(&context)
    }

    /// Puts a challenge in place, of the first kind that has not failed.
    private mutating func choose(
        _ authorization: ACMEAuthorizationObject, _ index: Int, _ context: inout OrderContext
    ) -> [OrderAction] {
        let offered = preference.filter { !failedKinds.contains($0) }.compactMap { kind in
            authorization.challenges.first { $0.kind == kind && $0.status != .invalid }
        }
        guard let chosen = offered.first else {
            let kinds = preference.map(\.rawValue).joined(separator: " nor ")
            return fail(.refused, lastFailure ?? "the CA offers neither \(kinds) for \(authorization.identifier.text)")
        }
        do throws(ACMECryptoError) {
            let proof = try prove(authorization.identifier, chosen, &context)
            challenge = (proof, chosen.url)
            isTold = chosen.status == .processing
            step = .present(index)
            return [.present(proof), .wait(context.limits.presentation)]
        } catch {
            return fail(.passing, "a certificate for \(chosen.kind.rawValue) cannot be made: \(error)")
        }
    }

    private func prove(
        _ identifier: ACMEIdentifier, _ chosen: ACMEChallengeObject, _ context: inout OrderContext
    ) throws(ACMECryptoError) -> ACMEChallenge {
        let keyAuthorization = context.signer.key.keyAuthorization(chosen.token)
        context.lastChallengeID += 1
        let proof: ACMEChallenge.Proof
        switch chosen.kind {
        case .http: proof = .http(token: chosen.token, keyAuthorization: keyAuthorization)
        case .tlsALPN:
            let credential = try context.crypto.challengeCredential(
                for: identifier, keyAuthorization: keyAuthorization, unixSeconds: context.unixSeconds)
            proof = .tlsALPN(serverName: identifier.serverName, credential)
        }
        return ACMEChallenge(
            id: ACMEChallengeID(rawValue: context.lastChallengeID), identifier: identifier, proof: proof)
    }

    // MARK: Challenges

    /// The host has put it in place.
    mutating func presented(_ id: ACMEChallengeID, _ context: inout OrderContext) -> [OrderAction] {
        guard case .present(let index) = step, challenge?.proof.id == id else { return [] }
        (step, polls) = (isTold ? .validate(index) : .respond(index), 0)
        return perform(&context)
    }

    /// The host cannot put it in place: the next kind may do.
    mutating func notPresented(
        _ id: ACMEChallengeID, _ reason: String, _ context: inout OrderContext
    ) -> [OrderAction] {
        guard case .present(let index) = step, let proof = challenge?.proof, proof.id == id else { return [] }
        noteFailure(proof, VisibleText.make(reason, maximumCount: 300))
        step = .authorize(index)
        return withdrawn() + [.store] + perform(&context)
    }

    /// What has become of the challenge that the CA was told of.
    private mutating func review(
        _ authorization: ACMEAuthorizationObject, _ index: Int, _ asked: Duration?, _ context: inout OrderContext
    ) -> [OrderAction] {
        guard let (proof, url) = challenge else { return fail(.passing, "the challenge is not where it was") }
        let ours = authorization.challenges.first { $0.url == url }
        switch authorization.status {
        case .valid:
            provenBy = proof.kind
            return withdrawn() + next(index, &context)
        case .pending where ours?.status == .invalid:
            noteFailure(proof, ours?.error?.text ?? "the CA does not say why")
            return withdrawn() + [.store] + choose(authorization, index, &context)
        case .pending where ours?.status == .pending && mayBeUnheard:
            mayBeUnheard = false
            step = .respond(index)
            return perform(&context)
        case .pending: return poll(asked)
        case .invalid, .deactivated, .expired, .revoked:
            noteFailure(proof, ours?.error?.text ?? "the authorization is \(authorization.status)")
            let isOver = preference.allSatisfy { failedKinds.contains($0) }
            return isOver ? fail(.refused, lastFailure ?? "") : startAnew(&context)
        }
    }

    private mutating func noteFailure(_ proof: ACMEChallenge, _ reason: String) {
        failedKinds.insert(proof.kind)
        let own = "\(proof.kind.rawValue) for \(proof.identifier.text): \(reason.asClause)"
        lastFailure = VisibleText.make([lastFailure, own].compactMap { $0 }.joined(separator: "; "), maximumCount: 600)
    }

    // MARK: The certificate

    private mutating func finish(_ response: ACMEResponse, _ context: OrderContext) -> [OrderAction] {
        let chain = String(decoding: response.body, as: UTF8.self)
        guard let facts = Certificate(chainPEM: chain) else {
            return fail(.refused, "the CA sent a certificate that cannot be read")
        }
        do throws(ACMECryptoError) {
            guard try facts.publicPoint == context.crypto.publicPoint(ofKey: keyPEM) else {
                return fail(.refused, "the CA sent a certificate for another key")
            }
        } catch {
            return fail(.passing, "the certificate's key cannot be read: \(error)")
        }
        guard facts.identifiers.isSuperset(of: names.identifiers) else {
            return fail(.refused, "the CA sent a certificate without all of the names")
        }
        guard facts.notAfter > context.unixSeconds else {
            return fail(.refused, "the CA sent a certificate that has expired, or this machine's clock is wrong")
        }
        return [.end(.issued(TLSCredential(chainPEM: chain, keyPEM: keyPEM), facts, provenBy))]
    }
}
