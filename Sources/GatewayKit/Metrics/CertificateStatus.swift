// How the gateway's certificates are, as its host says: for the status page and `/metrics`.

/// A certificate that is looked after, or a name that is to have one. Times are seconds since 1970.
public struct CertificateStatus: Sendable, Hashable {
    /// The host name, or several with blanks between them.
    public var name: String
    /// The last second of the certificate's life; nil: there is none.
    public var notAfter: Int64?
    /// When it is renewed; nil: there is none, or nobody renews it.
    public var renewAt: Int64?
    /// What is being done to have one, for people; nil: nothing.
    public var step: String?
    /// Why there is none, or no new one, for people; nil: nothing failed.
    public var failure: String?
    /// When it is tried again.
    public var retryAt: Int64?

    /// The state of one name.
    public init(
        name: String, notAfter: Int64? = nil, renewAt: Int64? = nil, step: String? = nil, failure: String? = nil,
        retryAt: Int64? = nil
    ) {
        self.name = name
        self.notAfter = notAfter
        self.renewAt = renewAt
        self.step = step
        self.failure = failure
        self.retryAt = retryAt
    }
}
