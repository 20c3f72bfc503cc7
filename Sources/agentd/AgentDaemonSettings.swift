// The settings: AgentKit's, and beside them what only a process can have: a secret file, logs, what goes to standard output.

import AgentKit
import InspectorKit
import MachineCore
import SettingsCore
import SocketKit

struct AgentDaemonSettings {
    var agent: AgentConfiguration
    /// What TLS with the gateway and with services takes.
    var tls: AgentTLS
    /// What named the proxy by way of which the gateway is dialled; nil: it is dialled directly.
    var proxyOrigin: String?
    var log: LogWriter
    /// Whether each request is a line on standard output.
    var printsRequests: Bool
    var drain: Duration
    /// The inspector of this machine; nil: there is none.
    var inspector: LocalInspector.Settings?
    /// Whether the public URL is shown as a QR code too.
    var showsQR: Bool
    /// What the live view is drawn on; nil: lines are written instead.
    var terminal: Terminal?
    /// Whether the terminal is sent colours (https://no-color.org).
    var usesColours: Bool

    /// From the file that the arguments name, the environment and the arguments themselves.
    static func load(_ arguments: ParsedCommandLine) throws -> AgentDaemonSettings {
        var environment = environmentVariables()
        let file = try arguments.settingsFile(orVariable: "MIAGENT_CONFIG", in: &environment)
        var flags = arguments.settings.map { SettingsFlag(name: $0.flag, path: $0.path, value: $0.value) }
        if let argument = arguments.positionals.first { flags.append(.service(argument)) }
        var reader = SettingsReader(
            file: file, environment: environment, flags: flags, ignoredEnvironment: ["MIAGENT_CONFIG", "MIAGENT_OPENSSL"],
            beside: .gatewayd)
        // A person at a terminal wants to see what comes in; a service writes what its log is told to.
        let settings = read(&reader, environment, printsByDefault: file == nil || isTerminal(1))
        let problems = reader.finish()
        guard problems.isEmpty, let settings else {
            throw SettingsRefused(problems: problems.map(\.description))
        }
        return settings
    }

    /// All settings, described; `options` are those of the command line, by path.
    static func description(options: [String: [String]]) -> SettingsDescription {
        var reader = SettingsReader.describing()
        _ = read(&reader, [:], printsByDefault: false)
        return reader.description(of: "agentd", options: options)
    }

    private static func read(
        _ reader: inout SettingsReader, _ environment: [String: String], printsByDefault: Bool
    ) -> AgentDaemonSettings? {
        let configuration = AgentConfiguration.read(
            from: &reader, machineName: hostName(), folderProblem: FolderServer.problem)
        let secret = reader.read(
            .tokenFile("gatewayTokenFile", "A file that begins with the token that the gateway asks for.", read: readSecret)
                .onReload(.nextConnection))
        let tls = AgentTLS.read(&reader, for: configuration)
        let proxy = AgentProxy.read(&reader, environment, for: configuration)
        let prints =
            reader.read(
                .flag("logRequests", "Whether a line for each request is written to standard output.")
                    .defaulting(to: "on a terminal, or without a settings file")) ?? printsByDefault
        let drain = reader.read(
            .milliseconds("drainMs", in: 0...3_600_000, "How long requests under way may take after SIGTERM.")
                .beyond("they are cut"), default: .seconds(10))
        let log = log(&reader)
        let inspector = inspector(&reader)
        let terminal = terminal(&reader, environment)
        let showsQR = reader.read(
            .flag("qr", "Whether the public URL is shown as a QR code once.").onReload(.restart), default: false)
        guard var agent = configuration else { return nil }
        if let secret { agent.token = secret }
        agent.proxy = proxy?.url
        // Where gatewayd listens is no machine's name: one environment may serve both.
        let host = agent.description.host
        if host.isEmpty || isLiteralAddress(host) { agent.description.host = hostName() }
        if let inspector { agent.captures = captures(inspector) }
        return AgentDaemonSettings(
            agent: agent, tls: tls, proxyOrigin: proxy?.origin, log: log, printsRequests: prints, drain: drain,
            inspector: inspector,
            showsQR: showsQR, terminal: terminal, usesColours: environment["NO_COLOR", default: ""].isEmpty)
    }

    private static func log(_ reader: inout SettingsReader) -> LogWriter {
        let level = reader.read(
            .choice("logLevel", among: LogRecord.Level.allCases, \.name, "The lowest level that is logged, to standard error.")
                .onReload(.restart), default: .info)
        let format: LogWriter.Format = reader.read(
            .choice("logFormat", "How log lines are written.").onReload(.restart), default: .text)
        return LogWriter(format: format, minimumLevel: level, isLimited: true)
    }

    /// What `view` says, and where it says nothing, whether there is a terminal.
    private static func terminal(_ reader: inout SettingsReader, _ environment: [String: String]) -> Terminal? {
        let view: View = reader.read(
            .choice(
                "view",
                "`live`: a view of requests that is drawn on the terminal; `plain`: lines; `auto`: live on a terminal (unless `TERM` is"
                    + " `dumb`). `NO_COLOR` is heeded."
            ).onReload(.restart), default: .auto)
        let terminal = view == .plain ? nil : Terminal(environment: environment)
        if view == .live, terminal == nil {
            reader.problem("view", "must not be live where standard output is no terminal; auto writes lines there")
        }
        return terminal
    }

    private enum View: String, CaseIterable {
        case auto, live, plain
    }

    /// Where `inspect` says that the inspector listens: for this machine alone, since it asks for no password.
    private static func inspector(_ reader: inout SettingsReader) -> LocalInspector.Settings? {
        let endpoint = reader.read(
            Setting.text(
                "inspect",
                "An address of this machine alone, such as `127.0.0.1:4040` or `:4040`, for a page with the newest 200 requests and their"
                    + " responses."
            ).defaulting(to: "off").parsed(inspectorEndpoint).onReload(.restart))
        let memory = reader.read(
            .integer("inspectMemoryMiB", in: 1...1024, unit: .mebibytes, "What the exchanges on that page may take together.")
                .beyond("the oldest are forgotten").onReload(.restart), default: 16)
        return endpoint.map { LocalInspector.Settings(endpoint: $0, memoryMiB: memory) }
    }

    private static func inspectorEndpoint(_ text: String, _ refuse: (String) -> Void) -> Endpoint? {
        let colon = text.lastIndex(of: ":")
        // Without a host it is this machine: `:4040`, `4040`.
        let written = colon.map { text[..<$0] } ?? ""
        let host = written.isEmpty ? "127.0.0.1" : String(written.filter { $0 != "[" && $0 != "]" })
        guard let port = UInt16(colon.map { text[$0...].dropFirst() } ?? text[...]) else {
            refuse("must be an address and a port, such as 127.0.0.1:4040 or :4040")
            return nil
        }
        guard LoopbackHost.contains(host) else {
            refuse(
                "must be an address of this machine alone, such as 127.0.0.1:4040: it shows what visitors send, and "
                    + "asks for no password. Reach it from elsewhere with ssh -L")
            return nil
        }
        return .tcp(host: host, port: port)
    }

    private static func captures(_ inspector: LocalInspector.Settings) -> CaptureSettings {
        let (seconds, nanoseconds) = unixNow()
        let moment = Int64(clamping: SocketLoop.now().nanoseconds)
        var captures = CaptureSettings(
            unixMillisecondsAtZero: seconds * 1000 + nanoseconds / 1_000_000 - moment / 1_000_000)
        captures.maximumBytes = inspector.memoryMiB * 1024 * 1024
        return captures
    }
}
