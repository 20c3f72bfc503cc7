// The settings: GatewayKit's, and beside them what only a process can have: addresses, secret files, logs.

import GatewayKit
import MachineCore
import SettingsCore
import SocketKit
import Synchronization

struct GatewayDaemonSettings {
    var gateway = GatewayConfiguration()
    var listen: [Endpoint] = []
    var log = LogWriter()
    /// What is said of running out of descriptors, by all loops together.
    let shortages = ShortageLog()
    /// Who carries alerts; nil: alerts go nowhere.
    var alerts: AlertSender?
    /// Where the access log goes; nil: there is none.
    var accessLog: LineWriter?
    var drain = Duration.seconds(10)
    /// Signs the cookies of whoever logs in; another one at each start.
    let secret = secureRandomBytes(32)
    /// Threads that serve, each with connections of its own.
    var loops = 1

    /// From the file that the arguments name, the environment and the arguments themselves.
    static func load(_ arguments: ParsedCommandLine) throws -> GatewayDaemonSettings {
        var environment = environmentVariables()
        let file = try arguments.settingsFile(orVariable: "MIAGENT_CONFIG", in: &environment)
        let flags = arguments.settings.map { SettingsFlag(name: $0.flag, path: $0.path, value: $0.value) }
        var reader = SettingsReader(
            file: file, environment: environment, flags: flags, ignoredEnvironment: ["MIAGENT_CONFIG"], beside: .agentd)
        var settings = GatewayDaemonSettings()
        settings.read(&reader, isDemo: arguments.has("--demo"))
        let problems = reader.finish()
        guard problems.isEmpty else { throw SettingsRefused(problems: problems.map(\.description)) }
        return settings
    }

    private mutating func read(_ reader: inout SettingsReader, isDemo: Bool) {
        gateway = GatewayConfiguration.read(from: &reader)
        let host = Self.host(&reader) ?? (isDemo ? "127.0.0.1" : "0.0.0.0")
        listen = [.tcp(host: host, port: UInt16(clamping: reader.integer("port", in: 0...65_535) ?? 3_000))]
        if let path = reader.text("unixSocket") { listen.append(.unix(path: path)) }
        loops = reader.integer("loops", in: 1...Self.maximumLoops) ?? min(processorCount(), Self.maximumLoops)
        if let count = reader.integer("drainMs", in: 0...3_600_000) { drain = .milliseconds(count) }
        gateway.gatewayTokens += Self.secret("gatewayTokenFile", &reader)
        gateway.web.authTokens += Self.secret("channels.webService.authTokenFile", &reader)
        gateway.statusPage.authTokens += Self.secret("statusPage.authTokenFile", &reader)
        reader.each("agents") { id, agent in
            gateway.agents[id]?.authTokens += Self.secret("authTokenFile", &agent)
        }
        gateway.isReachableFromOutside = isReachableFromOutside
        let level = reader.choice("logLevel", among: LogRecord.Level.allCases.map(\.name))
        let format = reader.choice("logFormat", among: LogWriter.Format.allCases.map(\.rawValue))
        log = LogWriter(level: level, format: format)
        accessLog = accessLog(&reader)
        if gateway.offlineAlert != nil {
            alerts = findProgram("curl").map { AlertSender(curl: $0, log: log) }
            if alerts == nil { reader.problem("onAgentOffline.url", "needs the program curl, which is not in PATH") }
        }
    }

    private static let maximumLoops = 64

    /// Where to listen: a literal address, IPv6 with brackets or without, or `localhost`. A name that a resolver knows is refused: it
    /// may mean another machine, or several addresses.
    private static func host(_ reader: inout SettingsReader) -> String? {
        guard let text = reader.text("host") else { return nil }
        if text.lowercased() == "localhost" { return text }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = isBracketed ? String(text.dropFirst().dropLast()) : text
        if isLiteralAddress(host), !isBracketed || host.contains(":") { return host }
        reader.problem(
            "host", "must be an address of this machine without a port, such as 0.0.0.0, 127.0.0.1 or ::1; the port is port")
        return nil
    }

    /// The file that is named, or standard output.
    private func accessLog(_ reader: inout SettingsReader) -> LineWriter? {
        let path = reader.text("accessLog.file")
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

    /// The first word of the file that a setting names.
    private static func secret(_ path: String, _ reader: inout SettingsReader) -> [String] {
        guard let file = reader.tokenFile(path) else { return [] }
        do {
            guard let token = try readSecret(file) else {
                reader.problem(path, "names an empty file")
                return []
            }
            guard let problem = TokenGrammar.problem(token) else { return [token] }
            reader.problem(path, "names a file that begins with a token \(problem)")
        } catch {
            reader.problem(path, "names a file that cannot be read: \(error)")
        }
        return []
    }

    /// Whether another machine could connect.
    var isReachableFromOutside: Bool {
        listen.contains { endpoint in
            switch endpoint {
            case .tcp(let host, _): !LoopbackHost.contains(host)
            case .unix: false
            }
        }
    }
}

/// Says of all loops together that descriptors have run out: they are the process's.
final class ShortageLog: Sendable {
    private let spells = Mutex(ShortageSpells())

    func write(_ shortage: DescriptorShortage, to log: LogWriter) {
        let record = spells.withLock { $0.record(of: shortage, limit: currentDescriptorLimit(), at: SocketLoop.now()) }
        if let record { log.write(record) }
    }
}
