// What a TLS endpoint sends in response to plain HTTP, if anything: an alert (RFC 8446 §5.1, §6). Only looked at when a
// response is not HTTP, to name the mistake.

enum TLSRecord {
    /// Bytes that tell a record.
    static let headerCount = 3

    /// Whether bytes begin with the header of an alert or of a handshake record, of any version from SSL 3.0 on.
    static func begins(_ bytes: some Collection<UInt8>) -> Bool {
        let header = Array(bytes.prefix(headerCount))
        return header.count == headerCount && (header[0] == 0x15 || header[0] == 0x16) && header[1] == 3 && header[2] <= 4
    }
}
