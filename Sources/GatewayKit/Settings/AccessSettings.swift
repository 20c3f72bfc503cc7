// Who may visit what, as the configuration file says it (README, "Configuration"). What contradicts itself is refused: an opening that is
// meant is said aloud, and then there is nothing beside it that closes the same door.

import SettingsCore
import TunnelLink

extension GatewayConfiguration {
    /// Addresses and ranges of them; one that makes no sense names itself.
    static func ranges(_ path: String, _ reader: inout SettingsReader) -> [AddressRange] {
        (reader.texts(path) ?? []).compactMap { text in
            let range = AddressRange(text)
            if range == nil {
                let shown = text.unicodeScalars.prefix(60).filter { $0.isASCII && $0.value > 0x20 }
                let wanted = "an address or a range such as \"192.0.2.0/24\" or \"2001:db8::/32\""
                reader.problem(path, "holds \"\(String(String.UnicodeScalarView(shown)))\", which is not \(wanted)")
            }
            return range
        }
    }
}

extension GatewayConfiguration {
    mutating func readNames(from reader: inout SettingsReader) {
        reservedAgents = reader.texts("reservedAgents")
        if reservedAgents?.allSatisfy({ AgentDescription.isValidID($0) }) == false {
            reader.problem("reservedAgents", "must hold ids, such as \"www\": 1 to 64 of A-Z a-z 0-9 . _ - each")
        }
        agentOrigins = (reader.texts("agentOrigins") ?? []).map { $0.lowercased() }
        if !agentOrigins.allSatisfy(AgentOrigin.isOrigin) {
            reader.problem("agentOrigins", "must hold origins as browsers send them, such as \"https://console.example.com\"")
        }
    }
}

extension GatewayConfiguration {
    /// From where visitors may come; a list of nobody would be one of everybody.
    static func allowed(_ path: String, _ reader: inout SettingsReader) -> [AddressRange] {
        if reader.texts(path)?.isEmpty == true {
            reader.problem(path, "must not be an empty list; leave it out to allow everybody")
        }
        return ranges(path, &reader)
    }
}

extension GatewayConfiguration {
    /// Only a trusted proxy is asked for the header, so without one there is nobody who could send it.
    mutating func readProxyProtocol(from reader: inout SettingsReader) {
        let path = "proxyProtocol"
        guard let name = reader.choice(path, among: ProxyProtocol.allCases.map(\.rawValue)),
            let choice = ProxyProtocol(rawValue: name), choice != .off
        else { return }
        if trustedProxies.isEmpty {
            reader.problem(path, "needs trustedProxies, the addresses of the proxies that send the header")
        } else if choice == .unix, !trustedProxies.contains(NetworkAddress.local) {
            reader.problem(path, "needs \"unix\" among trustedProxies, or nobody at the Unix socket is asked for the header")
        }
        proxyProtocol = choice
    }
}

extension AgentAccess {
    mutating func readDoor(from reader: inout SettingsReader) {
        if let flag = reader.flag("public") { isPublic = flag }
        if isPublic, !authTokens.isEmpty { reader.problem("public", "cannot be true beside an authToken of the same agent") }
        allow = GatewayConfiguration.allowed("allow", &reader)
    }
}

extension StatusPageConfiguration {
    mutating func readDoor(from reader: inout SettingsReader) {
        if let flag = reader.flag("statusPage.public") { isPublic = flag }
        if isPublic, !authTokens.isEmpty { reader.problem("statusPage.public", "cannot be true beside statusPage.authToken") }
    }
}

extension WebConfiguration {
    mutating func readDoor(from reader: inout SettingsReader) {
        let base = "channels.webService."
        if let flag = reader.flag(base + "public") { isPublic = flag }
        if isPublic, !authTokens.isEmpty { reader.problem(base + "public", "cannot be true beside \(base)authToken") }
        allow = GatewayConfiguration.allowed(base + "allow", &reader)
        if let flag = reader.flag(base + "byPath") { routesByPath = flag }
        if !routesByPath, subdomainHost == nil {
            reader.problem(base + "byPath", "can be false only if \(base)subdomainHost says how else agents are reached")
        }
    }
}

extension LoginConfiguration {
    mutating func read(from reader: inout SettingsReader) {
        if let count = reader.integer("login.sessionHours", in: 1...8_760) { session = .seconds(count * 3_600) }
        if let count = reader.integer("login.attemptsPerMinute", in: 0...1_000_000) { attemptsPerMinute = count }
    }
}
