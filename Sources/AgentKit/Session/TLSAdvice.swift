// What to do about TLS that failed. A loop says what happened in a sentence of its own (`TLSError` of SocketKit), which knows
// nothing of our settings: here the sentence gets the setting that helps, known by a few words of it. A sentence with none of
// them stands as it is.

import MachineCore

/// What a person is told when TLS has failed.
enum TLSAdvice {
    /// With whom it failed.
    enum Peer: Sendable, Hashable {
        case gateway
        case service
    }

    /// Words of a sentence, and what helps then. The first that are found count.
    private struct Rule {
        var words: String
        var gateway: String
        var service: String
    }

    private static let rules = [
        Rule(
            words: "is self-signed", gateway: " (tls.pin, --pin)",
            service: "; name it in the service's tls.caFile, or set its tls.insecure (--service-insecure)"),
        Rule(
            words: "an authority that is not trusted here",
            gateway: " in tls.caFile (--ca-file), or pin the gateway's key (--pin)",
            service: "; name its certificate in the service's tls.caFile, or set its tls.insecure (--service-insecure)"),
        Rule(
            words: "is not one that is pinned", gateway: "; if the gateway has a new key, put it into tls.pin (--pin)",
            service: ""),
        Rule(
            words: "the certificate is not for",
            gateway: "; gatewayUrl must have a name that it is for, or pin its key (--pin)",
            service: "; webService.url must have a name that it is for, or set its tls.insecure (--service-insecure)"),
        Rule(
            words: "requires a client's certificate",
            gateway: "; set tls.certificate and tls.key (--tls-certificate, --tls-key)",
            service: ", which agentd has for gateways alone"),
        Rule(
            words: "our certificate", gateway: "; check tls.certificate (--tls-certificate)", service: ""),
        Rule(
            words: "ended during the TLS handshake", gateway: "; if no TLS is spoken there: ws:// instead of wss://",
            service: "; if no TLS is spoken there: http:// instead of https://"),
        Rule(words: "does not speak TLS", gateway: "; is it a gateway that listens there?", service: ""),
        Rule(
            words: "there are no TLS settings for", gateway: ": the program has to give them to its loop (setTLS)",
            service: ": the program has to give them to its loop (setTLS)"),
    ]

    /// How the sentence begins of which nothing is left: the loop speaks of all schemes in it. No certificate can say so.
    private static let plainHTTP = "the peer speaks plain HTTP"

    /// The sentence `error` of a loop, with what helps.
    static func text(_ error: String, of peer: Peer) -> String {
        let said = error.asClause
        let rule = rules.first { said.contains($0.words) }
        switch peer {
        case .gateway:
            if said.hasPrefix(plainHTTP) { return "plain HTTP is spoken there: ws:// instead of wss://?" }
            return said + (rule?.gateway ?? "")
        case .service:
            if said.hasPrefix(plainHTTP) { return "plain HTTP is spoken there: http:// instead of https://?" }
            // The loop's advice is for those who have pins.
            let fact = said.firstRange(of: "; if it is yours").map { said[..<$0.lowerBound] } ?? said[...]
            return fact + (rule?.service ?? "")
        }
    }

    /// All words that are looked for.
    static var words: [String] { rules.map(\.words) + [plainHTTP] }
}
