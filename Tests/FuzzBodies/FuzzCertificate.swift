// Invariant: whatever the bytes, reading them as a certificate, as PEM, as a signature or as a pin ends with a value or an
// error and never traps; what a certificate says of itself can be shown on one line; and PEM that is read is the same when it
// is written and read again.

import MachineCore
import SocketKit
import X509

/// Reads `bytes` as all of these; stops the process if the invariant above does not hold.
public func fuzzCertificate(_ bytes: [UInt8]) {
    if let certificate = Certificate(der: bytes) {
        for text in [certificate.subject, certificate.issuer] + certificate.names {
            let isShown = text.unicodeScalars.allSatisfy { scalar in
                scalar == " " || !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
            }
            precondition(isShown, "what cannot be shown on one line")
        }
        precondition(certificate.publicKey.count >= 2 && !certificate.serialNumber.isEmpty, "an empty part")
    }
    if let blocks = try? PEMBlock.all(in: bytes) {
        for block in blocks where !block.isEncrypted && !block.bytes.isEmpty {
            let again = try? PEMBlock.all(in: block.text.utf8)
            precondition(again == [block], "another block is read back")
        }
    }
    if let pin = TLSPin(String(decoding: bytes, as: UTF8.self)) {
        precondition(TLSPin(pin.description) == pin, "another pin is read back")
    }
    if let signature = ECDSASignature.raw(fromDER: bytes) { precondition(signature.count == 64, "another length") }
    var reader = DERReader(bytes[...])
    var count = 0
    while let value = reader.next() { count += 2 + value.content.count }
    precondition(count <= bytes.count, "more was read than there is")
}
