// Where the gateway listens: `host`, `port` and `tls`, or a list of them (`listeners`); a port that sends its visitors to
// https; a Unix socket.

import MachineCore
import SettingsCore
import SocketKit

/// Where clients connect, and how.
struct ListenerSettings: Sendable, Hashable {
    var endpoint: Endpoint
    /// What TLS is made of; nil: clients speak plain HTTP.
    var tls: TLSFiles?
    /// Visitors are sent to the first listener with TLS.
    var redirects = false
    /// Nobody asked for it by name: the gateway serves without it too.
    var isOptional = false

    /// Whether another machine could connect.
    var isReachableFromOutside: Bool {
        switch endpoint {
        case .tcp(let host, _): !LoopbackHost.contains(host)
        case .unix: false
        }
    }

    /// Whether every loop listens there.
    var isShared: Bool {
        switch endpoint {
        case .tcp: !redirects
        case .unix: false
        }
    }
}

extension GatewayDaemonSettings {
    /// First those that every loop listens on, so that a listener has the same number on each.
    mutating func readListeners(_ reader: inout SettingsReader, isDemo: Bool) {
        let usualHost = isDemo ? "127.0.0.1" : "0.0.0.0"
        let single = Self.single(&reader, usualHost, hasDomain: certificates.domain != nil)
        let list = Self.list(&reader, usualHost)
        if reader.exists("listeners") {
            let own = ["host", "port", "tls.certificate", "tls.key", "tls.certificates", "tls.auto", "tls.clientCA"]
            for path in own where reader.exists(path) {
                reader.problem(path, "cannot be beside listeners, each of which says its own")
            }
        }
        listeners = list.isEmpty ? [single] : list
        readRedirect(&reader)
        let path = reader.read(.file("unixSocket", "A Unix socket to listen on too.").onReload(.restart))
        if let path { listeners.append(ListenerSettings(endpoint: .unix(path: path))) }
    }

    /// The listener without a list.
    private static func single(
        _ reader: inout SettingsReader, _ usualHost: String, hasDomain: Bool
    ) -> ListenerSettings {
        let host = reader.read(host, default: usualHost)
        let port = reader.read(
            .integer("port", in: 0...65_535, "The port to listen on; 0: any free one; with `domain` 443 if it is not set.")
                .onReload(.restart), default: 3_000)
        let isUsual = hasDomain && !reader.exists("port")
        let tls = TLSFiles(from: &reader, isAutomaticByDefault: hasDomain)
        return ListenerSettings(endpoint: .tcp(host: host, port: isUsual ? 443 : UInt16(clamping: port)), tls: tls)
    }

    private static func list(_ reader: inout SettingsReader, _ usualHost: String) -> [ListenerSettings] {
        var all: [ListenerSettings] = []
        let list = SettingsList("listeners", "Several addresses to listen on, instead of `host`, `port` and `tls`.")
        let count = reader.eachElement(of: list) { _, reader in
            let host = reader.read(host, default: usualHost)
            let port = reader.read(
                .integer("port", in: 0...65_535, "The port to listen on; must be given.").onReload(.restart))
            if port == nil, !reader.exists("port") { reader.problem("port", "is required") }
            let endpoint = Endpoint.tcp(host: host, port: UInt16(clamping: port ?? 0))
            all.append(ListenerSettings(endpoint: endpoint, tls: TLSFiles(from: &reader)))
        }
        if count == 0 { reader.problem(list.path, "must not be an empty list") }
        return all
    }

    private mutating func readRedirect(_ reader: inout SettingsReader) {
        let path = "redirectPort"
        let port = reader.read(
            .integer(
                path, in: 0...65_535,
                "A port for plain HTTP, such as 80, whose visitors are sent to the first listener with TLS (308), or to `publicUrl`'s"
                    + " port; 0: any free one."
            ).defaulting(to: "none; with `domain` 80, if it is free").onReload(.restart))
        let isAutomatic = certificates.domain != nil && listeners.contains { $0.tls?.isAutomatic == true }
        guard let wanted = port ?? (isAutomatic ? 80 : nil) else { return }
        guard case .tcp(let host, _) = listeners.first(where: { $0.tls != nil })?.endpoint else {
            return reader.problem(path, "needs a listener with TLS: tls.certificate and tls.key, or tls.auto")
        }
        let endpoint = Endpoint.tcp(host: host, port: UInt16(clamping: wanted))
        listeners.append(ListenerSettings(endpoint: endpoint, redirects: true, isOptional: port == nil))
    }

    private static var host: Setting<String> {
        Setting.text(
            "host", "The address to listen on: a literal address (IPv6 with brackets or without) or `localhost`."
        ).parsed(host, written: { .string($0) }).onReload(.restart)
    }

    /// Where to listen: a literal address, IPv6 with brackets or without, or `localhost`. A name that a resolver knows is
    /// refused: it may mean another machine, or several addresses.
    private static func host(_ text: String, _ refuse: (String) -> Void) -> String? {
        if text.lowercased() == "localhost" { return text }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        let host = isBracketed ? String(text.dropFirst().dropLast()) : text
        if isLiteralAddress(host), !isBracketed || host.contains(":") { return host }
        refuse("must be an address of this machine without a port, such as 0.0.0.0, 127.0.0.1 or ::1; the port is port")
        return nil
    }
}
