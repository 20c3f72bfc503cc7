// The objects of a CA (RFC 8555 §7.1), as far as a client acts on them. Each is read from a response whose size is bounded;
// what is not of the form that the RFC gives it reads as an error that says which part is missing.

import Primitives
import RPCCore

/// Why a response cannot be acted on, for people.
struct ACMEFormatError: Error, Sendable, Hashable {
    var description: String
    init(_ description: String) { self.description = description }
}

extension ACMEResponse {
    /// The JSON object that the body is.
    func object(_ limits: ACMELimits) throws(ACMEFormatError) -> JSONNode {
        let root: JSONNode
        do throws(JSONError) {
            let jsonLimits = JSONLimits(maximumBytes: limits.responseBytes, maximumDepth: limits.depth)
            root = try JSONDocument(body[...], limits: jsonLimits).root
        } catch {
            throw ACMEFormatError("a response that is not JSON: \(VisibleText.make("\(error)", maximumCount: 200))")
        }
        guard root.kind == .object else { throw ACMEFormatError("a response that is no JSON object") }
        return root
    }
}

extension JSONNode {
    /// The URL in the member `name`.
    func url(_ name: String) throws(ACMEFormatError) -> ACMEURL {
        guard let url = self[name]?.string.flatMap(ACMEURL.init) else {
            throw ACMEFormatError("a response whose \"\(name)\" is no https URL")
        }
        return url
    }
}

/// What a CA offers (RFC 8555 §7.1.1).
struct ACMEDirectory: Sendable, Hashable {
    let newNonce: ACMEURL
    let newAccount: ACMEURL
    let newOrder: ACMEURL
    /// RFC 9773 §3.
    let renewalInfo: ACMEURL?
    let termsOfService: String?
    let requiresExternalAccount: Bool
    /// The names of the profiles on offer (draft-ietf-acme-profiles).
    let profiles: Set<String>

    init(_ response: ACMEResponse, _ limits: ACMELimits) throws(ACMEFormatError) {
        let root = try response.object(limits)
        newNonce = try root.url("newNonce")
        newAccount = try root.url("newAccount")
        newOrder = try root.url("newOrder")
        renewalInfo = root["renewalInfo"]?.string.flatMap(ACMEURL.init)
        let meta = root["meta"]
        termsOfService = meta?["termsOfService"]?.string.map { VisibleText.make($0, maximumCount: 500) }
        requiresExternalAccount = meta?["externalAccountRequired"]?.bool ?? false
        var profiles: Set<String> = []
        if let offered = meta?["profiles"] {
            for (name, _) in offered.members.prefix(Self.maximumProfiles) { profiles.insert(name.string ?? "") }
        }
        self.profiles = profiles
    }

    private static let maximumProfiles = 64
}

/// An order (RFC 8555 §7.1.3).
struct ACMEOrderObject: Sendable, Hashable {
    enum Status: String, Sendable {
        case pending, ready, processing, valid, invalid
    }

    let status: Status
    let authorizations: [ACMEURL]
    let finalize: ACMEURL?
    let certificate: ACMEURL?
    let error: ACMEProblem?

    init(_ response: ACMEResponse, _ limits: ACMELimits) throws(ACMEFormatError) {
        let root = try response.object(limits)
        guard let status = root["status"]?.string.flatMap(Status.init) else {
            throw ACMEFormatError("an order without a status that is known")
        }
        self.status = status
        let listed = root["authorizations"]
        guard (listed?.count ?? 0) <= ACMENames.maximumCount else {
            throw ACMEFormatError("an order with more than \(ACMENames.maximumCount) authorizations")
        }
        var authorizations: [ACMEURL] = []
        for element in listed?.elements ?? root.elements {
            guard let url = element.string.flatMap(ACMEURL.init) else {
                throw ACMEFormatError("an order with an authorization that is no https URL")
            }
            authorizations.append(url)
        }
        self.authorizations = authorizations
        finalize = root["finalize"]?.string.flatMap(ACMEURL.init)
        certificate = root["certificate"]?.string.flatMap(ACMEURL.init)
        error = root["error"].map { ACMEProblem($0) }
    }
}

/// A challenge (RFC 8555 §7.1.5), of a kind that is known here.
struct ACMEChallengeObject: Sendable, Hashable {
    enum Status: String, Sendable {
        case pending, processing, valid, invalid
    }

    let kind: ACMEChallengeKind
    let url: ACMEURL
    let status: Status
    /// base64url (RFC 8555 §8.1): it becomes a part of a path.
    let token: String
    let error: ACMEProblem?

    /// Nil: not of a kind that is known, or not of the form that it should have.
    init?(_ node: JSONNode) {
        guard let kind = node["type"]?.string.flatMap(ACMEChallengeKind.init),
            let url = node["url"]?.string.flatMap(ACMEURL.init),
            let token = node["token"]?.string, token.utf8.count <= Self.maximumToken, Base64URL.isAlphabet(token)
        else { return nil }
        self.kind = kind
        self.url = url
        self.token = token
        status = node["status"]?.string.flatMap(Status.init) ?? .pending
        error = node["error"].map { ACMEProblem($0) }
    }

    private static let maximumToken = 256
}

/// An authorization (RFC 8555 §7.1.4).
struct ACMEAuthorizationObject: Sendable, Hashable {
    enum Status: String, Sendable {
        case pending, valid, invalid, deactivated, expired, revoked
    }

    let status: Status
    let identifier: ACMEIdentifier
    let challenges: [ACMEChallengeObject]

    init(_ response: ACMEResponse, _ limits: ACMELimits) throws(ACMEFormatError) {
        let root = try response.object(limits)
        guard let status = root["status"]?.string.flatMap(Status.init) else {
            throw ACMEFormatError("an authorization without a status that is known")
        }
        guard let identifier = root["identifier"].flatMap(Self.identifier) else {
            throw ACMEFormatError("an authorization without a name that makes sense")
        }
        self.status = status
        self.identifier = identifier
        challenges = (root["challenges"] ?? root).elements.prefix(Self.maximumChallenges).compactMap { ACMEChallengeObject($0) }
    }

    private static func identifier(_ node: JSONNode) -> ACMEIdentifier? {
        guard let value = node["value"]?.string else { return nil }
        switch node["type"]?.string {
        case "dns": return .dns(value.lowercased())
        case "ip": return IPAddress(value).map { .ip($0) }
        default: return nil
        }
    }

    private static let maximumChallenges = 16
}

/// When a CA would have a certificate renewed (RFC 9773 §4.2).
struct RenewalInfo: Sendable, Hashable {
    /// Seconds since 1970; start < end.
    let start: Int64
    let end: Int64
    /// A page for people about why, such as a revocation to come.
    let explanation: String?

    init(_ response: ACMEResponse, _ limits: ACMELimits) throws(ACMEFormatError) {
        let root = try response.object(limits)
        guard let window = root["suggestedWindow"],
            let start = window["start"]?.string.flatMap({ UTCTime.unixSeconds(of: $0) }),
            let end = window["end"]?.string.flatMap({ UTCTime.unixSeconds(of: $0) }), start < end
        else { throw ACMEFormatError("renewal information without a window that makes sense") }
        self.start = start
        self.end = end
        explanation = root["explanationURL"]?.string.map { VisibleText.make($0, maximumCount: 500) }
    }
}
