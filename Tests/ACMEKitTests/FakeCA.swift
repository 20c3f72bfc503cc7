// A CA in memory that holds clients to RFC 8555: signatures, nonces, URLs, which key signs what, the states of accounts,
// orders, authorizations and challenges. A test turns its knobs. Whatever a client does wrong is in `violations`.

import HTTPCodec
import Primitives
import RPCCore

@testable import ACMEKit

struct FakeCA {
    struct AccountRecord {
        let point: [UInt8]
        var status = "valid"
        var contact: [String] = []
        var agreed = false
        var binding = false
    }

    struct OrderRecord {
        let account: Int
        let identifiers: [ACMEIdentifier]
        var status = "pending"
        let authorizations: [Int]
        let profile: String?
        let replaces: String?
        var polls = 0
        var certificate: Int?
        var request: ParsedRequest?
    }

    struct AuthorizationRecord {
        let identifier: ACMEIdentifier
        var status = "pending"
        let token: String
        var told: ACMEChallengeKind?
        var failed: Set<ACMEChallengeKind> = []
        var polls = 0
    }

    struct IssuedCertificate {
        let names: Set<ACMEIdentifier>
        let chain: String
        let renewalID: String
        var isReplaced = false
    }

    // Knobs.
    /// Every so many signed requests with a good nonce have it refused; 2: every other.
    var refusesNonceEvery = 0
    var validationPolls = 0
    var processingPolls = 0
    var failingKinds: Set<ACMEChallengeKind> = []
    /// A challenge that fails leaves its authorization pending.
    var keepsAuthorizations = false
    var offeredKinds: [ACMEChallengeKind] = [.http, .tlsALPN]
    var termsOfService: String?
    var requiresExternalAccount = false
    var profiles: [String] = []
    var offersRenewalInfo = true
    var renewalWindow: (start: Int64, end: Int64)?
    var renewalRetryAfter: String?
    var life: Int64 = 90 * 86_400
    /// Responses that come instead of the usual ones, by path prefix, one after the other.
    var instead: [(prefix: String, response: ACMEResponse)] = []
    /// A function of the response that is about to be sent.
    var rewrite: ((String, ACMEResponse) -> ACMEResponse)?

    // State.
    var accounts: [AccountRecord] = []
    var orders: [OrderRecord] = []
    var authorizations: [AuthorizationRecord] = []
    var certificates: [IssuedCertificate] = []
    var violations: [String] = []
    var requestCount = 0
    private var nonces: Set<String> = []
    private var nonceCount = 0
    private var signedCount = 0
    /// What is in place, as the host has it.
    var presented: [ACMEChallenge] = []
    var now: Int64 = 0

    static let base = "https://ca.test"
    static let directory = base + "/dir"

    mutating func respond(to request: ACMERequest) -> ACMEResponse {
        requestCount += 1
        check(request.fields["User-Agent"] != nil, "no User-Agent")
        check(request.url.description.hasPrefix(Self.base), "a request elsewhere: \(request.url)")
        let path = String(request.url.description.dropFirst(Self.base.count))
        var response: ACMEResponse
        if let index = instead.firstIndex(where: { path.hasPrefix($0.prefix) }) {
            response = instead.remove(at: index).response
        } else {
            response = route(request, path)
        }
        if path != "/dir", !path.hasPrefix("/ari/"), response.fields["Replay-Nonce"] == nil {
            response.fields.add("Replay-Nonce", makeNonce())
        }
        return rewrite?(path, response) ?? response
    }

    private mutating func route(_ request: ACMERequest, _ path: String) -> ACMEResponse {
        switch path {
        case "/dir": return json(directoryObject)
        case "/new-nonce":
            check(request.method == "HEAD", "a nonce by \(request.method)")
            return ACMEResponse(status: 200)
        default: break
        }
        if path.hasPrefix("/ari/") { return renewalInfo(path) }
        switch verify(request, path) {
        case .success(let signed): return act(signed, path)
        case .failure(let refusal): return refusal.response
        }
    }

    private var directoryObject: JSONValue {
        var meta: [JSONMember] = []
        if let termsOfService { meta.append(JSONMember("termsOfService", .string(termsOfService))) }
        if requiresExternalAccount { meta.append(JSONMember("externalAccountRequired", true)) }
        if !profiles.isEmpty {
            meta.append(JSONMember("profiles", .object(profiles.map { JSONMember($0, "a profile") })))
        }
        var members: [JSONMember] = ["newNonce", "newAccount", "newOrder", "revokeCert", "keyChange"].map {
            JSONMember($0, .string(Self.base + ($0 == "newNonce" ? "/new-nonce" : $0 == "newOrder" ? "/new-order" : "/" + $0)))
        }
        if offersRenewalInfo { members.append(JSONMember("renewalInfo", .string(Self.base + "/ari"))) }
        members.append(JSONMember("meta", .object(meta)))
        return .object(members)
    }

    private mutating func makeNonce() -> String {
        nonceCount += 1
        let nonce = Base64URL.encode(SHA256.digest("nonce \(nonceCount)".utf8).prefix(12))
        nonces.insert(nonce)
        return nonce
    }

    mutating func check(_ condition: Bool, _ violation: String) { if !condition { violations.append(violation) } }

    // MARK: Signatures

    struct Signed {
        var payload: JSONValue?
        var account: Int?
        var point: [UInt8]
    }

    struct Refusal: Error {
        var response: ACMEResponse
    }

    private mutating func verify(_ request: ACMERequest, _ path: String) -> Result<Signed, Refusal> {
        check(request.method == "POST", "\(request.method) of \(path)")
        check(request.fields["Content-Type"] == "application/jose+json", "another Content-Type")
        guard let body = try? JSONValue(decoding: request.body[...]), let protected = body["protected"]?.text,
            let payload = body["payload"]?.text, let signature = body["signature"]?.text.flatMap({ Base64URL.decode($0) }),
            let header = Base64URL.decode(protected).flatMap({ try? JSONValue(decoding: $0[...]) })
        else {
            violations.append("a body that is no JWS")
            return refuse(.malformed, 400)
        }
        check(header["alg"]?.text == "ES256", "another algorithm")
        check(header["url"]?.text == request.url.description, "another URL in the signature")
        check((header["jwk"] == nil) != (header["kid"] == nil), "not one of jwk and kid")
        check((header["jwk"] != nil) == (path == "/newAccount"), "\(path) signed by the wrong kind of key")
        guard let (point, account) = signer(header) else { return refuse(.accountDoesNotExist, 400) }
        let message = Array("\(protected).\(payload)".utf8)
        guard FakeCrypto.signature(of: message, point: point) == signature else {
            violations.append("a wrong signature")
            return refuse(.malformed, 400)
        }
        signedCount += 1
        guard let nonce = header["nonce"]?.text, nonces.remove(nonce) != nil else {
            violations.append("a nonce that was not given, or was used before")
            return refuse(.badNonce, 400)
        }
        if refusesNonceEvery > 0, signedCount % refusesNonceEvery == 0 { return refuse(.badNonce, 400) }
        if let account, accounts[account].status != "valid", path != "/account/\(account)" {
            return refuse(.unauthorized, 403)
        }
        let content = Base64URL.decode(payload) ?? []
        return .success(
            Signed(payload: content.isEmpty ? nil : try? JSONValue(decoding: content[...]), account: account, point: point))
    }

    private func signer(_ header: JSONValue) -> (point: [UInt8], account: Int?)? {
        if let key = header["jwk"] {
            guard let x = key["x"]?.text.flatMap({ Base64URL.decode($0) }),
                let y = key["y"]?.text.flatMap({ Base64URL.decode($0) })
            else { return nil }
            return (x + y, nil)
        }
        guard let url = header["kid"]?.text, let index = Int(url.dropFirst((Self.base + "/account/").count)),
            accounts.indices.contains(index), accounts[index].status != "forgotten"
        else { return nil }
        return (accounts[index].point, index)
    }

    func refuse<Success>(_ kind: ACMEProblem.Kind, _ status: Int) -> Result<Success, Refusal> {
        .failure(Refusal(response: Self.problem(kind.rawValue, status)))
    }

    static func problem(
        _ kind: String, _ status: Int, detail: String = "no", retryAfter: String? = nil
    ) -> ACMEResponse {
        var body: [UInt8] = []
        JSONValue.object([
            JSONMember("type", .string("urn:ietf:params:acme:error:" + kind)), JSONMember("detail", .string(detail)),
        ]).encode(into: &body)
        var response = ACMEResponse(status: status, body: body)
        response.fields.add("Content-Type", "application/problem+json")
        if let retryAfter { response.fields.add("Retry-After", retryAfter) }
        return response
    }

    func json(_ value: JSONValue, status: Int = 200, location: String? = nil, retryAfter: String? = nil) -> ACMEResponse {
        var response = ACMEResponse(status: status)
        value.encode(into: &response.body)
        if let location { response.fields.add("Location", Self.base + location) }
        if let retryAfter { response.fields.add("Retry-After", retryAfter) }
        return response
    }
}

extension JSONValue {
    /// A string's value.
    var text: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// An array's elements.
    var list: [JSONValue] {
        if case .array(let elements) = self { return elements }
        return []
    }
}
