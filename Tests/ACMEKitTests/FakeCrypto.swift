// Keys and signatures that a test can check and repeat: a key is a number, its public point two digests of it, a signature a keyed
// digest under the public point. Nothing of it is secret, and nothing is secure.

import ACMEKit
import Primitives
import Synchronization

final class FakeCrypto: ACMECrypto {
    private let made = Mutex<UInt64>(0)
    private let broken = Mutex(false)

    /// From now on nothing works.
    func breakDown(_ isBroken: Bool = true) { broken.withLock { $0 = isBroken } }

    var keyCount: UInt64 { made.withLock { $0 } }

    func makePrivateKey() throws(ACMECryptoError) -> String {
        if broken.withLock({ $0 }) { throw ACMECryptoError("no randomness") }
        let number = made.withLock { count in
            count += 1
            return count
        }
        return PEM.text("PRIVATE KEY", Array("key \(number)".utf8))
    }

    func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        guard let key = PEM.blocks("PRIVATE KEY", in: pem, maximumCount: 1)?.first else { throw ACMECryptoError("no key") }
        return SHA256.digest(key + [1]) + SHA256.digest(key + [2])
    }

    func signature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        Self.signature(of: message, point: try publicPoint(ofKey: pem))
    }

    static func signature(of message: [UInt8], point: [UInt8]) -> [UInt8] {
        let first = SHA256.authenticationCode(for: message, key: point)
        return first + SHA256.authenticationCode(for: first, key: point)
    }
}
