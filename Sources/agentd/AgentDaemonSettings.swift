// The settings: AgentKit's, and beside them what only a process can have: a secret file, logs, what goes to standard output.

import AgentKit
import MachineCore
import RPCCore
import SocketKit

struct AgentDaemonSettings {
    var agent: AgentConfiguration
    var log: LogWriter
    /// Whether each request is a line on standard output.
    var printsRequests: Bool
    var drain: Duration
    /// What the live view is drawn on; nil: lines are written instead.
    var terminal: Terminal?
    /// Whether the terminal is sent colours (https://no-color.org).
    var usesColours: Bool

    /// From the file that the words name, the environment and the words themselves.
    static func load(_ words: ParsedCommandLine) throws -> AgentDaemonSettings {
        var environment = environmentVariables()
        let file = try words.settingsFile(orVariable: "MIAGENT_CONFIG", in: &environment)
        var flags = words.settings.map { SettingsFlag(name: $0.flag, path: $0.path, value: $0.value) }
        if let word = words.positionals.first { flags.append(flag(forService: word)) }
        var reader = SettingsReader(file: file, environment: environment, flags: flags, ignoredEnvironment: ["MIAGENT_CONFIG"])
        // A person at a terminal wants to see what comes in; a service writes what its log is told to.
        let settings = read(&reader, environment, printsByDefault: file == nil || isTerminal(1))
        let problems = reader.finish()
        guard problems.isEmpty, let settings else {
            throw SettingsRefused(problems: problems.map(\.description))
        }
        return settings
    }

    /// A port, an address or a folder, by its form.
    private static func flag(forService word: String) -> SettingsFlag {
        if word.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return SettingsFlag(name: "PORT", path: "webService.port", value: word)
        }
        if word.contains("://") { return SettingsFlag(name: "URL", path: "webService.url", value: word) }
        return SettingsFlag(name: "DIRECTORY", path: "webService.directory", value: word)
    }

    private static func read(
        _ reader: inout SettingsReader, _ environment: [String: String], printsByDefault: Bool
    ) -> AgentDaemonSettings? {
        let secret = secretFile("gatewayTokenFile", &reader)
        let configuration = AgentConfiguration.read(from: &reader, folderProblem: FolderServer.problem)
        let prints = reader.flag("logRequests") ?? printsByDefault
        let drain = reader.integer("drainMs", in: 0...3_600_000) ?? 10_000
        let level = reader.choice("logLevel", among: LogRecord.Level.allCases.map(\.name))
        let format = reader.choice("logFormat", among: LogWriter.Format.allCases.map(\.rawValue))
        let log = LogWriter(level: level, format: format)
        let terminal = terminal(&reader, environment)
        guard var agent = configuration else { return nil }
        if let secret { agent.token = secret }
        if agent.description.host.isEmpty { agent.description.host = hostName() }
        return AgentDaemonSettings(
            agent: agent, log: log, printsRequests: prints, drain: .milliseconds(drain), terminal: terminal,
            usesColours: environment["NO_COLOR", default: ""].isEmpty)
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

    /// The first word of the file that a setting names.
    private static func secretFile(_ path: String, _ reader: inout SettingsReader) -> String? {
        guard let file = reader.text(path) else { return nil }
        do {
            if let token = try readSecret(file) { return token }
            reader.problem(path, "names an empty file")
        } catch {
            reader.problem(path, "names a file that cannot be read: \(error)")
        }
        return nil
    }
}
