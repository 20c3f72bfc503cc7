// Where a web service is, as people write it: an address in the settings, or the one argument of the command line, which may be
// a port, an address or a folder. A folder whose name looks like an address is written with a path before it: `./a:1`.

import MachineCore
import SettingsCore

/// Where a web service is, taken from `http://host[:port][/path]`, or `host:port[/path]` as people say it.
struct ServiceURL {
    var endpoint: Endpoint
    /// Nil if the address has none.
    var basePath: String?
    /// What stands in the `Host` field (RFC 9110 §7.2): the port, unless it is the scheme's own.
    var hostText: String

    init(endpoint: Endpoint, basePath: String?, hostText: String) {
        self.endpoint = endpoint
        self.basePath = basePath
        self.hostText = hostText
    }

    /// Refuses other schemes, what `GatewayURL` refuses of a host, and a query or fragment.
    init(_ text: String) throws(GatewayURLError) {
        let scheme = "http://"
        let text = Authority.isHostAndPort(text) ? scheme + text : text
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw GatewayURLError(reason: "it has a blank or a character that is not plain ASCII")
        }
        guard text.prefix(scheme.count).lowercased() == scheme else {
            let isTLS = text.lowercased().hasPrefix("https://")
            throw GatewayURLError(
                reason: isTLS
                    ? "agentd speaks plain HTTP to a web service, not https://"
                    : "only http:// is spoken to a web service")
        }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw GatewayURLError(reason: "it has a user or a password") }
        guard path.isEmpty || LocalHTTPService.isPath(path) else { throw GatewayURLError(reason: "it has more than a path") }
        let (host, port) = try Authority.split(authority, defaultPort: 80)
        let endpoint = Endpoint.tcp(host: host, port: port)
        let hostText = LocalHTTPService.hostText(of: endpoint)
        self.init(
            endpoint: endpoint, basePath: path.isEmpty || path == "/" ? nil : String(path),
            hostText: port == 80 ? String(hostText.dropLast(3)) : hostText)
    }
}

extension SettingsFlag {
    /// The setting that the argument `SERVICE` of a command line gives, by its form: a port (`4173`, `:4173`), an address
    /// (`http://host:port/path`, `host:port`, `localhost`), else a folder.
    public static func service(_ argument: String) -> SettingsFlag {
        let digits = argument.first == ":" ? argument.dropFirst() : argument[...]
        if !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return SettingsFlag(name: "PORT", path: "webService.port", value: String(digits))
        }
        if argument.lowercased() == "localhost" {
            return SettingsFlag(name: "URL", path: "webService.url", value: "http://\(argument)")
        }
        if argument.contains("://") || Authority.isHostAndPort(argument) {
            return SettingsFlag(name: "URL", path: "webService.url", value: argument)
        }
        return SettingsFlag(name: "DIRECTORY", path: "webService.directory", value: argument)
    }
}
