// The settings: GatewayKit's, and beside them what only a process can have: addresses, secret files, logs.

import GatewayKit
import MachineCore
import SettingsCore
import SocketKit
import Synchronization

struct GatewayDaemonSettings {
    var gateway = GatewayConfiguration()
    var listeners: [ListenerSettings] = []
    var log = LogWriter()
    /// Logs that descriptors have run out, for all loops together.
    let shortages = ShortageLog()
    /// Sends alerts; nil: there is no address for them.
    var alerts: AlertSender?
    /// Where the access log goes; nil: there is none.
    var accessLog: LineWriter?
    var drain = Duration.seconds(10)
    /// Signs the cookies of whoever logs in; another one at each start.
    let secret = secureRandomBytes(32)
    /// Certificates from a CA.
    var certificates = CertificateSettings()
    /// Where the gateway keeps what must outlast it; nil: there is no usual place.
    var statePath: String?
    /// The same, open; nil: nothing is kept.
    var state: PrivateFolder?
    /// Tokens that were made just now, since there were none; nil: there were.
    var newTokens: StoredTokens?
    /// What sees to certificates from a CA, once the daemon has started it; nil: there are none.
    var automatic: AutomaticCertificates?
    /// Threads that serve, each with connections of its own.
    var loops = 1

    /// From the file that the arguments name, the environment and the arguments themselves.
    static func load(_ arguments: ParsedCommandLine) throws -> GatewayDaemonSettings {
        var environment = environmentVariables()
        let file = try arguments.settingsFile(orVariable: "MIAGENT_CONFIG", in: &environment)
        let flags = arguments.settings.map { SettingsFlag(name: $0.flag, path: $0.path, value: $0.value) }
        var reader = SettingsReader(
            file: file, environment: environment, flags: flags, ignoredEnvironment: ["MIAGENT_CONFIG", "MIAGENT_OPENSSL"],
            beside: .agentd)
        var settings = GatewayDaemonSettings()
        settings.statePath = StatePath.standard(environment, isRoot: isSuperuser())
        settings.read(&reader, isDemo: arguments.has("--demo"))
        let problems = reader.finish()
        guard problems.isEmpty else { throw SettingsRefused(problems: problems.map(\.description)) }
        return settings
    }

    /// All settings, described; `options` are those of the command line, by path.
    static func description(options: [String: [String]]) -> SettingsDescription {
        var reader = SettingsReader.describing()
        var settings = GatewayDaemonSettings()
        settings.read(&reader, isDemo: false)
        return reader.description(of: "gatewayd", options: options)
    }

    private mutating func read(_ reader: inout SettingsReader, isDemo: Bool) {
        certificates.domain = GatewayConfiguration.domain(from: &reader)
        readAddresses(&reader, isDemo: isDemo)
        gateway = GatewayConfiguration.read(from: &reader, domain: certificates.domain)
        readCertificates(&reader)
        readTokenFiles(&reader)
        gateway.isReachableFromOutside = isReachableFromOutside
        gateway.servesTLS = listeners.contains { $0.tls != nil }
        checkTLS(&reader)
        reader.read(
            .milliseconds("drainMs", in: 0...3_600_000, "How long requests under way may take after SIGTERM.")
                .beyond("they are cut").onReload(.restart), into: &drain)
        log = log(&reader)
        accessLog = accessLog(&reader)
        if gateway.offlineAlert != nil {
            alerts = findProgram("curl").map { AlertSender(curl: $0, log: log) }
            if alerts == nil { reader.problem("onAgentOffline.url", "needs the program curl, which is not in PATH") }
        }
    }

    private mutating func readAddresses(_ reader: inout SettingsReader, isDemo: Bool) {
        readListeners(&reader, isDemo: isDemo)
        loops =
            reader.read(
                .integer(
                    "loops", in: 1...Self.maximumLoops,
                    "Threads that serve; agents are spread over them, and one agent uses one."
                ).defaulting(to: "one for each processor").onReload(.restart)) ?? min(processorCount(), Self.maximumLoops)
    }

    /// What TLS rules out, and what needs it.
    private func checkTLS(_ reader: inout SettingsReader) {
        if gateway.strictTransport != nil, !gateway.servesTLS { reader.problem("tls.hsts", "needs a listener with TLS") }
        switch gateway.proxyProtocol {
        case .tcp, .all:
            guard gateway.servesTLS else { return }
            reader.problem("proxyProtocol", "can be beside TLS for the Unix socket alone: \"unix\"")
        case .off, .unix: break
        }
    }

    private mutating func readTokenFiles(_ reader: inout SettingsReader) {
        func read(_ path: String, beside key: String, _ reader: inout SettingsReader, into tokens: inout [String]) {
            let meaning = "A file that begins with a token: one more beside those of `\(key)`."
            if let token = reader.read(.tokenFile(path, meaning, read: readSecret)) { tokens.append(token) }
        }
        read("gatewayTokenFile", beside: "gatewayToken", &reader, into: &gateway.gatewayTokens)
        let (web, page) = ("channels.webService.authToken", "statusPage.authToken")
        read(web + "File", beside: web, &reader, into: &gateway.web.authTokens)
        read(page + "File", beside: page, &reader, into: &gateway.statusPage.authTokens)
        reader.each(.agents) { id, agent in
            read("authTokenFile", beside: "authToken", &agent, into: &gateway.agents[id, default: .init()].authTokens)
        }
    }

    private static let maximumLoops = 64

    private func log(_ reader: inout SettingsReader) -> LogWriter {
        let level = reader.read(
            .choice("logLevel", among: LogRecord.Level.allCases, \.name, "The lowest level that is logged, to standard error.")
                .onReload(.restart), default: log.minimumLevel)
        let format = reader.read(
            .choice("logFormat", "How log lines are written.").onReload(.restart), default: log.format)
        return LogWriter(format: format, minimumLevel: level, isLimited: true)
    }

    /// The file that is named, or standard output.
    private func accessLog(_ reader: inout SettingsReader) -> LineWriter? {
        let path = reader.read(
            .file("accessLog.file", "Where the access log goes; SIGHUP opens it by its name, as logrotate wants it.")
                .defaulting(to: "standard output").onReload(.restart))
        guard gateway.accessLog != .off else {
            if path != nil { reader.problem("accessLog.file", "needs accessLog.format: combined or json") }
            return nil
        }
        guard let path else { return LineWriter(descriptor: 1) }
        do {
            return try LineWriter(path: path)
        } catch {
            reader.problem("accessLog.file", "names a file that cannot be written: \(error)")
            return nil
        }
    }

    /// Whether another machine could connect.
    var isReachableFromOutside: Bool { listeners.contains(where: \.isReachableFromOutside) }
}

/// Logs that descriptors have run out, for all loops together: they are the process's.
final class ShortageLog: Sendable {
    private let spells = Mutex(ShortageSpells())

    func write(_ shortage: DescriptorShortage, to log: LogWriter) {
        let record = spells.withLock { $0.record(of: shortage, limit: currentDescriptorLimit(), at: SocketLoop.now()) }
        if let record { log.write(record) }
    }
}
