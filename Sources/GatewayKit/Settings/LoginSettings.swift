// Visitors who log in with a token, in a browser.

import SettingsCore

/// Visitors who log in with a token, in a browser.
public struct LoginConfiguration: Sendable, Hashable {
    /// How long a login lasts.
    public var session = Duration.seconds(12 * 3_600)
    /// How many wrong tokens a minute an address may present before no more are looked at; 0: any number.
    public var attemptsPerMinute = 10
    /// The defaults.
    public init() {}

    mutating func read(from reader: inout SettingsReader) {
        reader.read(.hours("login.sessionHours", in: 1...8_760, "How long a login lasts."), into: &session)
        reader.read(
            .integer(
                "login.attemptsPerMinute", in: 0...1_000_000,
                "Wrong tokens a minute from one address before no more are looked at; 0: any number."
            ).beyond(.tooManyAttempts(seconds: 0)),
            into: &attemptsPerMinute)
    }
}
