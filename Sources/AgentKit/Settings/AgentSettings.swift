// The settings of an agent (Docs/Configuration.md), each checked where it is read. Problems are kept by the reader; the default
// then stands in the place of what was wrong, so that all problems show at once.
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
            gateway: gateway?.url ?? .unknown,
            description: AgentDescription(agentID: agentID ?? "", servesWeb: service != .none),
            service: service)
        configuration.isNamedAfterMachine = namesake != nil
        configuration.hasDefaultPath = gateway?.hasDefaultPath == true
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
        "webService.enabled": "webService.port", "mask": "tunnel.mask", "ca": "tls.caFile", "caFile": "tls.caFile",
        "tls.ca": "tls.caFile", "pin": "tls.pin", "tls.pins": "tls.pin", "insecure": "tls.insecure",
        "tls.verify": "tls.insecure",
        "certificate": "tls.certificate", "cert": "tls.certificate", "tls.cert": "tls.certificate",
    ]

    private static func readAgentID(from reader: inout SettingsReader, default namesake: String?) -> String? {
        let setting = Setting.text(
            "agentId", "What visitors put into the address: 1 to 64 of `A–Z a–z 0–9 . _ -`, not beginning with a dot.")
        guard
            let id = reader.read(setting.defaulting(to: "the machine's name").onReload(.reconnects)) ?? namesake
        else {
            if !reader.exists("agentId") { reader.problem("agentId", "is required (--id): visitors find the agent under it") }
            return nil
        }
        if AgentDescription.isValidID(id) { return id }
        reader.problem("agentId", "must be 1 to 64 of A-Z a-z 0-9 . _ - and not begin with a dot")
        return nil
    }

    private static func readGateway(from reader: inout SettingsReader) -> (url: GatewayURL, hasDefaultPath: Bool)? {
        let setting = Setting.text(
            "gatewayUrl",
            "Where the gateway is: `wss://host/agent`, or `ws://host/agent` without TLS; `https://`, `http://` and `host:port` (TLS on"
                + " port 443) mean the same; `/agent` is the default path.")
        guard let text = reader.read(setting.defaulting(to: "none: required").onReload(.reconnects)) else {
            if !reader.exists("gatewayUrl") {
                reader.problem("gatewayUrl", "is required, such as wss://gateway.example.com/agent (--gateway)")
            }
            return nil
        }
        do throws(GatewayURLError) {
            return (try GatewayURL(text), GatewayURL.hasDefaultPath(text))
        } catch {
            reader.problem("gatewayUrl", "is not an address: \(error)")
            return nil
        }
    }

    private mutating func readDescription(from reader: inout SettingsReader) {
        reader.read(
            .text("type", "What kind of agent it is, for the status page.").onReload(.reconnects), into: &description.type)
        reader.read(.text("model", "Which model it uses, for the status page."), into: &description.model)
        reader.read(
            .text("host", "Which machine it is on, for the status page.").defaulting(to: "the machine's name")
                .onReload(.reconnects), into: &description.host)
        reader.read(
            .flag("inspectAtGateway", "Whether the gateway's inspector is asked to record what passes.").onReload(.reconnects),
            into: &description.wantsInspection)
    }

    private mutating func readToken(from reader: inout SettingsReader) {
        reader.read(
            .token("gatewayToken", "What the gateway asks for.").defaulting(to: "none").onReload(.nextConnection), into: &token)
    }

    private mutating func readLimits(from reader: inout SettingsReader) {
        reader.read(
            .choice("protocol", among: [.v1, .v2], { "v\($0.rawValue)" }, "The highest version of the tunnel to offer.")
                .onReload(.reconnects), into: &highestVersion)
        reader.read(
            .choice(
                "tunnel.mask",
                "How data to the gateway is masked: `random` as RFC 6455 asks, `zero` with a key that changes nothing and costs less, if"
                    + " the gateway takes it; `auto`: zero over `wss://`, random over `ws://`."
            ).onReload(.nextConnection), into: &mask)
        let broken = TunnelFailure.serviceBroken.inTables
        reader.fixedLimits += fixedLimits
        reader.read(
            .integer("maxExchanges", in: 1...65_535, "Requests at once.").beyond(TunnelFailure.tooManyStreams.inTables),
            into: &maximumExchanges)
        reader.read(
            .integer(
                "maxHeldBytes", in: 1 << 20...1 << 40, unit: .bytes,
                "Bytes of requests that services do not take, and of responses that the gateway does not take."
            ).beyond("a request: reset \(ResetReason.overran.rawValue); responses: no service is read"),
            into: &maximumHeldBytes)
        reader.read(
            .integer("maxPooledConnections", in: 0...65_535, "Idle connections to services that are kept.").beyond(Self.closed),
            into: &maximumPooledConnections)
        http.setHead(
            bytes: reader.read(
                .integer(
                    "maxHeadBytes", in: 1_024...1 << 17, unit: .bytes,
                    "The largest status line, and the largest field section of a service's response."
                ).beyond(broken),
                default: http.maximumStartLineBytes))
        reader.read(
            .integer("maxFields", in: 16...4_096, "Fields of a service's response.").beyond(broken),
            into: &http.maximumFieldCount)
        readTimes(from: &reader)
    }

    private mutating func readTimes(from reader: inout SettingsReader) {
        let hour = 3_600_000
        reader.read(
            .milliseconds("pingMs", in: 100...hour, "Between pings, until the gateway says otherwise.")
                .beyond("a ping is sent"), into: &pingInterval)
        reader.read(
            .milliseconds("pongTimeoutMs", in: 100...hour, "How long any byte may take after a ping.").beyond(Self.dialsAgain),
            into: &pongTimeout)
        reader.read(
            .milliseconds("connectTimeoutMs", in: 1...hour, "How long a connection to the gateway or a service may take.")
                .beyond("\(Self.dialsAgain); a service: \(TunnelFailure.serviceUnreachable.inTables)"),
            into: &connectTimeout)
        reader.read(
            .milliseconds("poolIdleMs", in: 0...hour, "How long an idle connection to a service is kept.").beyond(Self.closed),
            into: &poolIdleTimeout)
        reader.read(
            .milliseconds(
                "responseTimeoutMs", in: 0...86_400_000,
                "How long a service may take to the head of its response; 0: as long as the gateway waits."
            ).beyond(TunnelFailure.serviceTimedOut.inTables), into: &responseHeadTimeout)
    }

    private static let closed = "the connection is closed"
    private static let dialsAgain = "the gateway is dialled again"

    /// The limits that no setting changes. Those of the tunnel are the gateway's too.
    private var fixedLimits: [LimitDescription] {
        let broken = TunnelFailure.serviceBroken.inTables
        return [
            .fixed(
                http.maximumChunkLineBytes, unit: .bytes, "The line before a chunk of a response, with its extensions.",
                beyond: broken),
            .fixed(http.maximumTrailerBytes, unit: .bytes, "The trailer section of a response.", beyond: broken),
            .fixed(upgradeTimeout, "How long the gateway may take to respond to the handshake.", beyond: Self.dialsAgain),
            .fixed(
                registrationTimeout, "How long the gateway may take to respond to `agent.register`.", beyond: Self.dialsAgain),
        ]
    }
}

extension TunnelFailure {
    /// As tables have it: `error -32012`.
    fileprivate var inTables: String { "error \(rawValue)" }
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
