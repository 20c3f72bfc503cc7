// Where a web service is, as people write it: an address in the settings, or the one argument of the command line, which may be
// a port, an address or a folder. A folder whose name looks like an address is written with a path before it: `./a:1`.

import MachineCore
import SettingsCore

/// Where a web service is, taken from `http://host[:port][/path]`, the same with `https://`, or `host:port[/path]` as people
/// say it.
struct ServiceURL {
    var endpoint: Endpoint
    /// Nil if the address has none.
    var basePath: String?
    /// What stands in the `Host` field (RFC 9110 §7.2): the port, unless it is the scheme's own.
    var hostText: String
    /// Whether TLS is asked for.
    var isSecure = false

    init(endpoint: Endpoint, basePath: String?, hostText: String) {
        self.endpoint = endpoint
        self.basePath = basePath
        self.hostText = hostText
    }

    /// Refuses other schemes, what `GatewayURL` refuses of a host, and a query or fragment.
    init(_ text: String) throws(GatewayURLError) {
        let text = Authority.isHostAndPort(text) ? "http://" + text : text
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw GatewayURLError(reason: "it has a blank or a character that is not plain ASCII")
        }
        guard let scheme = ["http://", "https://"].first(where: { text.prefix($0.count).lowercased() == $0 }) else {
            throw GatewayURLError(reason: "only http:// and https:// are spoken to a web service")
        }
        isSecure = scheme == "https://"
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw GatewayURLError(reason: "it has a user or a password") }
        guard path.isEmpty || LocalHTTPService.isPath(path) else { throw GatewayURLError(reason: "it has more than a path") }
        let defaultPort: UInt16 = isSecure ? 443 : 80
        let (host, port) = try Authority.split(authority, defaultPort: defaultPort)
        endpoint = .tcp(host: host, port: port)
        basePath = path.isEmpty || path == "/" ? nil : String(path)
        let full = LocalHTTPService.hostText(of: endpoint)
        hostText = port == defaultPort ? String(full.dropLast("\(port)".count + 1)) : full
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
