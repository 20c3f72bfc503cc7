// A page, ready to be sent.

/// A page as bytes, and the policy that it must be sent with.
public struct Page: Sendable, Hashable {
    /// HTML in UTF-8, with style and script in it.
    public var body: [UInt8]
    /// For the field `Content-Security-Policy`: only this page's own style and script may run, by their hashes.
    public var contentSecurityPolicy: String
}
