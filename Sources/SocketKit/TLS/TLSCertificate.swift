// stub
/// A certificate.
public struct TLSCertificate: Sendable, Hashable {
    public var subject = ""
    public var issuer = ""
    public var names: [String] = []
    public var notBefore: Int64 = 0
    public var notAfter: Int64 = 0
    public var pin: TLSPin = TLSPin(ofPublicKey: [])
    init?(der: [UInt8]) {}
}
