// What responds to the requests that come through the tunnel: web services on this machine, the program itself, a folder, or
// several of them, told apart by path.
//
// A route is chosen by the bytes of the path as they came, at the border of a segment, and a path that may lead out of it is
// refused (ServiceTable). The prefix stays in the path.

import MachineCore

/// What responds to the requests that come through the tunnel.
public enum LocalService: Sendable, Hashable {
    /// A web service on this machine.
    case http(LocalHTTPService)
    /// The program itself, in whole values: each request becomes `AgentNote.call`, and `AgentMessage.respond` is its response.
    case handler
    /// The program itself, piece by piece: each request becomes `AgentNote.open`, `body` … `bodyEnd`, and its response is
    /// `AgentMessage.head` and `body`, or `respond`.
    case streamingHandler
    /// The files of a folder. They are the host's to read: each request becomes `AgentNote.open` with `HandlerHead.folder`, and
    /// `StaticFiles` says what the response is.
    case folder(StaticFolder)
    /// One of several, by the longest prefix of the path; a path that none of them has fails with `noWebService`. The
    /// services are not themselves `routes`.
    case routes([RouteToService])
    /// None: the agent only shows itself.
    case none

    /// Why requests could not be served so, or nil if they can.
    var problem: String? {
        guard case .routes(let routes) = self else { return nil }
        if routes.isEmpty { return "there are no routes" }
        var seen: Set<[UInt8]> = []
        for route in routes {
            if !route.prefix.utf8.starts(with: [UInt8(ascii: "/")]) { return "the route \(route.prefix) must begin with /" }
            if case .routes = route.service { return "the route \(route.prefix) has routes of its own" }
            if !seen.insert(route.segments).inserted { return "there are two routes for \(route.prefix)" }
        }
        return nil
    }
}

/// Which service has the paths that begin so.
public struct RouteToService: Sendable, Hashable {
    /// Begins with `/`. `/api` stands for `/api` and `/api/…`, not for `/apis`; a `/` at the end changes nothing.
    public var prefix: String
    /// Gets the whole path, the prefix included.
    public var service: LocalService

    /// A route to `service`.
    public init(_ prefix: String, to service: LocalService) {
        self.prefix = prefix
        self.service = service
    }

    /// The prefix without a `/` at its end: what a path has before a `/` or its own end. Empty for `/`.
    var segments: [UInt8] {
        var bytes = Array(prefix.utf8)
        while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        return bytes
    }
}

/// Whom an agent believes to be a service at `https://`. The host reads the file.
public struct ServiceTLS: Sendable, Hashable {
    /// The authorities that may vouch for it, in a PEM file; nil: the system's.
    public var caFile: String?
    /// Whether it may have any certificate, as one in development does.
    public var isInsecure: Bool

    /// A service that the system's authorities, or those of a file, vouch for.
    public init(caFile: String? = nil, isInsecure: Bool = false) {
        self.caFile = caFile
        self.isInsecure = isInsecure
    }
}

/// A web service on this machine. Only this endpoint is ever dialled, whatever a request says.
public struct LocalHTTPService: Sendable, Hashable {
    /// What the service sees in the `Host` field.
    public enum HostField: Sendable, Hashable {
        /// This text. Development servers refuse names that they do not know, so `localhost:{port}` is the default.
        case text(String)
        /// The host that the visitor asked for: the value of `X-Forwarded-Host`, which the gateway sets.
        case preserve
    }

    /// Where it listens.
    public var endpoint: Endpoint
    /// Put before the path of each request: with `/app`, `/x` becomes `/app/x`. Default `/`: nothing.
    public var basePath: String
    /// Default: the name of the endpoint.
    public var hostField: HostField
    /// Nil, the default: it speaks plain HTTP. Otherwise the host prepares TLS under `tlsProfile`.
    public var tls: ServiceTLS?

    /// The service on `port` of this machine; `hostField` defaults to `localhost:{port}`.
    public init(port: UInt16, basePath: String = "/", hostField: HostField? = nil) {
        self.init(endpoint: .tcp(host: "localhost", port: port), basePath: basePath, hostField: hostField)
    }

    /// The service at `endpoint`; `hostField` defaults to the endpoint's name and port, or `localhost` for a Unix socket.
    /// With `tls` it is spoken to at `https://`, which a Unix socket has not.
    public init(endpoint: Endpoint, basePath: String = "/", hostField: HostField? = nil, tls: ServiceTLS? = nil) {
        self.endpoint = endpoint
        self.basePath = basePath
        self.tls = tls
        self.hostField = hostField ?? .text(Self.hostText(of: endpoint))
    }

    /// Whether only a part of the service is shown.
    var hasBasePath: Bool { basePath.utf8.contains { $0 != UInt8(ascii: "/") } }

    /// Under which name the loop keeps what TLS with it takes; nil: it speaks plain HTTP.
    public var tlsProfile: TLSProfile? {
        tls.map { TLSProfile(rawValue: "service:\(name)\($0.isInsecure ? "," : ":")\($0.caFile ?? "")") }
    }

    /// With whom TLS is spoken on its connections; nil: with nobody.
    var tlsPeer: TLSPeer? {
        guard let tlsProfile, case .tcp(let host, _) = endpoint else { return nil }
        return TLSPeer(host: host, profile: tlsProfile)
    }

    /// What its own addresses begin with.
    var scheme: String { tls == nil ? "http://" : "https://" }

    /// What to write in the settings if it turns out to speak TLS.
    var secureAddress: String { "https://\(name) (webService.url)" }

    /// The endpoint as people write it.
    var name: String {
        switch endpoint {
        case .tcp: Self.hostText(of: endpoint)
        case .unix(let path): path
        }
    }

    static func hostText(of endpoint: Endpoint) -> String {
        switch endpoint {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix: "localhost"
        }
    }
}
