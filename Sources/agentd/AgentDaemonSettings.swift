// The settings: AgentKit's, and beside them what only a process can have: a secret file, logs, what goes to standard output.

import AgentKit
import InspectorKit
import MachineCore
import SettingsCore
import SocketKit

struct AgentDaemonSettings {
    var agent: AgentConfiguration
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

    /// From the file that the words name, the environment and the words themselves.
    static func load(_ words: ParsedCommandLine) throws -> AgentDaemonSettings {
        var environment = environmentVariables()
        let file = try words.settingsFile(orVariable: "MIAGENT_CONFIG", in: &environment)
        var flags = words.settings.map { SettingsFlag(name: $0.flag, path: $0.path, value: $0.value) }
        if let word = words.positionals.first { flags.append(.service(word)) }
        var reader = SettingsReader(
            file: file, environment: environment, flags: flags, ignoredEnvironment: ["MIAGENT_CONFIG"], beside: .gatewayd)
        // A person at a terminal wants to see what comes in; a service writes what its log is told to.
        let settings = read(&reader, environment, printsByDefault: file == nil || isTerminal(1))
        let problems = reader.finish()
        guard problems.isEmpty, let settings else {
            throw SettingsRefused(problems: problems.map(\.description))
        }
        return settings
    }

    private static func read(
        _ reader: inout SettingsReader, _ environment: [String: String], printsByDefault: Bool
    ) -> AgentDaemonSettings? {
        let secret = secretFile("gatewayTokenFile", &reader)
        let configuration = AgentConfiguration.read(
            from: &reader, machineName: hostName(), folderProblem: FolderServer.problem)
        let prints = reader.flag("logRequests") ?? printsByDefault
        let drain = reader.integer("drainMs", in: 0...3_600_000) ?? 10_000
        let level = reader.choice("logLevel", among: LogRecord.Level.allCases.map(\.name))
        let format = reader.choice("logFormat", among: LogWriter.Format.allCases.map(\.rawValue))
        let log = LogWriter(level: level, format: format)
        let inspector = inspector(&reader)
        let terminal = terminal(&reader, environment)
        let showsQR = reader.flag("qr") ?? false
        guard var agent = configuration else { return nil }
        if let secret { agent.token = secret }
        // Where gatewayd listens is no machine's name: one environment may serve both.
        let host = agent.description.host
        if host.isEmpty || isLiteralAddress(host) { agent.description.host = hostName() }
        if let inspector { agent.captures = captures(inspector) }
        return AgentDaemonSettings(
            agent: agent, log: log, printsRequests: prints, drain: .milliseconds(drain), inspector: inspector,
            showsQR: showsQR, terminal: terminal, usesColours: environment["NO_COLOR", default: ""].isEmpty)
    }

    /// What `view` says, and where it says nothing, whether there is a terminal.
    private static func terminal(_ reader: inout SettingsReader, _ environment: [String: String]) -> Terminal? {
        let view = reader.choice("view", among: ["auto", "live", "plain"])
        let terminal = view == "plain" ? nil : Terminal(environment: environment)
        if view == "live", terminal == nil {
            reader.problem("view", "must not be live where standard output is no terminal; auto writes lines there")
        }
        return terminal
    }

    /// Where `inspect` says that the inspector listens: for this machine alone, since it asks for no password.
    private static func inspector(_ reader: inout SettingsReader) -> LocalInspector.Settings? {
        let memory = reader.integer("inspectMemoryMiB", in: 1...1024) ?? 16
        guard let text = reader.text("inspect") else { return nil }
        let colon = text.lastIndex(of: ":")
        // Without a host it is this machine: `:4040`, `4040`.
        let written = colon.map { text[..<$0] } ?? ""
        let host = written.isEmpty ? "127.0.0.1" : String(written.filter { $0 != "[" && $0 != "]" })
        guard let port = UInt16(colon.map { text[$0...].dropFirst() } ?? text[...]) else {
            reader.problem("inspect", "must be an address and a port, such as 127.0.0.1:4040 or :4040")
            return nil
        }
        guard LoopbackHost.contains(host) else {
            reader.problem(
                "inspect",
                "must be an address of this machine alone, such as 127.0.0.1:4040: it shows what visitors send, and "
                    + "asks for no password. Reach it from elsewhere with ssh -L")
            return nil
        }
        return LocalInspector.Settings(endpoint: .tcp(host: host, port: port), memoryMiB: memory)
    }

    private static func captures(_ inspector: LocalInspector.Settings) -> CaptureSettings {
        let (seconds, nanoseconds) = unixNow()
        let moment = Int64(clamping: SocketLoop.now().nanoseconds)
        var captures = CaptureSettings(
            unixMillisecondsAtZero: seconds * 1000 + nanoseconds / 1_000_000 - moment / 1_000_000)
        captures.maximumBytes = inspector.memoryMiB * 1024 * 1024
        return captures
    }

    /// The first word of the file that a setting names.
    private static func secretFile(_ path: String, _ reader: inout SettingsReader) -> String? {
        guard let file = reader.tokenFile(path) else { return nil }
        do {
            guard let token = try readSecret(file) else {
                reader.problem(path, "names an empty file")
                return nil
            }
            guard let problem = TokenGrammar.problem(token) else { return token }
            reader.problem(path, "names a file that begins with a token \(problem)")
        } catch {
            reader.problem(path, "names a file that cannot be read: \(error)")
        }
        return nil
    }
}
