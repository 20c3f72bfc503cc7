// The gateway's configuration file (README, "Configuration"): the seed's fields and ours, each checked where it is read.

import HTTPCodec
import SettingsCore
import TunnelLink

extension GatewayConfiguration {
    /// Reads the configuration; what is wrong is kept by the reader, and the default stands in its place.
    public static func read(from reader: inout SettingsReader) -> GatewayConfiguration {
        reader.misnomers = misnomers
        var configuration = GatewayConfiguration()
        configuration.readAddresses(from: &reader)
        configuration.readAgents(from: &reader)
        configuration.web.read(from: &reader)
        configuration.inspector.read(from: &reader)
        configuration.web.readDoor(from: &reader)
        configuration.login.read(from: &reader)
        configuration.checkNames(&reader)
        configuration.limits.read(from: &reader, configuration.web)
        if let isEnabled = reader.flag("statusPage.enabled") { configuration.statusPage.isEnabled = isEnabled }
        configuration.statusPage.authTokens = reader.tokens("statusPage.authToken")
        configuration.statusPage.readDoor(from: &reader)
        if let isEnabled = reader.flag("metrics.enabled") { configuration.metrics.isEnabled = isEnabled }
        if let count = reader.integer("metrics.perAgent", in: 0...100_000) { configuration.metrics.maximumAgents = count }
        if let logs = reader.flag("logRequests") { configuration.logsRequests = logs }
        configuration.offlineAlert = offlineAlert(&reader)
        if let name = reader.choice("accessLog.format", among: AccessLogFormat.allCases.map(\.rawValue)),
            let format = AccessLogFormat(rawValue: name)
        {
            configuration.accessLog = format
        }
        return configuration
    }

    /// What people write for the keys that they mean.
    private static let misnomers = [
        "token": "gatewayToken", "agentToken": "gatewayToken", "tokens": "gatewayToken", "tokenFile": "gatewayTokenFile",
        "authToken": "channels.webService.authToken", "authTokenFile": "channels.webService.authTokenFile",
        "allow": "channels.webService.allow", "public": "channels.webService.public",
        "webService": "channels.webService", "maxBody": "channels.webService.maxBody",
        "domain": "channels.webService.subdomainHost",
        "subdomain": "channels.webService.subdomainHost", "listen": "host", "address": "host", "url": "publicUrl",
        "unix": "unixSocket", "proxies": "trustedProxies", "trustProxy": "trustedProxies",
    ]

    private static func offlineAlert(_ reader: inout SettingsReader) -> OfflineAlertConfiguration? {
        let after = reader.integer("onAgentOffline.afterMs", in: 0...86_400_000)
        guard let url = reader.text("onAgentOffline.url") else {
            if after != nil { reader.problem("onAgentOffline.afterMs", "needs onAgentOffline.url") }
            return nil
        }
        let isLegal = url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } && (url.hasPrefix("http://") || url.hasPrefix("https://"))
        if !isLegal { reader.problem("onAgentOffline.url", "must be an address that begins with http:// or https://") }
        var alert = OfflineAlertConfiguration(url: url)
        if let after { alert.after = .milliseconds(after) }
        return alert
    }

    private mutating func readAddresses(from reader: inout SettingsReader) {
        if let url = reader.text("publicUrl") {
            if url.hasPrefix("http://") || url.hasPrefix("https://") {
                publicURL = url.hasSuffix("/") ? String(url.dropLast()) : url
            } else {
                reader.problem("publicUrl", "must begin with http:// or https://")
            }
        }
        trustedProxies = Self.ranges("trustedProxies", &reader)
        readProxyProtocol(from: &reader)
    }

    private mutating func readAgents(from reader: inout SettingsReader) {
        gatewayTokens = reader.tokens("gatewayToken")
        if let name = reader.choice("duplicateAgents", among: DuplicateAgents.allCases.map(\.rawValue)),
            let choice = DuplicateAgents(rawValue: name)
        {
            duplicateAgents = choice
        }
        readNames(from: &reader)
        var agents: [String: AgentAccess] = [:]
        var ids: [String: String] = [:]
        reader.each("agents") { id, agent in
            if !AgentDescription.isValidID(id) {
                agent.problem("", "is no agent's: an id is 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot")
            } else if let other = ids.updateValue(id, forKey: AgentName.of(id)) {
                agent.problem("", "differs from \"\(other)\" in case alone, and is the same agent: put the two together")
            }
            var access = AgentAccess()
            access.tokens = agent.tokens("token")
            access.authTokens = agent.tokens("authToken")
            access.inspects = agent.flag("inspect")
            access.readDoor(from: &agent)
            agents[id] = access
        }
        self.agents = agents
    }
}

extension WebConfiguration {
    fileprivate mutating func read(from reader: inout SettingsReader) {
        let base = "channels.webService."
        if let flag = reader.flag(base + "enabled") { isEnabled = flag }
        if let prefix = reader.text(base + "pathPrefix") {
            let trimmed = prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix
            if trimmed.hasPrefix("/"), trimmed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") }) {
                pathPrefix = trimmed
            } else {
                reader.problem(base + "pathPrefix", "must be a path such as \"/web\"")
            }
            if "\(trimmed)/".hasPrefix(OwnRoute.root) {
                reader.problem(base + "pathPrefix", "must not be beneath \(OwnRoute.root), where the gateway's own pages are")
            }
        }
        readUpgrades(base + "upgrades", &reader)
        authTokens = reader.tokens(base + "authToken")
        if let count = reader.integer(base + "timeoutMs", in: 1...86_400_000) { timeout = .milliseconds(count) }
        if let count = reader.integer(base + "agentWaitMs", in: 0...60_000) { agentWait = .milliseconds(count) }
        if let flag = reader.flag(base + "rescueAbsolutePaths") { rescuesAbsolutePaths = flag }
        if let flag = reader.flag(base + "passPreflight") { passesPreflights = flag }
        if let count = reader.integer(base + "sseKeepAliveMs", in: 0...86_400_000) { sseKeepAlive = .milliseconds(count) }
        subdomainHost = Self.hostName(base + "subdomainHost", &reader)
        if let count = reader.integer(base + "maxBody", in: 0...Int.max) { maximumBody = UInt64(count) }
    }
}

extension WebConfiguration {
    /// An empty list lets nobody leave HTTP.
    private mutating func readUpgrades(_ path: String, _ reader: inout SettingsReader) {
        guard let names = reader.texts(path) else { return }
        for name in names where !HTTPUpgrade.isName(name) || HTTPUpgrade.isForbidden(name) {
            return reader.problem(
                path,
                HTTPUpgrade.isName(name)
                    ? "cannot hold \"\(name)\": requests behind it would pass unseen; \"websocket\" is what pages use"
                    : "must be names of protocols, such as [\"websocket\"]; an empty list lets none pass")
        }
        upgrades = names
    }
}

extension GatewayLimits {
    fileprivate mutating func read(from reader: inout SettingsReader, _ web: WebConfiguration) {
        if let count = reader.integer("channels.webService.maxBufferedBody", in: 0...1 << 30) {
            tunnel.maximumBufferedBody = count
        }
        if let count = reader.integer("limits.maxStreamsPerAgent", in: 1...65_536) { tunnel.maximumStreams = count }
        if let count = reader.integer("limits.initialWindow", in: 16_384...1 << 24) { tunnel.initialWindow = count }
        if let count = reader.integer("limits.maxWindowPerStream", in: 16_384...1 << 30) { tunnel.maximumWindow = count }
        if let count = reader.integer("limits.windowBudgetPerAgent", in: 0...1 << 40) { tunnel.windowBudget = count }
        if let count = reader.integer("limits.v1BufferPerAgent", in: 1 << 20...1 << 40) { bufferPerAgent = count }
        if let count = reader.integer("limits.v1BufferTotal", in: 1 << 20...1 << 40) { bufferTotal = count }
        if let count = reader.integer("limits.maxConnections", in: 1...10_000_000) { maximumConnections = count }
        if let count = reader.integer("limits.maxHeadBytes", in: 1_024...1 << 17) { http.setHead(bytes: count) }
        reader.integer("limits.maxFields", in: 16...4_096, into: &http.maximumFieldCount)
        perAddress.read(from: &reader)
        let times: [(String, WritableKeyPath<GatewayLimits, Duration>)] = [
            ("limits.headTimeoutMs", \.headTimeout), ("limits.idleTimeoutMs", \.idleTimeout),
            ("limits.writeTimeoutMs", \.writeTimeout), ("limits.pingIntervalMs", \.pingInterval),
            ("limits.pongTimeoutMs", \.pongTimeout),
        ]
        for (path, field) in times {
            if let count = reader.integer(path, in: 1...86_400_000) { self[keyPath: field] = .milliseconds(count) }
        }
    }
}
