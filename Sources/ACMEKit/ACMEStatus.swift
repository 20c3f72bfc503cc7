// What a status page and metrics show of an ACME client.

/// An ACME client at one moment. Times are seconds since 1970.
public struct ACMEStatus: Sendable, Hashable {
    /// A set of names that is looked after.
    public struct Entry: Sendable, Hashable {
        /// The names.
        public var names: ACMENames
        /// The last second of the certificate's life; nil: there is no certificate.
        public var notAfter: Int64?
        /// When it is renewed, if the CA does not change its mind; nil: there is no certificate.
        public var renewAt: Int64?
        /// What an order under way is doing, for people; nil: there is none.
        public var step: String?
        /// Why the last order failed, for people; nil: it did not.
        public var failure: String?
        /// When the next order may begin; nil: when it is due.
        public var retryAt: Int64?
    }

    /// The sets of names, in the order in which they were wanted.
    public var entries: [Entry]
    /// New certificates that were ordered in the last seven days, and how many may be.
    public var quotaUsed: Int
    /// New certificates that may be ordered in any seven days.
    public var quota: Int
    /// What no order can be made because of: the CA is not there, the account, a file. For people; nil: nothing.
    public var problem: String?
}

extension Order {
    /// Where it is, for people.
    var stepText: String {
        switch step {
        case .new: "ordering"
        case .fetch where isFinalized: "waiting for the certificate"
        case .fetch: "reading the order"
        case .authorize: "reading an authorization"
        case .present: "putting a challenge in place"
        case .respond: "telling the CA of a challenge"
        case .validate: "waiting for the CA to validate"
        case .finalize: "asking for the certificate"
        case .download: "fetching the certificate"
        }
    }
}
