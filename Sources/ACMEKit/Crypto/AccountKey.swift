// The account's key as others see it: a JSON Web Key (RFC 7517), its thumbprint (RFC 7638), and what it signs (RFC 7515).

import Primitives
import RPCCore

/// A key of P-256 that signs requests.
struct AccountKey: Sendable, Hashable {
    /// The private key. A secret.
    let pem: String
    private let point: [UInt8]

    init(pem: String, crypto: some ACMECrypto) throws(ACMECryptoError) {
        self.pem = pem
        point = try crypto.publicPoint(ofKey: pem)
        guard point.count == 64 else { throw ACMECryptoError("a public point of another length than 64 bytes") }
    }

    /// The public key, its members in the order that the thumbprint wants (RFC 7638 §3.2).
    var webKey: JSONValue {
        [
            "crv": "P-256", "kty": "EC", "x": .string(Base64URL.encode(point[..<32])),
            "y": .string(Base64URL.encode(point[32...])),
        ]
    }

    /// What a challenge's token is bound to the account with (RFC 8555 §8.1).
    var thumbprint: String {
        var text: [UInt8] = []
        webKey.encode(into: &text)
        return Base64URL.encode(SHA256.digest(text))
    }

    func keyAuthorization(_ token: String) -> String { token + "." + thumbprint }
}

/// Who signs a request, and how it is told whose key that is (RFC 8555 §6.2): by the key itself as long as there is no account,
/// by the account's URL from then on.
struct Signer: Sendable {
    let key: AccountKey
    let account: ACMEURL?

    /// The flattened JSON serialization of `payload` (nil: POST-as-GET, RFC 8555 §6.3), signed with ES256.
    func body(
        _ payload: [UInt8]?, url: ACMEURL, nonce: String, crypto: some ACMECrypto
    ) throws(ACMECryptoError) -> [UInt8] {
        let who = account.map { JSONMember("kid", .string($0.description)) } ?? JSONMember("jwk", key.webKey)
        let header = JSONValue.object([
            JSONMember("alg", "ES256"), who, JSONMember("nonce", .string(nonce)), JSONMember("url", .string(url.description)),
        ])
        let (key, crypto) = (key, crypto)
        return try JWS.flattened(header, payload ?? []) { message throws(ACMECryptoError) in
            try crypto.signature(of: message, byKey: key.pem)
        }
    }
}

/// JSON Web Signatures in the flattened serialization (RFC 7515 §7.2.2).
enum JWS {
    /// `payload` under a protected `header`, with what `sign` makes of both.
    static func flattened<Failure: Error>(
        _ header: JSONValue, _ payload: [UInt8], sign: ([UInt8]) throws(Failure) -> [UInt8]
    ) throws(Failure) -> [UInt8] {
        var text: [UInt8] = []
        header.encode(into: &text)
        let protected = Base64URL.encode(text)
        let content = Base64URL.encode(payload)
        let signature = try sign(Array("\(protected).\(content)".utf8))
        var body: [UInt8] = []
        let members: JSONValue = [
            "protected": .string(protected), "payload": .string(content), "signature": .string(Base64URL.encode(signature)),
        ]
        members.encode(into: &body)
        return body
    }

    /// What ties `key` to an account outside ACME: the key, signed by that account's own with HS256 (RFC 8555 §7.3.4).
    static func binding(_ external: ACMEExternalAccount, key: AccountKey, url: ACMEURL) -> JSONValue? {
        let header: JSONValue = ["alg": "HS256", "kid": .string(external.keyID), "url": .string(url.description)]
        var payload: [UInt8] = []
        key.webKey.encode(into: &payload)
        let text = flattened(header, payload) { SHA256.authenticationCode(for: $0, key: external.key) }
        do { return try JSONValue(decoding: text[...]) } catch { return nil }
    }
}
