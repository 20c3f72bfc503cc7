// The fake CA's accounts, orders, authorizations, challenges and certificates.

import HTTPCodec
import Primitives
import RPCCore
import X509

@testable import ACMEKit

extension FakeCA {
    mutating func act(_ signed: Signed, _ path: String) -> ACMEResponse {
        let parts = path.split(separator: "/").map(String.init)
        if path == "/newAccount" { return newAccount(signed) }
        guard let account = signed.account else { return Self.problem("malformed", 400) }
        if path == "/new-order" { return newOrder(signed, account) }
        guard parts.count >= 2, let index = Int(parts[1]) else { return Self.problem("malformed", 404) }
        switch parts[0] {
        case "account":
            return json(["status": .string(accounts[index].status)])
        case "order":
            guard orders.indices.contains(index), orders[index].account == account else {
                return Self.problem("malformed", 404)
            }
            if parts.count == 3 { return finalize(signed, index) }
            check(signed.payload == nil, "an order read with a payload")
            return order(index)
        case "authz":
            check(signed.payload == nil, "an authorization read with a payload")
            return authorization(index)
        case "challenge": return respond(toChallenge: index, parts.count == 3 ? parts[2] : "", signed, account)
        case "certificate":
            check(signed.payload == nil, "a certificate read with a payload")
            return ACMEResponse(status: 200, body: Array(certificates[index].chain.utf8))
        default: return Self.problem("malformed", 404)
        }
    }

    // MARK: Accounts

    private mutating func newAccount(_ signed: Signed) -> ACMEResponse {
        if let index = accounts.firstIndex(where: { $0.point == signed.point && $0.status != "forgotten" }) {
            guard accounts[index].status == "valid" else { return Self.problem("unauthorized", 403, detail: "deactivated") }
            return json(["status": "valid"], location: "/account/\(index)")
        }
        if signed.payload?["onlyReturnExisting"] == true { return Self.problem("accountDoesNotExist", 400) }
        let agreed = signed.payload?["termsOfServiceAgreed"] == true
        check(termsOfService == nil || agreed, "an account without agreement to the terms")
        let binding = signed.payload?["externalAccountBinding"]
        if requiresExternalAccount {
            guard let binding, isBinding(binding, signed.point) else { return Self.problem("externalAccountRequired", 403) }
        }
        accounts.append(
            AccountRecord(
                point: signed.point, contact: signed.payload?["contact"]?.list.compactMap(\.text) ?? [], agreed: agreed,
                binding: binding != nil))
        return json(["status": "valid"], status: 201, location: "/account/\(accounts.count - 1)")
    }

    static let externalKey = Array("external key".utf8)

    private func isBinding(_ binding: JSONValue, _ point: [UInt8]) -> Bool {
        guard let protected = binding["protected"]?.text, let payload = binding["payload"]?.text,
            let signature = binding["signature"]?.text.flatMap({ Base64URL.decode($0) }),
            let header = Base64URL.decode(protected).flatMap({ try? JSONValue(decoding: $0[...]) }),
            let key = Base64URL.decode(payload).flatMap({ try? JSONValue(decoding: $0[...]) })
        else { return false }
        let expected = SHA256.authenticationCode(for: Array("\(protected).\(payload)".utf8), key: Self.externalKey)
        return signature == expected && header["alg"]?.text == "HS256" && header["kid"]?.text == "external"
            && header["url"]?.text == Self.base + "/newAccount" && header["nonce"] == nil
            && key["x"]?.text == Base64URL.encode(point[..<32])
    }

    // MARK: Orders

    private mutating func newOrder(_ signed: Signed, _ account: Int) -> ACMEResponse {
        var identifiers: [ACMEIdentifier] = []
        for element in signed.payload?["identifiers"]?.list ?? [] {
            let value = element["value"]?.text ?? ""
            switch element["type"]?.text {
            case "dns": identifiers.append(.dns(value))
            case "ip": if let address = IPAddress(value) { identifiers.append(.ip(address)) }
            default: break
            }
        }
        check(!identifiers.isEmpty && Set(identifiers).count == identifiers.count, "an order without names, or with one twice")
        let profile = signed.payload?["profile"]?.text
        check(profile.map { profiles.contains($0) } ?? true, "a profile that is not on offer")
        let replaces = signed.payload?["replaces"]?.text
        if let replaces {
            guard let index = certificates.firstIndex(where: { $0.renewalID == replaces }) else {
                return Self.problem("malformed", 400, detail: "replaces what is not known")
            }
            if certificates[index].isReplaced { return Self.problem("alreadyReplaced", 409) }
        }
        let first = authorizations.count
        for identifier in identifiers {
            let earlier = authorizations.last { $0.identifier == identifier && $0.status == "valid" }
            authorizations.append(
                AuthorizationRecord(
                    identifier: identifier, status: earlier == nil ? "pending" : "valid",
                    token: Base64URL.encode(SHA256.digest("token \(authorizations.count)".utf8))))
        }
        orders.append(
            OrderRecord(
                account: account, identifiers: identifiers, authorizations: Array(first..<authorizations.count),
                profile: profile, replaces: replaces))
        return order(orders.count - 1, status: 201)
    }

    mutating func order(_ index: Int, status: Int = 200) -> ACMEResponse {
        advance(index)
        let order = orders[index]
        var members: [JSONMember] = [
            JSONMember("status", .string(order.status)),
            JSONMember("authorizations", .array(order.authorizations.map { .string(Self.base + "/authz/\($0)") })),
            JSONMember("finalize", .string(Self.base + "/order/\(index)/finalize")),
        ]
        if let certificate = order.certificate, order.status == "valid" {
            members.append(JSONMember("certificate", .string(Self.base + "/certificate/\(certificate)")))
        }
        return json(
            .object(members), status: status, location: "/order/\(index)",
            retryAfter: order.status == "processing" ? "3" : nil)
    }

    private mutating func advance(_ index: Int) {
        let states = orders[index].authorizations.map { authorizations[$0].status }
        if orders[index].status == "pending" {
            if states.contains("invalid") { orders[index].status = "invalid" }
            if states.allSatisfy({ $0 == "valid" }) { orders[index].status = "ready" }
        } else if orders[index].status == "processing" {
            orders[index].polls += 1
            if orders[index].polls > processingPolls { issue(index) }
        }
    }

    private mutating func finalize(_ signed: Signed, _ index: Int) -> ACMEResponse {
        advance(index)
        guard orders[index].status == "ready" else { return Self.problem("orderNotReady", 403) }
        guard let der = signed.payload?["csr"]?.text.flatMap({ Base64URL.decode($0) }), let request = ParsedRequest(der) else {
            violations.append("a certificate request that cannot be read")
            return Self.problem("badCSR", 400)
        }
        check(request.names == Set(orders[index].identifiers), "a request for other names than ordered")
        check(!accounts.contains { $0.point == request.point }, "the account's key in a certificate")
        orders[index].request = request
        orders[index].status = "processing"
        if processingPolls == 0 { issue(index) }
        return order(index)
    }

    private mutating func issue(_ index: Int) {
        guard let request = orders[index].request else { return }
        let serial = [0x80] + SHA256.digest("serial \(certificates.count)".utf8).prefix(8)
        let der = TestCertificate.make(
            names: orders[index].identifiers, point: request.point, serial: serial, notBefore: now - 3600,
            notAfter: now - 3600 + life)
        let chain = [der, TestCertificate.intermediate].map { PEMBlock(label: "CERTIFICATE", bytes: $0).text }.joined()
        let renewalID = Base64URL.encode(TestCertificate.authority) + "." + Base64URL.encode([0x00] + serial)
        if let replaces = orders[index].replaces, let old = certificates.firstIndex(where: { $0.renewalID == replaces }) {
            certificates[old].isReplaced = true
        }
        certificates.append(IssuedCertificate(names: request.names, chain: chain, renewalID: renewalID))
        orders[index].certificate = certificates.count - 1
        orders[index].status = "valid"
    }

    func renewalInfo(_ path: String) -> ACMEResponse {
        let id = String(path.dropFirst("/ari/".count))
        guard certificates.contains(where: { $0.renewalID == id }), let renewalWindow else {
            return Self.problem("malformed", 404)
        }
        let window: JSONValue = [
            "start": .string(UTCTime.text(renewalWindow.start)), "end": .string(UTCTime.text(renewalWindow.end)),
        ]
        return json(["suggestedWindow": window], retryAfter: renewalRetryAfter)
    }

    // MARK: Authorizations

    private mutating func authorization(_ index: Int) -> ACMEResponse {
        guard authorizations.indices.contains(index) else { return Self.problem("malformed", 404) }
        if authorizations[index].told != nil, authorizations[index].status == "pending" {
            authorizations[index].polls += 1
            if authorizations[index].polls > validationPolls { validate(index) }
        }
        let record = authorizations[index]
        let challenges =
            offeredKinds.map { challenge($0, index) } + [
                ["type": "dns-01", "url": .string(Self.base + "/challenge/\(index)/dns-01"), "token": .string(record.token)]
            ]
        return json([
            "status": .string(record.status), "challenges": .array(challenges),
            "identifier": ["type": .string(record.identifier.type), "value": .string(record.identifier.text)],
        ])
    }

    private func challenge(_ kind: ACMEChallengeKind, _ index: Int) -> JSONValue {
        let record = authorizations[index]
        var status = "pending"
        if record.failed.contains(kind) { status = "invalid" }
        if record.told == kind { status = record.status == "valid" ? "valid" : "processing" }
        var members: [JSONMember] = [
            JSONMember("type", .string(kind.rawValue)), JSONMember("status", .string(status)),
            JSONMember("url", .string(Self.base + "/challenge/\(index)/\(kind.rawValue)")),
            JSONMember("token", .string(record.token)),
        ]
        if status == "invalid" {
            members.append(
                JSONMember("error", ["type": "urn:ietf:params:acme:error:connection", "detail": "nobody listens there"]))
        }
        return .object(members)
    }

    private mutating func respond(
        toChallenge index: Int, _ kindText: String, _ signed: Signed, _ account: Int
    ) -> ACMEResponse {
        guard let kind = ACMEChallengeKind(rawValue: kindText), authorizations.indices.contains(index) else {
            return Self.problem("malformed", 404)
        }
        check(signed.payload == .object([]), "a challenge told with something else than {}")
        guard authorizations[index].status == "pending", authorizations[index].told == nil else {
            return Self.problem("malformed", 400, detail: "the challenge is not pending")
        }
        check(isInPlace(kind, index, accounts[account].point), "told of a challenge that is not in place: \(kind)")
        authorizations[index].told = kind
        return json(challenge(kind, index))
    }

    private mutating func validate(_ index: Int) {
        guard let kind = authorizations[index].told else { return }
        let order = orders.first { $0.authorizations.contains(index) }
        let point = order.map { accounts[$0.account].point } ?? []
        if failingKinds.contains(kind) || !isInPlace(kind, index, point) {
            authorizations[index].failed.insert(kind)
            authorizations[index].told = nil
            authorizations[index].polls = 0
            if !keepsAuthorizations { authorizations[index].status = "invalid" }
        } else {
            authorizations[index].status = "valid"
        }
    }

    /// Whether the host shows what proves control, to the letter of RFC 8555 §8.3 or RFC 8737 §3.
    private func isInPlace(_ kind: ACMEChallengeKind, _ index: Int, _ point: [UInt8]) -> Bool {
        let record = authorizations[index]
        let key =
            "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\(Base64URL.encode(point.prefix(32)))\","
            + "\"y\":\"\(Base64URL.encode(point.dropFirst(32)))\"}"
        let expected = record.token + "." + Base64URL.encode(SHA256.digest(key.utf8))
        return presented.contains { challenge in
            guard challenge.identifier == record.identifier, challenge.kind == kind else { return false }
            switch challenge.proof {
            case .http(let token, let keyAuthorization): return token == record.token && keyAuthorization == expected
            case .tlsALPN(let serverName, let credential):
                return serverName == record.identifier.serverName
                    && TestCertificate.proves(credential, record.identifier, SHA256.digest(expected.utf8))
            }
        }
    }
}
