// What the command line asks for: help, a check, the demo, or the daemon itself. Exit codes as in sysexits.h: 64 for arguments,
// 78 for settings, 1 for what the machine refuses.

import GatewayKit
import SocketKit

enum GatewayCommand {
    static let version = GatewayConfiguration.programVersion

    static let parser = {
        var parser = CommandLineParser.gatewayd
        for name in ["--listen", "--bind", "--address"] { parser.misnomers[name] = "did you mean --host, or --port?" }
        for name in ["--gateway-token", "--agent-token"] { parser.misnomers[name] = "did you mean --token?" }
        for name in ["--cert", "--certificate", "--tls-cert"] { parser.misnomers[name] = "did you mean --tls-certificate?" }
        parser.misnomers["--key"] = "did you mean --tls-key?"
        for name in ["--email", "--mail"] { parser.misnomers[name] = "did you mean --acme-contact?" }
        for name in ["--state-dir", "--state-directory", "--data"] { parser.misnomers[name] = "did you mean --state?" }
        parser.misnomers["--hostname"] = "did you mean --domain?"
        parser.misnomers["--url"] = "did you mean --public-url?"
        parser.misnomers["--unix-socket"] = "did you mean --unix?"
        return parser
    }()

    static func run(_ arguments: [String]) -> Int32 {
        parser.run(arguments, version: version, describe: describe, load: GatewayDaemonSettings.load) { settings, parsed in
            let usesTLS = parsed.has("--tls")
            if parsed.has("--demo") { return try Demo.run(settings, usesTLS: usesTLS) }
            guard !usesTLS else {
                throw SettingsRefused(problems: ["--tls belongs to --demo; a gateway needs --tls-certificate and --tls-key"])
            }
            var settings = settings
            try settings.openState()
            return try GatewayDaemon(settings, parsed).run()
        }
    }

    private static func describe() -> SettingsDescriber {
        let settings = GatewayDaemonSettings.description(options: parser.settingsOptions)
        return SettingsDescriber(text: settings.text, defaultText: { settings[$0]?.shortDefault })
    }
}

extension CommandLineParser {
    fileprivate static let gatewayd = CommandLineParser(
        program: "gatewayd",
        summary: "The public end of miagent: visitors reach the web services of agents that have no public address.",
        synopsis: [
            "[--config FILE] [options]", "--demo [options]", "--check-config --config FILE",
        ],
        options: CommandLineOption.settingsFile + [
            CommandLineOption(
                name: "--demo", help: "Start a gateway, an agent and a small web service in this process, on loopback."),
            CommandLineOption(name: "--tls", help: "With --demo: speak TLS, with a certificate of its own making."),
            CommandLineOption(
                name: "--domain", valueName: "NAME", settingsPath: "domain",
                help: "Serve https://NAME/ and https://ID.NAME/ for agents, with certificates from a CA."),
            CommandLineOption(
                name: "--state", valueName: "DIR", settingsPath: "stateDirectory",
                help: "Keep certificates and tokens that are made here in DIR."),
            CommandLineOption(
                name: "--acme-directory", valueName: "URL", settingsPath: "acme.directory", help: "Ask this CA."),
            CommandLineOption(
                name: "--acme-ca", valueName: "FILE", settingsPath: "acme.caFile",
                help: "Believe the CA's own server by the authorities in FILE."),
            CommandLineOption(
                name: "--acme-contact", valueName: "MAIL", settingsPath: "acme.contact", help: "Whom the CA may write to."),
            CommandLineOption(
                name: "--host", valueName: "ADDRESS", settingsPath: "host", help: "Listen on ADDRESS."),
            CommandLineOption(
                name: "--port", short: "-p", valueName: "PORT", settingsPath: "port", help: "Listen on PORT."),
            CommandLineOption(
                name: "--unix", valueName: "PATH", settingsPath: "unixSocket", help: "Listen on a Unix socket too."),
            CommandLineOption(
                name: "--tls-certificate", valueName: "FILE", settingsPath: "tls.certificate",
                help: "Speak TLS with the certificate in FILE (PEM, with the intermediate ones)."),
            CommandLineOption(
                name: "--tls-key", valueName: "FILE", settingsPath: "tls.key", help: "The certificate's private key."),
            CommandLineOption(
                name: "--redirect-port", valueName: "PORT", settingsPath: "redirectPort",
                help: "Send visitors of PORT (mostly 80) to https."),
            CommandLineOption(
                name: "--public-url", valueName: "URL", settingsPath: "publicUrl", help: "What pages and agents are told."),
            CommandLineOption(
                name: "--token", valueName: "TOKEN", settingsPath: "gatewayToken",
                help: "What agents must present. Prefer a file or MIAGENT_GATEWAY_TOKEN: other users can see a command line."),
            CommandLineOption(
                name: "--auth-token", valueName: "TOKEN", settingsPath: "channels.webService.authToken",
                help: "What visitors must present."),
            CommandLineOption(
                name: "--loops", valueName: "COUNT", settingsPath: "loops",
                help: "Serve with COUNT threads."),
            CommandLineOption(name: "--log-requests", settingsPath: "logRequests", help: "Log each request."),
        ] + CommandLineOption.common)
}
