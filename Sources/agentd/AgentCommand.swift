// What the command line asks for: help, a check, or the daemon itself. Exit codes as in sysexits.h.

import AgentKit
import SocketKit

enum AgentCommand {
    static let parser = {
        var parser = CommandLineParser.agentd
        let service = "where the service is stands alone, as in: agentd 4173"
        for name in ["--port", "--url", "--service", "--directory", "--dir", "--folder", "--unix"] {
            parser.misnomers[name] = service
        }
        for name in ["--agent-id", "--agent", "--name"] { parser.misnomers[name] = "did you mean --id?" }
        for name in ["--gateway-token", "--auth-token"] { parser.misnomers[name] = "did you mean --token?" }
        for name in ["--cacert", "--ca", "--tls-ca"] { parser.misnomers[name] = "did you mean --ca-file?" }
        for name in ["--cert", "--certificate"] { parser.misnomers[name] = "did you mean --tls-certificate?" }
        for name in ["--no-verify", "--tls-insecure"] { parser.misnomers[name] = "did you mean --insecure?" }
        for name in ["--server", "--remote"] { parser.misnomers[name] = "did you mean --gateway?" }
        return parser
    }()

    static func run(_ arguments: [String]) -> Int32 {
        parser.run(
            arguments, version: AgentConfiguration.programVersion, describe: describe, load: AgentDaemonSettings.load
        ) { settings, parsed in
            try AgentDaemon(settings, parsed).run()
        }
    }

    private static func describe() -> SettingsDescriber {
        let settings = AgentDaemonSettings.description(options: parser.settingsOptions)
        return SettingsDescriber(text: settings.text, defaultText: { settings[$0]?.shortDefault })
    }
}

extension CommandLineParser {
    fileprivate static let agentd = CommandLineParser(
        program: "agentd",
        summary: "The private end of miagent: makes a web service or a folder on this machine reachable through a gateway.",
        synopsis: [
            "PORT|URL|DIRECTORY --gateway URL [--token TOKEN] [--id ID]", "--config FILE [options]",
            "--check-config --config FILE",
        ],
        options: CommandLineOption.settingsFile + [
            CommandLineOption(
                name: "--gateway", short: "-g", valueName: "URL", settingsPath: "gatewayUrl",
                help: "Where the gateway is: wss://HOST/agent, https://HOST or HOST:PORT; ws:// without TLS."),
            CommandLineOption(
                name: "--token", short: "-t", valueName: "TOKEN", settingsPath: "gatewayToken",
                help: "What the gateway asks for. Prefer a file or MIAGENT_GATEWAY_TOKEN: other users can see a command line."),
            CommandLineOption(
                name: "--id", valueName: "ID", settingsPath: "agentId",
                help: "What visitors put into the URL."),
            CommandLineOption(
                name: "--type", valueName: "TEXT", settingsPath: "type", help: "For the status page, such as pi-coding."),
            CommandLineOption(name: "--model", valueName: "TEXT", settingsPath: "model", help: "For the status page."),
            CommandLineOption(
                name: "--path-prefix", valueName: "PATH", settingsPath: "webService.pathPrefix",
                help: "Put before every path on the way to the service."),
            CommandLineOption(
                name: "--host-header", valueName: "TEXT", settingsPath: "webService.hostHeader",
                help: "What the service sees as Host: a text, or preserve."),
            CommandLineOption(
                name: "--service-insecure", settingsPath: "webService.tls.insecure",
                help: "Take any certificate of a service at https://, as one in development has."),
            CommandLineOption(
                name: "--protocol", valueName: "VERSION", settingsPath: "protocol",
                help: "The highest tunnel version: v1 or v2."),
        ] + tls + [
            CommandLineOption(name: "--log-requests", settingsPath: "logRequests", help: "Print a line for each request."),
            CommandLineOption(
                name: "--inspect", valueName: "ADDRESS", settingsPath: "inspect",
                help: "Show requests and responses in a browser on this machine, at an address such as :4040."),
            CommandLineOption(name: "--qr", settingsPath: "qr", help: "Show the public URL as a QR code, for a phone."),
            CommandLineOption(
                name: "--view", valueName: "VIEW", settingsPath: "view",
                help: "auto: live on a terminal, else plain lines; or live, or plain."),
        ] + CommandLineOption.common,
        positional: CommandLinePositional(
            valueName: "SERVICE", count: 0...1,
            help:
                "A web service's port on this machine, its address (HOST:PORT, http://… or https://…), or a folder whose files are served."
        ))

    private static let tls = [
        CommandLineOption(
            name: "--ca-file", valueName: "FILE", settingsPath: "tls.caFile",
            help: "The authorities that may vouch for the gateway, as PEM, instead of the system's."),
        CommandLineOption(
            name: "--pin", valueName: "SHA256", settingsPath: "tls.pin", isRepeatable: true,
            help: "The gateway's public key: sha256: and 64 digits; without --ca-file the key alone counts."),
        CommandLineOption(
            name: "--tls-certificate", valueName: "FILE", settingsPath: "tls.certificate",
            help: "A certificate to present to the gateway, as PEM."),
        CommandLineOption(
            name: "--tls-key", valueName: "FILE", settingsPath: "tls.key", help: "The certificate's private key, as PEM."),
        CommandLineOption(
            name: "--insecure", settingsPath: "tls.insecure",
            help: "Take any certificate of the gateway: for a trial, since whoever is on the way can read everything."),
        CommandLineOption(
            name: "--proxy", short: "-x", valueName: "URL", settingsPath: "proxy",
            help:
                "Dial the gateway by way of http://[USER:PASSWORD@]HOST:PORT, or of none. MIAGENT_PROXY keeps a password from others."
        ),
    ]
}
