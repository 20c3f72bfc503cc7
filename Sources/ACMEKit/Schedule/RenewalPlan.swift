// When a certificate is renewed: within the window that the CA suggests (RFC 9773 §4.2), else after two thirds of its life.

/// The plan for one certificate. Times are seconds since 1970.
struct RenewalPlan: Sendable, Hashable {
    private let notBefore: Int64
    private let notAfter: Int64
    /// When to renew.
    private(set) var renewAt: Int64
    /// What the CA suggested last.
    private(set) var window: RenewalWindow?
    /// When to ask the CA; nil: not yet, it does not say whether it has an opinion.
    var checkAt: Int64?

    /// A plan without the CA: two thirds of the life, and up to a thirtieth more.
    init(notBefore: Int64, notAfter: Int64, jitter: inout Jitter) {
        self.notBefore = notBefore
        self.notAfter = notAfter
        let life = Self.life(notBefore, notAfter)
        renewAt = notBefore + life / 3 * 2 + jitter.pick(0...life / 30)
    }

    /// The plan that was made before a restart.
    mutating func restore(window: RenewalWindow, renewAt: Int64) {
        guard window.start < window.end else { return }
        self.window = window
        self.renewAt = min(max(renewAt, 0), latest)
    }

    /// The CA suggests `window`: a random second of it, unless one was picked in the same window before. Never so late that a
    /// few failures would let the certificate expire. True if the plan is another now.
    mutating func suggested(_ window: RenewalWindow, jitter: inout Jitter) -> Bool {
        guard window != self.window, window.start < window.end else { return false }
        self.window = window
        renewAt = min(jitter.pick(window.start...window.end), latest)
        return true
    }

    /// An eighth of the life before the end.
    private var latest: Int64 { notAfter - Self.life(notBefore, notAfter) / 8 }

    private static func life(_ notBefore: Int64, _ notAfter: Int64) -> Int64 { max(0, notAfter - notBefore) }
}

/// A span of time, in seconds since 1970.
struct RenewalWindow: Sendable, Hashable {
    var start: Int64
    var end: Int64
}
