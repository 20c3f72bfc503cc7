// Keys and signatures for ACMEKit, by OpenSSL.

import ACMEKit
import SocketKit

struct OpenSSLCrypto: ACMECrypto {
    let keys: OpenSSLKeys

    func makePrivateKey() throws(ACMECryptoError) -> String {
        do throws(TLSError) { return try keys.makePrivateKey() } catch { throw ACMECryptoError(error.description) }
    }

    func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        do throws(TLSError) { return try keys.publicPoint(ofKey: pem) } catch { throw ACMECryptoError(error.description) }
    }

    func signature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        do throws(TLSError) { return try keys.signature(of: message, byKey: pem) } catch {
            throw ACMECryptoError(error.description)
        }
    }
}
