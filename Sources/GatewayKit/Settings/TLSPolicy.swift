// What follows for the gateway from TLS at its listeners. The certificates are the host's affair.

import SettingsCore

extension GatewayConfiguration {
    mutating func readTLS(from reader: inout SettingsReader) {
        let seconds = reader.read(
            .integer(
                "tls.hsts", in: 0...Self.maximumStrictTransport, unit: .seconds,
                "How long browsers that came by TLS are to use nothing else with this host (`Strict-Transport-Security`), be its"
                    + " certificate wrong one day; 0: they are to forget what they were told."
            ).defaulting(to: "nothing is said"))
        strictTransport = seconds.map { "max-age=\($0)" }
    }

    /// Ten years.
    private static let maximumStrictTransport = 315_360_000
}
