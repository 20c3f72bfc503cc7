// What a TLS endpoint sends in response to plain HTTP, if anything: an alert (RFC 8446 §5.1, §6). Looked at where a response
// should begin, to name the mistake: `https://` and `wss://` are what is to be written then.

enum TLSRecord {
    /// Bytes that tell a record.
    static let headerCount = 3

    /// Whether bytes begin with the header of an alert or of a handshake record, of any version from SSL 3.0 on.
    static func begins(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.count >= headerCount, let type = bytes.first, type == 0x15 || type == 0x16 else { return false }
        let version = bytes.dropFirst().prefix(2)
        return version.first == 3 && version.last.map { $0 <= 4 } == true
    }
}
