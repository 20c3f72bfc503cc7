// What either end of TLS shows of itself, as it stands in files. Nothing here looks into the key.

/// A certificate, what proves it, and its private key, as PEM.
public struct TLSCredential: Sendable, Hashable {
    /// The certificate first, then the intermediate ones; the authority's own is left out.
    public var chain: [UInt8]
    /// The private key of the first certificate, not encrypted.
    public var key: [UInt8]

    /// A credential of the contents of two files.
    public init(chain: [UInt8], key: [UInt8]) {
        self.chain = chain
        self.key = key
    }

    /// A credential of two texts.
    public init(chainPEM: String, keyPEM: String) { self.init(chain: Array(chainPEM.utf8), key: Array(keyPEM.utf8)) }

    /// The chain as text.
    public var chainPEM: String { String(decoding: chain, as: UTF8.self) }
    /// The key as text. A secret.
    public var keyPEM: String { String(decoding: key, as: UTF8.self) }

    /// What the first certificate says: its names, and until when it is valid. Nil if it cannot be read.
    public var certificate: Certificate? {
        let blocks = try? PEMBlock.all(in: chain)
        return blocks?.first { $0.label == "CERTIFICATE" }.flatMap { Certificate(der: $0.bytes) }
    }
}
