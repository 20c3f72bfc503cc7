// How those who ask name this gateway, and who they are: by their connection alone, or by what a trusted proxy says of it
// (`X-Forwarded-*`), or by `publicUrl`. Worked out of the settings once.

import HTTPCodec

final class ForwardingPolicy: Sendable {
    private let trustedProxies: [AddressRange]
    private let publicURL: String?
    private let outerPrefix: OuterPrefix
    private let router: Router
    private let pathPrefix: String
    private let subdomainHost: String?

    init(_ configuration: GatewayConfiguration, _ router: Router) {
        trustedProxies = configuration.trustedProxies
        publicURL = configuration.publicURL
        outerPrefix = OuterPrefix(publicURL: configuration.publicURL)
        pathPrefix = configuration.web.pathPrefix
        subdomainHost = configuration.web.subdomainHost
        self.router = router
    }

    // MARK: Who asks

    /// Where a request comes from, on a connection from `peer`.
    func provenance(_ peer: String, of request: VisitorRequest) -> Provenance {
        Provenance(
            peer: peer, fields: request.head.fields, isEncrypted: request.security != nil, trustedProxies: trustedProxies)
    }

    /// The address of whoever sent a request with `fields` on a connection from `peer`; nil if that is not known.
    func client(_ peer: String, _ fields: HTTPFields) -> NetworkAddress? {
        Provenance(peer: peer, fields: fields, trustedProxies: trustedProxies).client
    }

    /// Whether the connection is one of a trusted proxy.
    func isTrusted(_ peer: NetworkAddress) -> Bool { !trustedProxies.isEmpty && trustedProxies.contains(peer) }

    /// Who it is, for a log: the connection's other end, or whom a trusted proxy names.
    func clientText(_ peer: String, _ fields: HTTPFields) -> String {
        guard Provenance.isTrusted(peer, among: trustedProxies) else { return peer }
        return client(peer, fields)?.text ?? peer
    }

    // MARK: What they ask for

    /// Whether the visitor came by https.
    func isSecure(_ visitor: Provenance) -> Bool { visitor.isSecure(publicURL: publicURL) }

    /// Whether a page of this host sent the request, or no browser did. At an agent's own host name its pages alone count:
    /// those of the gateway's address may be another agent's.
    func isFromHere(_ visitor: Provenance) -> Bool {
        SameOrigin.accepts(visitor.fields, hosts: hosts(visitor), isSecure: isSecure(visitor))
    }

    /// How this host may be named in addresses of its pages.
    func hosts(_ visitor: Provenance) -> [String] {
        var hosts = [visitor.fields[.host] ?? ""]
        if !router.isAgentHost(visitor.fields) {
            if let publicURL { hosts.append(String(GatewayConfiguration.authority(of: publicURL))) }
            if visitor.isByTrustedProxy, let host = visitor.fields[.xForwardedHost] { hosts.append(host) }
        }
        return hosts
    }

    /// Where whoever sent the request finds the gateway: at `publicUrl`, else at what it asked for, by way of a trusted proxy
    /// perhaps.
    func address(_ visitor: Provenance) -> String {
        if let publicURL { return publicURL }
        let fields = visitor.fields
        let isTrusted = visitor.isByTrustedProxy
        let host = (isTrusted ? fields[.xForwardedHost] : nil) ?? fields[.host] ?? "localhost"
        return "\(isSecure(visitor) ? "https" : "http")://\(host)\(prefix(of: fields, isByTrustedProxy: isTrusted))"
    }

    /// Where visitors find an agent, who find the gateway at `address`.
    func webURL(of agentID: String, from address: String) -> String {
        guard let subdomainHost else { return "\(address)\(pathPrefix)/\(agentID)/" }
        let scheme = address.hasPrefix("https:") ? "https" : "http"
        let authority = GatewayConfiguration.authority(of: address)
        let port = authority.split(separator: ":").dropFirst().last.flatMap { $0.allSatisfy(\.isNumber) ? ":\($0)" : nil } ?? ""
        return "\(scheme)://\(agentID.lowercased()).\(subdomainHost)\(port)/"
    }

    // MARK: The prefix that a proxy takes off

    /// The prefix that a request with `fields` came with; empty: none.
    func prefix(of fields: HTTPFields, isByTrustedProxy: Bool) -> String {
        outerPrefix.of(fields, isByTrustedProxy: isByTrustedProxy)
    }

    /// The same without what the proxy says itself.
    func untoldPrefix(of fields: HTTPFields, isByTrustedProxy: Bool) -> String {
        outerPrefix.untold(fields, isByTrustedProxy: isByTrustedProxy)
    }
}
