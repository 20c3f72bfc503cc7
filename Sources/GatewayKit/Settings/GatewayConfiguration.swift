// Everything about a gateway that is decided before it starts, and the reading of it. Each part has a file of its own, with its
// fields, their defaults and the settings that change them; each setting is checked where it is read.

import MachineCore
import SettingsCore

/// How a gateway behaves.
public struct GatewayConfiguration: Sendable, Hashable {
    /// The address that pages and agents are told, without a trailing slash; nil: what the client put into `Host`.
    public var publicURL: String?
    /// What agents present; several for rotation. Empty: any agent may connect.
    public var gatewayTokens: [String] = []
    /// Particulars of single agents, by id.
    public var agents: [String: AgentAccess] = [:]
    /// Ids that no agent may have; nil: `www`, if agents have host names.
    public var reservedAgents: [String]?
    /// Origins whose pages may connect as agents, such as `https://console.example.com`. Agents are no browsers, and send none.
    public var agentOrigins: [String] = []
    /// What happens when an id registers that is connected already.
    public var duplicateAgents = DuplicateAgents.replace
    /// Proxies whose `X-Forwarded-*` fields count.
    public var trustedProxies: [AddressRange] = []
    /// Where trusted proxies say whose a connection is before its first byte (PROXY protocol).
    public var proxyProtocol = ProxyProtocol.off
    /// The status page.
    public var statusPage = StatusPageConfiguration()
    /// The request inspector.
    public var inspector = InspectorConfiguration()
    /// The web services behind agents.
    public var web = WebConfiguration()
    /// Visitors who log in.
    public var login = LoginConfiguration()
    /// Whether other machines can connect, as far as the host knows: then open access is warned of.
    public var isReachableFromOutside = false
    /// Whether the host speaks TLS where visitors are, as far as it knows.
    public var servesTLS = false
    /// What responses over TLS say as `Strict-Transport-Security` (RFC 6797); nil: nothing.
    public var strictTransport: String?
    /// Limits and timeouts.
    public var limits = GatewayLimits()
    /// Whether each exchange is logged.
    public var logsRequests = false
    /// Who is told of agents that are gone; nil: no one.
    public var offlineAlert: OfflineAlertConfiguration?
    /// How the access log is written; the host decides where.
    public var accessLog = AccessLogFormat.off

    /// What programs may ask of how it does.
    public var metrics = MetricsConfiguration()

    /// The defaults.
    public init() {}

    /// The version of this program.
    public static let programVersion = ProgramVersion.text
}

extension GatewayConfiguration {
    /// Reads the configuration; what is wrong is kept by the reader, and the default stands in its place.
    /// `domain`: what addresses follow from, as far as they are not set.
    public static func read(from reader: inout SettingsReader, domain: String? = nil) -> GatewayConfiguration {
        reader.misnomers = misnomers
        var configuration = GatewayConfiguration()
        if let domain { configuration.follow(domain: domain) }
        configuration.readAddresses(from: &reader)
        configuration.readTLS(from: &reader)
        configuration.readAgents(from: &reader)
        configuration.readLogs(from: &reader)
        configuration.web.read(from: &reader)
        configuration.checkNames(&reader)
        configuration.login.read(from: &reader)
        configuration.statusPage.read(from: &reader)
        configuration.inspector.read(from: &reader)
        configuration.metrics.read(from: &reader)
        configuration.offlineAlert = OfflineAlertConfiguration(from: &reader)
        configuration.limits.read(from: &reader)
        return configuration
    }

    private mutating func readLogs(from reader: inout SettingsReader) {
        reader.read(.flag("logRequests", "Whether each request is logged."), into: &logsRequests)
        reader.read(
            .choice(
                "accessLog.format",
                "One line for each request: `combined` as nginx writes it, with the request's id at the end, or `json`; without"
                    + " queries, which may hold secrets."
            ).onReload(.restart), into: &accessLog)
    }

    /// What people write for the keys that they mean.
    private static let misnomers = [
        "token": "gatewayToken", "agentToken": "gatewayToken", "tokens": "gatewayToken", "tokenFile": "gatewayTokenFile",
        "authToken": "channels.webService.authToken", "authTokenFile": "channels.webService.authTokenFile",
        "allow": "channels.webService.allow", "public": "channels.webService.public",
        "webService": "channels.webService", "maxBody": "channels.webService.maxBody",
        "hostname": "domain", "stateDir": "stateDirectory", "email": "acme.contact", "acme.email": "acme.contact",
        "acme.server": "acme.directory", "acme.url": "acme.directory",
        "subdomain": "channels.webService.subdomainHost", "listen": "host", "address": "host", "url": "publicUrl",
        "unix": "unixSocket", "certificate": "tls.certificate", "cert": "tls.certificate", "key": "tls.key", "hsts": "tls.hsts",
        "tls.cert": "tls.certificate", "tls.ca": "tls.clientCA", "proxies": "trustedProxies", "trustProxy": "trustedProxies",
    ]
}
