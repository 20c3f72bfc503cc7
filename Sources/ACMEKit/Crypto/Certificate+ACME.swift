// What the client asks of a certificate that a CA has sent, beyond what it says of itself: that the chain can be read, for
// which names it is, and what the CA calls it by.

import Primitives
import RPCCore
import X509

extension Certificate {
    /// Certificates that one chain may have.
    private static let maximumChain = 10

    /// The first certificate of `chainPEM`; nil if it cannot be read or ends before it begins, if there are more than ten, or
    /// if any of the others is not even DER.
    init?(chainPEM: String) {
        guard let blocks = try? PEMBlock.all(in: chainPEM.utf8) else { return nil }
        let chain = blocks.filter { $0.label == "CERTIFICATE" }.map(\.bytes)
        guard let leaf = chain.first, chain.count <= Self.maximumChain, chain.allSatisfy(Self.isOneSequence) else { return nil }
        self.init(der: leaf)
        if notBefore >= notAfter { return nil }
    }

    private static func isOneSequence(_ der: [UInt8]) -> Bool {
        var reader = DERReader(der[...])
        return reader.next(.sequence) != nil && reader.isAtEnd
    }

    /// The names that it is for.
    var identifiers: Set<ACMEIdentifier> {
        Set(names.map { name -> ACMEIdentifier in IPAddress(name).map { .ip($0) } ?? .dns(name) })
    }

    /// By what the CA knows it (RFC 9773 §4.1); nil if it does not say which key of the CA signed it.
    var renewalID: String? {
        guard let key = authorityKeyIdentifier, !key.isEmpty else { return nil }
        return Base64URL.encode(key) + "." + Base64URL.encode(serialNumber)
    }
}
