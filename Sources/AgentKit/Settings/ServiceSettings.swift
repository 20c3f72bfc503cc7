// The `webService` of the configuration file: one service, as a port, an address, a Unix socket or a folder, or several as
// routes of which each is one of those.
//
// Exactly one kind for each; what belongs to another kind is a problem rather than ignored, since a prefix or a Host that has
// no effect would be looked for in vain.

import MachineCore
import SettingsCore

extension LocalService {
    static func read(from reader: inout SettingsReader, _ folderProblem: (String) -> String?) -> LocalService {
        let isThere = reader.exists("webService")
        let single = ServiceSettings(beneath: "webService.", &reader)
        let hasRoutes = reader.exists("webService.routes")
        let routes = readRoutes(&reader, folderProblem)
        guard isThere else { return .none }
        if hasRoutes {
            if single.isAnyGiven { reader.problem("webService.routes", "cannot stand beside a service or its settings") }
            return routes
        }
        return single.service(of: "webService", alternatives: ", or routes", &reader, folderProblem)
    }

    private static let routesObject = SettingsObject(
        "webService.routes", name: "path",
        "Several services, by the beginning of the path: `{\"/api\": {\"port\": 4000}, \"/\": {\"directory\": \"./public\"}}`. The longest"
            + " one wins and stays in the path.")

    private static func readRoutes(_ reader: inout SettingsReader, _ folderProblem: (String) -> String?) -> LocalService {
        var routes: [RouteToService] = []
        reader.each(routesObject) { prefix, entry in
            let settings = ServiceSettings(beneath: "", &entry)
            let service = settings.service(of: "", alternatives: "", &entry, folderProblem)
            let route = RouteToService(prefix, to: service)
            if !LocalHTTPService.isPath(prefix) {
                entry.problem("", "must be named by a path, such as \"/api\"")
            } else if routes.contains(where: { $0.segments == route.segments }) {
                entry.problem("", "is there twice: a slash at the end changes nothing")
            }
            routes.append(route)
        }
        if routes.isEmpty, reader.exists("webService.routes") {
            reader.problem("webService.routes", "must be an object of routes, such as {\"/\": {\"port\": 4173}}")
        }
        return .routes(routes)
    }
}

/// What is given for one service, each value checked alone.
private struct ServiceSettings {
    /// Put before each key.
    let path: String
    /// The keys that are given among those of which there must be one.
    let kinds: [String]
    let port: Int?
    let url: String?
    let socket: String?
    let directory: String?
    let basePath: String?
    let hostHeader: String?
    let dotFiles: Bool?
    let caFile: String?
    let isInsecure: Bool?

    /// Reads the keys at `path`, which is empty or ends with a dot.
    init(beneath path: String, _ reader: inout SettingsReader) {
        self.path = path
        port = reader.read(.integer(path + "port", in: 1...65_535, "A service on this machine, at 127.0.0.1 or ::1."))
        url = reader.read(
            .text(path + "url", "A service at `http://host:port/path`, at `https://…`, or at `host:port`."))
        socket = reader.read(.file(path + "unix", "A service at a Unix socket."))
        directory = reader.read(
            .file(
                path + "directory",
                "The files of a folder, and no symbolic links; the path counts from where `agentd` was started."))
        basePath = Self.basePath(path + "pathPrefix", &reader)
        hostHeader = Self.hostHeader(path + "hostHeader", &reader)
        dotFiles = reader.read(
            .flag(path + "dotFiles", "With `directory`: whether files whose names begin with a dot are served.")
                .defaulting(to: "`false`"))
        caFile = reader.read(
            .file(
                path + "tls.caFile",
                "With an `https://` url: the authorities that may vouch for the service, in a PEM file, instead of the system's."
            ))
        isInsecure = reader.read(
            .flag(path + "tls.insecure", "With an `https://` url: whether the service may have any certificate.")
                .defaulting(to: "`false`"))
        kinds = ["port", "url", "unix", "directory"].filter { reader.exists(path + $0) }
    }

    var isAnyGiven: Bool {
        !kinds.isEmpty || basePath != nil || hostHeader != nil || dotFiles != nil || caFile != nil || isInsecure != nil
    }

    /// The service, or none after a problem with the key `owner`.
    func service(
        of owner: String, alternatives: String, _ reader: inout SettingsReader, _ folderProblem: (String) -> String?
    ) -> LocalService {
        guard let kind = kinds.first else {
            reader.problem(owner, "needs a port, url, unix or directory\(alternatives): where the web service is")
            return .none
        }
        if kinds.count > 1 {
            reader.problem(
                path + kinds[1], "cannot stand beside \(kind): there must be exactly one of port, url, unix, directory")
            return .none
        }
        if kind != "url" { refuseTLS(&reader) }
        if let directory { return folder(directory, &reader, folderProblem) }
        if dotFiles != nil { reader.problem(path + "dotFiles", "is for a directory") }
        guard let endpoint = endpoint(&reader) else { return .none }
        return .http(httpService(endpoint, &reader))
    }

    private func folder(
        _ directory: String, _ reader: inout SettingsReader, _ folderProblem: (String) -> String?
    ) -> LocalService {
        if basePath != nil { reader.problem(path + "pathPrefix", "is not for a directory") }
        if hostHeader != nil { reader.problem(path + "hostHeader", "is not for a directory") }
        if directory.isEmpty || directory.utf8.contains(0) {
            reader.problem(path + "directory", "must be the path of a folder")
        } else if let problem = folderProblem(directory) {
            reader.problem(path + "directory", problem)
        }
        return .folder(StaticFolder(path: directory, servesDotFiles: dotFiles ?? false))
    }

    // MARK: Web services

    /// Where the service listens; nil after a problem.
    private func endpoint(_ reader: inout SettingsReader) -> ServiceURL? {
        if let port = port.flatMap(UInt16.init(exactly:)) {
            return ServiceURL(endpoint: .tcp(host: "localhost", port: port), basePath: nil, hostText: "localhost:\(port)")
        }
        if let socket {
            if !socket.isEmpty, !socket.utf8.contains(0) {
                return ServiceURL(endpoint: .unix(path: socket), basePath: nil, hostText: "localhost")
            }
            reader.problem(path + "unix", "must be the path of a Unix socket")
        }
        guard let url else { return nil }
        do throws(GatewayURLError) {
            return try ServiceURL(url)
        } catch {
            reader.problem(path + "url", "cannot be used: \(error.reason); it should look like http://127.0.0.1:3000")
            return nil
        }
    }

    private func httpService(_ target: ServiceURL, _ reader: inout SettingsReader) -> LocalHTTPService {
        if basePath != nil, target.basePath != nil {
            reader.problem(path + "pathPrefix", "cannot stand beside a url that has a path of its own")
        }
        var service = LocalHTTPService(
            endpoint: target.endpoint, basePath: basePath ?? target.basePath ?? "/", hostField: hostField(target, &reader))
        service.tls = tls(target, &reader)
        return service
    }

    /// Whom to believe; nil: the service speaks plain HTTP.
    private func tls(_ target: ServiceURL, _ reader: inout SettingsReader) -> ServiceTLS? {
        guard target.isSecure else {
            if kinds.first == "url" { refuseTLS(&reader) }
            return nil
        }
        if isInsecure == true, caFile != nil {
            reader.problem(path + "tls.insecure", "cannot stand beside tls.caFile: nothing of the certificate would be checked")
        }
        return ServiceTLS(caFile: caFile, isInsecure: isInsecure ?? false)
    }

    private func refuseTLS(_ reader: inout SettingsReader) {
        for (key, isGiven) in [("tls.caFile", caFile != nil), ("tls.insecure", isInsecure == true)] where isGiven {
            reader.problem(path + key, "is for a url that begins with https://")
        }
    }

    /// `preserve`, or a text in which `{port}` stands for the port.
    private func hostField(_ target: ServiceURL, _ reader: inout SettingsReader) -> LocalHTTPService.HostField {
        guard let hostHeader else { return .text(target.hostText) }
        if hostHeader == "preserve" { return .preserve }
        let parts = hostHeader.split(separator: "{port}", omittingEmptySubsequences: false)
        guard case .tcp(_, let port) = target.endpoint else {
            if parts.count > 1 { reader.problem(path + "hostHeader", "has {port}, but a Unix socket has none") }
            return .text(hostHeader)
        }
        return .text(parts.joined(separator: "\(port)"))
    }

    // MARK: Values

    private static func basePath(_ path: String, _ reader: inout SettingsReader) -> String? {
        let meaning = "Put before every path, and no path leads out of it; not with `directory`."
        return reader.read(
            Setting.text(path, meaning).defaulting(to: "`/`").checked {
                LocalHTTPService.isPath($0) ? nil : "must be a path such as \"/\" or \"/app\""
            })
    }

    private static func hostHeader(_ path: String, _ reader: inout SettingsReader) -> String? {
        let meaning =
            "What the service sees as `Host`, and as `Origin` and in `Referer` where they named the visitor's own host; `{port}` stands"
            + " for the port, `preserve` for the visitor's own."
        return reader.read(
            Setting.text(path, meaning).defaulting(to: "the service's own address").checked { text in
                let isHost = !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
                return isHost ? nil : "must be a host such as \"localhost:{port}\", or \"preserve\""
            })
    }
}

extension LocalHTTPService {
    /// Whether `text` can be put before a path: begins with a slash, and is visible ASCII without query and fragment.
    static func isPath(_ text: some StringProtocol) -> Bool {
        text.utf8.first == UInt8(ascii: "/")
            && text.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }
}
