// Why a CA refused something (RFC 7807 documents with the types of RFC 8555 §6.7), and what can be read of it when it is no
// such document.

import HTTPCodec
import Primitives
import RPCCore

/// A refusal.
struct ACMEProblem: Sendable, Hashable {
    /// The types that are acted on; all others are refusals that a person has to look at.
    enum Kind: String, Sendable, Hashable, CaseIterable {
        case accountDoesNotExist, alreadyReplaced, badCSR, badNonce, badSignatureAlgorithm, caa, connection, dns
        case externalAccountRequired, incorrectResponse, invalidContact, invalidProfile, malformed, orderNotReady, rateLimited
        case rejectedIdentifier, serverInternal, tls, unauthorized, unsupportedContact, unsupportedIdentifier
        case userActionRequired
        /// None of these, or no document at all.
        case other
    }

    var kind: Kind
    /// The status code; 0 in a document within another.
    var status: Int
    /// For people, without controls, not long.
    var text: String
    /// How long the CA wants to be left alone.
    var retryAfter: Duration?

    init(_ kind: Kind, status: Int = 0, _ text: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.status = status
        self.text = text
        self.retryAfter = retryAfter
    }

    /// What a response of 400 and above says.
    init(_ response: ACMEResponse, limits: ACMELimits, unixSeconds: Int64) {
        let jsonLimits = JSONLimits(maximumBytes: limits.responseBytes, maximumDepth: limits.depth)
        if let document = try? JSONDocument(response.body[...], limits: jsonLimits), document.root.kind == .object {
            self.init(document.root, status: response.status)
        } else {
            self.init(.other, status: response.status, "HTTP \(response.status) \(HTTPStatus.reason(for: response.status))")
        }
        if kind == .other, response.status == 429 { kind = .rateLimited }
        if kind == .other, response.status >= 500 { kind = .serverInternal }
        retryAfter = RetryAfter.read(response.fields, unixSeconds: unixSeconds)
    }

    /// A document, alone or as the `error` of another object.
    init(_ node: JSONNode, status: Int = 0) {
        let type = node["type"]?.string ?? ""
        let prefix = "urn:ietf:params:acme:error:"
        let known = type.hasPrefix(prefix) ? Kind(rawValue: String(type.dropFirst(prefix.count))) : nil
        var parts = [node["detail"]?.string ?? (type.isEmpty ? "HTTP \(status)" : type)]
        for problem in (node["subproblems"] ?? node).elements.prefix(Self.maximumParts) {
            let name = problem["identifier"]?["value"]?.string
            parts.append([name, problem["detail"]?.string].compactMap { $0 }.joined(separator: ": "))
        }
        if known == .userActionRequired, let place = node["instance"]?.string { parts.append(place) }
        self.init(known ?? .other, status: status, VisibleText.make(parts.joined(separator: "; "), maximumCount: 500))
    }

    /// Whether the same request may succeed in a little while.
    var passes: Bool { kind == .serverInternal || status == 408 }

    /// Documents within a document that are shown.
    private static let maximumParts = 3
}

/// When to ask again (RFC 9110 §10.2.3).
enum RetryAfter {
    /// The wait that the field asks for, zero if the time is past; nil without a field that makes sense.
    static func read(_ fields: HTTPFields, unixSeconds: Int64) -> Duration? {
        guard let text = fields["Retry-After"] else { return nil }
        if let seconds = UTCTime.number(Array(text.utf8)[...]) { return .seconds(seconds) }
        return HTTPDate.parse(text).map { .seconds(max(0, $0 - unixSeconds)) }
    }
}
