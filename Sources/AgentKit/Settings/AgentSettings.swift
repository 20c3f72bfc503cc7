// The agent's configuration file (README, "Configuration"): those of the original v1 and ours, each checked where it is read.
// Problems are kept by the reader; the default then stands in the place of what was wrong, so that all problems show at once.
//
// `webService` is in ServiceSettings. `gatewayTokenFile`, `logLevel` and the like are the daemon's to read: they need files and
// a terminal.

import HTTPCodec
import SettingsCore
import TunnelLink

extension AgentConfiguration {
    /// Reads the configuration. Nil, after a problem that says so, if there is no agent id or no gateway to speak of.
    /// `machineName`: what an agent is called that was given no id. `folderProblem` says why a folder cannot be served, or nil;
    /// unless it is given, none is looked at.
    public static func read(
        from reader: inout SettingsReader, machineName: String? = nil, folderProblem: (String) -> String? = { _ in nil }
    ) -> AgentConfiguration? {
        reader.misnomers = misnomers
        let namesake = reader.exists("agentId") ? nil : machineName.flatMap(AgentDescription.id(ofMachine:))
        let agentID = readAgentID(from: &reader, default: namesake)
        let gateway = readGateway(from: &reader)
        let service = LocalService.read(from: &reader, folderProblem)
        var configuration = AgentConfiguration(
            gateway: gateway ?? .unknown, description: AgentDescription(agentID: agentID ?? "", servesWeb: service != .none),
            service: service)
        configuration.isNamedAfterMachine = namesake != nil
        configuration.readDescription(from: &reader)
        configuration.readToken(from: &reader)
        configuration.readLimits(from: &reader)
        return agentID == nil || gateway == nil ? nil : configuration
    }

    /// What people write for the keys that they mean.
    private static let misnomers = [
        "id": "agentId", "name": "agentId", "agent": "agentId", "gateway": "gatewayUrl", "url": "gatewayUrl",
        "server": "gatewayUrl", "token": "gatewayToken", "authToken": "gatewayToken", "tokenFile": "gatewayTokenFile",
        "authTokenFile": "gatewayTokenFile", "port": "webService.port", "service": "webService", "web": "webService",
        "folder": "webService.directory", "routes": "webService.routes", "webService.path": "webService.pathPrefix",
        "webService.folder": "webService.directory",
        "webService.socket": "webService.unix", "webService.address": "webService.url", "webService.host": "webService.url",
        "webService.enabled": "webService.port",
    ]

    private static func readAgentID(from reader: inout SettingsReader, default namesake: String?) -> String? {
        guard let id = reader.text("agentId") ?? namesake else {
            if !reader.exists("agentId") { reader.problem("agentId", "is required (--id): visitors find the agent under it") }
            return nil
        }
        if AgentDescription.isValidID(id) { return id }
        reader.problem("agentId", "must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot")
        return nil
    }

    private static func readGateway(from reader: inout SettingsReader) -> GatewayURL? {
        guard let text = reader.text("gatewayUrl") else {
            if !reader.exists("gatewayUrl") {
                reader.problem("gatewayUrl", "is required, such as ws://gateway.example.com/agent (--gateway)")
            }
            return nil
        }
        do throws(GatewayURLError) {
            let gateway = try GatewayURL(text)
            if gateway.isSecure { reader.problem("gatewayUrl", "cannot be used: \(noTLS)") }
            return gateway
        } catch {
            reader.problem("gatewayUrl", "is not an address: \(error)")
            return nil
        }
    }

    private mutating func readDescription(from reader: inout SettingsReader) {
        reader.text("type", into: &description.type)
        reader.text("model", into: &description.model)
        reader.text("host", into: &description.host)
        if let flag = reader.flag("inspectAtGateway") { description.wantsInspection = flag }
    }

    private mutating func readToken(from reader: inout SettingsReader) {
        if let token = reader.token("gatewayToken") { self.token = token }
    }

    private mutating func readLimits(from reader: inout SettingsReader) {
        switch reader.choice("protocol", among: ["v1", "v2"]) {
        case "v1": highestVersion = .v1
        case .some, nil: break
        }
        reader.integer("maxExchanges", in: 1...65_535, into: &maximumExchanges)
        reader.integer("maxHeldBytes", in: 1 << 20...1 << 40, into: &maximumHeldBytes)
        reader.integer("maxPooledConnections", in: 0...65_535, into: &maximumPooledConnections)
        if let count = reader.integer("maxHeadBytes", in: 1_024...1 << 17) { http.setHead(bytes: count) }
        reader.integer("maxFields", in: 16...4_096, into: &http.maximumFieldCount)
        let times: [(String, ClosedRange<Int>, WritableKeyPath<AgentConfiguration, Duration>)] = [
            ("pingMs", 100...3_600_000, \.pingInterval), ("pongTimeoutMs", 100...3_600_000, \.pongTimeout),
            ("connectTimeoutMs", 1...3_600_000, \.connectTimeout), ("poolIdleMs", 0...3_600_000, \.poolIdleTimeout),
            ("responseTimeoutMs", 0...86_400_000, \.responseHeadTimeout),
        ]
        for (path, range, field) in times {
            if let count = reader.integer(path, in: range) { self[keyPath: field] = .milliseconds(count) }
        }
    }
}

extension AgentDescription {
    /// The id of an agent that is called after its machine: the first label of the host's name in small letters, and a dash for
    /// what no host name has, so that it can be a host name's label too. Nil if the machine has no name that tells it from
    /// others.
    static func id(ofMachine name: String) -> String? {
        var id = ""
        for byte in name.utf8.prefix(while: { $0 != UInt8(ascii: ".") }).prefix(63) {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                id.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): id.unicodeScalars.append(Unicode.Scalar(byte | 0x20))
            default: if !id.isEmpty, id.last != "-" { id += "-" }
            }
        }
        if id.last == "-" { id.removeLast() }
        return id.isEmpty || id == "localhost" ? nil : id
    }
}
