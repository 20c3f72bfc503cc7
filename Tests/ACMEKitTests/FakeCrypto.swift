// Keys and signatures that a test can check and repeat: a key is a number, its public point two digests of it, a signature a
// sum over the public point and the message. Nothing of it is secret, and nothing is secure; it is cheap.

import ACMEKit
import Primitives
import Synchronization
import X509

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
        return PEMBlock(label: "PRIVATE KEY", bytes: Array("key \(number)".utf8)).text
    }

    func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        guard let block = (try? PEMBlock.all(in: pem.utf8))?.first, block.label == "PRIVATE KEY" else {
            throw ACMECryptoError("no key")
        }
        return SHA256.digest(block.bytes + [1]) + SHA256.digest(block.bytes + [2])
    }

    func signature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        Self.signature(of: message, point: try publicPoint(ofKey: pem))
    }

    static func signature(of message: [UInt8], point: [UInt8]) -> [UInt8] {
        var state = (point + message).reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return (0..<64).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }
}
