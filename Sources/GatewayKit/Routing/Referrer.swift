// Which page a request comes from, as `Referer` (RFC 9110 §10.1.3) and, where a browser sends them, the fields of Fetch
// Metadata say.

import HTTPCodec
import TunnelLink

/// The page that sent a request, as far as its fields name it.
enum Referrer: Equatable {
    /// Nothing.
    case none
    /// A page of this agent, beneath the prefix.
    case page(of: String)
    /// A page of the gateway's own.
    case own
    /// An address at this host that is neither: something of a service that was itself asked for outside the prefix.
    case outside
    /// Another host, or what is no address.
    case elsewhere
}

extension Router {
    /// What `fields` say of the page that sent them; `hosts`: how this host may be named.
    func referrer(_ fields: HTTPFields, hosts: [String]) -> Referrer {
        let values = fields.all(.referer)
        guard let value = values.first else { return .none }
        guard values.count == 1, let path = Self.path(of: value, at: hosts) else { return .elsewhere }
        if path.starts(with: webPrefix) {
            let rest = path.dropFirst(webPrefix.count)
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), AgentDescription.isValidID(utf8: rest[..<slash])
            else { return .elsewhere }
            return .page(of: String(decoding: rest[..<slash], as: UTF8.self))
        }
        return isReserved(path) || OwnRoute.at(path) != nil ? .own : .outside
    }

    /// The path of an http address at one of `hosts`; nil: it is another address.
    private static func path(of address: ArraySlice<UInt8>, at hosts: [String]) -> ArraySlice<UInt8>? {
        guard let (authority, path) = authorityAndPath(of: address), !authority.isEmpty else { return nil }
        let name = String(decoding: authority, as: UTF8.self).lowercased()
        return hosts.contains { $0.lowercased() == name } ? path : nil
    }

    private static func authorityAndPath(of address: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>)? {
        guard let path = RequestTarget(address.prefix { $0 != UInt8(ascii: "#") })?.path,
            address.first != UInt8(ascii: "/"), let slashes = address.firstIndex(of: UInt8(ascii: "/"))
        else { return nil }
        let authority = address[slashes...].dropFirst(2).prefix { !"/?#".utf8.contains($0) }
        return (authority, path)
    }

    /// Whether `path` is the gateway's own, or could become so: beneath these nothing is ever a service's.
    func isReserved(_ path: ArraySlice<UInt8>) -> Bool {
        path.isBeneath(webPrefix.dropLast()) || path.isBeneath(OwnRoute.root.utf8.dropLast())
    }
}
