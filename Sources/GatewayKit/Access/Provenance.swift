// Whom a request comes from, and how: the connection's other end, unless that is a trusted proxy. Of `X-Forwarded-For` only
// what trusted proxies have added counts: from the right, the first address that is not one of theirs. What stands to the left
// of it anybody may have written.

import HTTPCodec

/// Where a request comes from, as far as it is known.
struct Provenance {
    /// The connection's other end.
    let peer: String
    let fields: HTTPFields
    /// Whether TLS is spoken on the connection.
    var isEncrypted = false
    /// Proxies whose `X-Forwarded-*` counts.
    let trustedProxies: [AddressRange]

    static func isTrusted(_ peer: String, among trustedProxies: [AddressRange]) -> Bool {
        guard !trustedProxies.isEmpty, let address = NetworkAddress(peer) else { return false }
        return trustedProxies.contains(address)
    }

    var isByTrustedProxy: Bool { Self.isTrusted(peer, among: trustedProxies) }

    /// The visitor's own address; nil if a trusted proxy says what is no address.
    var client: NetworkAddress? {
        guard var client = NetworkAddress(peer) else { return nil }
        guard trustedProxies.contains(client) else { return client }
        for value in fields.all(.xForwardedFor).reversed() {
            for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).reversed() {
                guard let address = Self.address(part) else { return nil }
                client = address
                if !trustedProxies.contains(client) { return client }
            }
        }
        return client
    }

    /// Whether the visitor came by https: a trusted proxy says so, or else the connection, or the address that people are told.
    func isSecure(publicURL: String?) -> Bool {
        if isByTrustedProxy, let proto = fields.all(.xForwardedProto).last {
            let last = proto.split(separator: UInt8(ascii: ",")).last ?? []
            return String(decoding: last, as: UTF8.self).lowercased().filter { $0 != " " } == "https"
        }
        return isEncrypted || publicURL?.hasPrefix("https://") == true
    }

    /// An element of `X-Forwarded-For`: an address, which some proxies give a port.
    private static func address(_ part: ArraySlice<UInt8>) -> NetworkAddress? {
        var text = String(decoding: part, as: UTF8.self)[...]
        while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        if let address = NetworkAddress(text) { return address.family == .local ? nil : address }
        if text.first == "[", let end = text.firstIndex(of: "]") {
            return NetworkAddress(text[text.index(after: text.startIndex)..<end])
        }
        guard let colon = text.lastIndex(of: ":"), text[colon...].dropFirst().allSatisfy(\.isNumber) else { return nil }
        let address = NetworkAddress(text[..<colon])
        return address?.family == .four ? address : nil
    }
}
