// The settings of both daemons, by path, so that each knows the other's: one `.env` may serve both, and a key that belongs to the
// other says so. Tests compare these lists with what is read and with README's tables; what stands beneath a free name
// (`agents.{id}`) has no variable and is not here.

/// A program beside which settings are read: its variables in a common environment are none of our business, and no mistake.
public struct OtherProgram: Sendable, Hashable {
    /// What it is called.
    public var name: String
    /// The paths of its settings.
    public var paths: [String]

    /// The program `name`, which has settings at `paths`.
    public init(name: String, paths: [String]) {
        self.name = name
        self.paths = paths
    }

    /// The public end.
    public static let gatewayd = OtherProgram(
        name: "gatewayd",
        paths: paths(
            """
            host port unixSocket loops publicUrl gatewayToken gatewayTokenFile duplicateAgents trustedProxies reservedAgents
            agentOrigins proxyProtocol drainMs logLevel logFormat logRequests statusPage.enabled statusPage.authToken
            statusPage.authTokenFile statusPage.public metrics.enabled metrics.perAgent inspector.mode inspector.memoryMiB
            inspector.maxBody inspector.replay inspector.public channels.webService.enabled channels.webService.pathPrefix
            channels.webService.authToken channels.webService.authTokenFile channels.webService.public
            channels.webService.allow channels.webService.byPath channels.webService.timeoutMs
            channels.webService.subdomainHost channels.webService.agentWaitMs channels.webService.rescueAbsolutePaths
            channels.webService.sseKeepAliveMs channels.webService.maxBody channels.webService.maxBufferedBody
            limits.v1BufferPerAgent limits.v1BufferTotal
            channels.webService.upgrades channels.webService.passPreflight login.sessionHours login.attemptsPerMinute
            limits.maxStreamsPerAgent limits.initialWindow limits.maxWindowPerStream limits.windowBudgetPerAgent
            limits.connectionsPerAddress limits.requestsPerAddress limits.requestsPerSecondPerAddress
            limits.requestBurstPerAddress limits.watchersPerAddress limits.maxConnections limits.maxHeadBytes
            limits.maxFields limits.headTimeoutMs limits.idleTimeoutMs limits.writeTimeoutMs limits.pingIntervalMs
            limits.pongTimeoutMs accessLog.format accessLog.file onAgentOffline.url onAgentOffline.afterMs
            """))

    /// The private end.
    public static let agentd = OtherProgram(
        name: "agentd",
        paths: paths(
            """
            agentId gatewayUrl gatewayToken gatewayTokenFile type model host inspectAtGateway webService.port webService.url
            webService.unix webService.directory webService.dotFiles webService.pathPrefix webService.hostHeader protocol
            view inspect inspectMemoryMiB qr drainMs logLevel logFormat logRequests maxExchanges maxPooledConnections
            maxHeldBytes maxHeadBytes maxFields pingMs pongTimeoutMs connectTimeoutMs poolIdleMs responseTimeoutMs
            """))

    private static func paths(_ list: String) -> [String] { list.split(whereSeparator: \.isWhitespace).map { String($0) } }
}
