// What an ACME client is made with: whose certificates, on whose behalf, and what it may cost.

/// The settings of an ACME client.
public struct ACMEConfiguration: Sendable, Hashable {
    /// Where the CA says what it offers (RFC 8555 §7.1.1).
    public var directory: ACMEURL
    /// Whom the CA may write to, as URLs: `mailto:…`. May be empty.
    public var contact: [String] = []
    /// Whether whoever runs this agrees to the CA's terms of service (RFC 8555 §7.3). Without it no account is made at a CA
    /// that has terms.
    public var agreesToTerms = false
    /// Whether an account may be made where there is none (RFC 8555 §7.3.1: `onlyReturnExisting`).
    public var makesAccount = true
    /// What ties the account to one that the CA already has (RFC 8555 §7.3.4).
    public var externalAccount: ACMEExternalAccount?
    /// The profile to ask for where the CA offers it (draft-ietf-acme-profiles).
    public var profile: String?
    /// Ways to prove control over a name, the preferred one first. One that fails gives way to the next.
    public var challenges: [ACMEChallengeKind] = [.tlsALPN, .http]
    /// Certificates for new sets of names in any seven days. Renewals do not count, but have a limit of their own.
    public var weeklyQuota = 50
    /// What a CA may cost.
    public var limits = ACMELimits()

    /// The defaults, with this directory.
    public init(directory: ACMEURL) { self.directory = directory }
}

/// The key that a CA gives whoever has an account with it outside ACME.
public struct ACMEExternalAccount: Sendable, Hashable {
    /// By what the CA knows the key.
    public var keyID: String
    /// The key for HS256. A secret.
    public var key: [UInt8]

    /// A key with its identifier.
    public init(keyID: String, key: [UInt8]) {
        self.keyID = keyID
        self.key = key
    }
}

/// A way to prove control over a name.
public enum ACMEChallengeKind: String, Sendable, Hashable, CaseIterable {
    /// A certificate on port 443 (RFC 8737).
    case tlsALPN = "tls-alpn-01"
    /// A resource on port 80 (RFC 8555 §8.3).
    case http = "http-01"
}

/// What a CA, broken or hostile, may cost. All have defaults that no honest one meets.
public struct ACMELimits: Sendable, Hashable {
    /// Bytes of a response's body.
    public var responseBytes = 256 * 1024
    /// Depth of a response's JSON.
    public var depth = 16
    /// Sets of names that are looked after.
    public var sets = 1_000
    /// Orders under way at once.
    public var orders = 4
    /// How long one response may take.
    public var request = Duration.seconds(30)
    /// How long the host may take to put a challenge in place.
    public var presentation = Duration.seconds(30)
    /// How long one order may take, from the first request since the start to the certificate.
    public var order = Duration.seconds(900)
    /// Requests for one order.
    public var requestsOfOrder = 400
    /// Times that one request is sent again with another nonce.
    public var nonceRetries = 12
    /// Times in a row that one step of an order is tried again after a failure that may pass.
    public var stepRetries = 6
    /// Certificates for one set of names in any seven days, renewals included. Below the five of Let's Encrypt.
    public var weeklyIssuesOfSet = 4
    /// The longest wait that a `Retry-After` or failures bring about.
    public var longestWait = Duration.seconds(86_400)

    /// The defaults.
    public init() {}
}
