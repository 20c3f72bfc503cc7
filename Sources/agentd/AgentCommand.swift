// What the command line asks for: help, a check, or the daemon itself. Exit codes as in sysexits.h.

import AgentKit
import RPCCore
import SocketKit

enum AgentCommand {
    static let parser = CommandLineParser(
        program: "agentd",
        summary: "The private end of miagent: makes a web service or a folder on this machine reachable through a gateway.",
        synopsis: [
            "PORT|URL|DIRECTORY --gateway ws://HOST/agent --token TOKEN --id ID", "--config FILE [options]",
            "--check-config --config FILE",
        ],
        options: [
            CommandLineOption(
                name: "--config", short: "-c", valueName: "FILE", help: "Read settings from FILE (JSON with comments)."),
            CommandLineOption(name: "--check-config", help: "Check the settings, say what is wrong, and exit."),
            CommandLineOption(
                name: "--gateway", short: "-g", valueName: "URL", settingsPath: "gatewayUrl",
                help: "Where the gateway is: ws://HOST/agent."),
            CommandLineOption(
                name: "--token", short: "-t", valueName: "TOKEN", settingsPath: "gatewayToken",
                help: "What the gateway asks for. Prefer a file or MIAGENT_GATEWAY_TOKEN: other users can see a command line."),
            CommandLineOption(name: "--id", valueName: "ID", settingsPath: "agentId", help: "What visitors put into the URL."),
            CommandLineOption(
                name: "--type", valueName: "TEXT", settingsPath: "type", help: "For the status page, such as pi-coding."),
            CommandLineOption(name: "--model", valueName: "TEXT", settingsPath: "model", help: "For the status page."),
            CommandLineOption(
                name: "--path-prefix", valueName: "PATH", settingsPath: "webService.pathPrefix",
                help: "Put before every path on the way to the service (default /)."),
            CommandLineOption(
                name: "--host-header", valueName: "TEXT", settingsPath: "webService.hostHeader",
                help: "What the service sees as Host: a text, or preserve (default localhost:PORT)."),
            CommandLineOption(
                name: "--protocol", valueName: "VERSION", settingsPath: "protocol",
                help: "The highest tunnel version: v1 or v2 (default v2)."),
            CommandLineOption(name: "--log-requests", settingsPath: "logRequests", help: "Print a line for each request."),
            CommandLineOption(
                name: "--log-level", valueName: "LEVEL", settingsPath: "logLevel",
                help: "debug, info, warning or error (default info)."),
            CommandLineOption(
                name: "--log-format", valueName: "FORMAT", settingsPath: "logFormat", help: "text or json (default text)."),
            CommandLineOption(name: "--help", short: "-h", help: "Show this help and exit."),
            CommandLineOption(name: "--version", short: "-V", help: "Show the version and exit."),
        ],
        positional: CommandLinePositional(
            valueName: "SERVICE", count: 0...1,
            help: "A web service's port on this machine, its address (http://HOST:PORT), or a folder whose files are served."))

    static func run(arguments: [String]) -> Int32 {
        let words: ParsedCommandLine
        do {
            words = try parser.parse(arguments)
        } catch {
            printError("agentd: \(error)\ntry agentd --help")
            return ExitCode.usage
        }
        if words.has("--help") { return say(parser.help) }
        if words.has("--version") { return say("agentd \(AgentConfiguration.programVersion)") }
        do {
            let settings = try AgentDaemonSettings.load(words)
            if words.has("--check-config") { return say("the settings are in order") }
            return try AgentDaemon(settings).run()
        } catch let error as SettingsRefused {
            printError(error.description)
            return ExitCode.configuration
        } catch {
            printError("agentd: \(error)")
            return ExitCode.runtime
        }
    }

    private static func say(_ text: String) -> Int32 {
        print(text)
        return ExitCode.ok
    }
}

/// Settings that cannot be used, each with its place.
struct SettingsRefused: Error, CustomStringConvertible {
    var problems: [String]
    var description: String { problems.joined(separator: "\n") }
}
