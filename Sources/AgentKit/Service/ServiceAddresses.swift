// Addresses in a service's responses, brought back to what the gateway knows: a path beneath the agent. The gateway then puts
// it under the prefix that the visitor sees.
//
//   - The service's own origin, by the `Host` that it is sent or by where it listens, goes.
//   - The base path goes, from `Location` and its like and from the paths of cookies. A service that assumes
//     `X-Forwarded-Prefix` puts that before it; there it goes too.
//   - On requests the same the other way round, where a request names another resource of the service (WebDAV's `Destination`
//     and `If`, RFC 4918 §10). One that would lead out of the base path is refused.

import HTTPCodec
import TunnelLink

extension LocalHTTPService {
    /// The base path without a slash at its end; empty: none.
    private var base: Substring {
        var base = basePath[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        return base
    }

    // MARK: Responses

    /// Brings addresses in the fields of a response to `request` back.
    func takeAddresses(in response: inout WebResponse, of request: WebRequest) {
        guard hasAddress(response.fields) else { return }
        response.settleFields()
        takeAddresses(in: &response.fields, of: request)
    }

    private func hasAddress(_ fields: HTTPFields) -> Bool {
        fields.containsAny(of: .addresses) || hasBasePath && fields.contains(.setCookie)
    }

    /// Brings addresses in the fields of a response to `request` back.
    func takeAddresses(in fields: inout HTTPFields, of request: WebRequest) {
        let hasAddress = fields.containsAny(of: .addresses)
        let hasCookie = hasBasePath && fields.contains(.setCookie)
        guard hasAddress || hasCookie else { return }
        let prefix = request.fields[.xForwardedPrefix] ?? ""
        if hasAddress {
            let hosts = [host(for: request.fields).lowercased(), Self.hostText(of: endpoint)]
            fields.changeAddresses { publicAddress($0, prefix: prefix, hosts: hosts) }
        }
        guard hasCookie else { return }
        let cookies = fields.all(.setCookie).map { Array($0) }
        fields.removeAll(.setCookie)
        for cookie in cookies {
            let changed = SetCookie.changing(cookie[...]) { name, value in
                guard name == "path", let path = withoutBase(String(decoding: value, as: UTF8.self), prefix: prefix) else {
                    return .keep
                }
                return .path(Array(path.utf8))
            }
            try? fields.append(.setCookie, bytes: changed[...])  // it came as a legal value
        }
    }

    /// The address without the service's origin and base path; nil: it has neither.
    func publicAddress(_ address: String, prefix: String, hosts: [String]) -> String? {
        if address.hasPrefix("/") {
            return address.hasPrefix("//") ? nil : withoutBase(address, prefix: prefix).map(Self.withAuthorityIfNeeded)
        }
        guard let rest = Self.rest(of: address, at: hosts) else { return nil }
        let path = rest.hasPrefix("/") ? rest : "/" + rest
        return Self.withAuthorityIfNeeded(withoutBase(path, prefix: prefix) ?? path)
    }

    /// Without an authority two slashes would begin one. The gateway knows this one for the service's.
    private static func withAuthorityIfNeeded(_ path: String) -> String {
        path.hasPrefix("//") || path.hasPrefix("/\\") ? "http://localhost" + path : path
    }

    /// What follows the authority of an address at one of `hosts`.
    private static func rest(of address: String, at hosts: [String]) -> String? {
        let lowered = address.prefix(8).lowercased()
        guard let scheme = ["http://", "https://"].first(where: { lowered.hasPrefix($0) }) else { return nil }
        let tail = address.dropFirst(scheme.count)
        let authority = tail.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard hosts.contains(authority.lowercased()) else { return nil }
        return String(tail.dropFirst(authority.count))
    }

    /// A path of the service as one beneath the agent; nil if it does not begin with the base path.
    private func withoutBase(_ path: String, prefix: String) -> String? {
        guard !base.isEmpty else { return nil }
        if let rest = Self.beneath(base, path) { return rest.hasPrefix("/") ? rest : "/" + rest }
        guard !prefix.isEmpty, let inner = Self.beneath(prefix[...], path), let rest = Self.beneath(base, inner) else {
            return nil
        }
        return prefix + (rest.hasPrefix("/") ? rest : "/" + rest)
    }

    /// What follows `prefix` in `path`, at the border of a segment.
    private static func beneath(_ prefix: Substring, _ path: String) -> String? {
        guard path.hasPrefix(prefix) else { return nil }
        let rest = path.dropFirst(prefix.count)
        guard let first = rest.first else { return "" }
        return first == "/" || first == "?" || first == "#" ? String(rest) : nil
    }

    // MARK: Requests

    private static let destinations: HTTPFieldSet = [.destination, .ifTagged]

    /// Has `Destination` and `If` name resources of the service.
    func setDestinations(in fields: inout HTTPFields, host: String) throws(UnservableRequest) {
        guard fields.containsAny(of: Self.destinations), let visitor = VisitorOrigin(fields) else { return }
        var climbs = false
        let change = { (address: String) -> String? in
            let bytes = Array(address.utf8)[...]
            let isPath = bytes.first == UInt8(ascii: "/")
            guard let rest = isPath ? bytes : visitor.rest(of: bytes), let own = visitor.beneathPrefix(rest) else { return nil }
            if hasBasePath, PathDots.climb(own.prefix { $0 != UInt8(ascii: "?") }) { climbs = true }
            let target = String(decoding: self.target(path: own, query: nil), as: UTF8.self)
            return isPath ? target : "\(scheme)\(host)\(target)"
        }
        fields.changeValues(of: .destination, change)
        fields.changeBracketed(in: .ifTagged, change)
        if climbs { throw UnservableRequest(reason: "its destination leads out of what this agent serves") }
    }
}

extension HTTPFieldName {
    fileprivate static let destination: HTTPFieldName = "Destination"
    fileprivate static let ifTagged: HTTPFieldName = "If"
}
