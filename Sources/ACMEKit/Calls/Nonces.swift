// The values that make each request good for once (RFC 8555 §6.5). Every response brings one; the newest is used first, since
// old ones are the first that a CA forgets.

import HTTPCodec
import MachineCore
import RPCCore

struct Nonces: Sendable {
    private struct Nonce: Sendable {
        let text: String
        let since: Moment
    }

    private var kept: [Nonce] = []

    /// What a response brought along, if it is one (RFC 8555 §6.5.1: base64url).
    static func nonce(in response: ACMEResponse) -> String? {
        guard let text = response.fields["Replay-Nonce"], text.utf8.count <= maximumLength, Base64URL.isAlphabet(text) else {
            return nil
        }
        return text
    }

    /// Keeps one for later.
    mutating func keep(_ nonce: String, _ now: Moment) {
        if kept.count == Self.maximumCount { kept.removeFirst() }
        kept.append(Nonce(text: nonce, since: now))
    }

    /// The newest; nil if there is none that a CA can be expected to remember.
    mutating func take(_ now: Moment) -> String? {
        guard let last = kept.popLast(), now.since(last.since) < Self.lifetime else {
            kept = []
            return nil
        }
        return last.text
    }

    private static let maximumCount = 8
    private static let maximumLength = 256
    private static let lifetime = Duration.seconds(300)
}
