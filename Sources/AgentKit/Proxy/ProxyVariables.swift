// Which proxy the environment names for a gateway, by the rules of curl: `https_proxy` and `HTTPS_PROXY` for TLS, `http_proxy`
// without (in small letters alone: a CGI script is given `HTTP_PROXY` by whoever asks it), else `all_proxy` and `ALL_PROXY`;
// a variable in small letters before the same in capitals, and an empty one is none. `no_proxy` lists who is dialled directly.
//
// Beyond curl: this machine itself is never dialled by way of another, and an entry of `no_proxy` may name a port, or begin
// with `*.`.

import MachineCore
import Primitives

/// The environment's variables about proxies.
public struct ProxyVariables: Sendable {
    private let variables: [String: String]

    /// What a process's environment says of proxies.
    public init(_ environment: [String: String]) { variables = environment }

    /// The variable that names a proxy for `gateway`; nil: it is dialled directly.
    public func name(for gateway: GatewayURL) -> String? {
        if LoopbackHost.contains(gateway.host) { return nil }
        let names = (gateway.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]) + ["all_proxy", "ALL_PROXY"]
        guard let name = names.first(where: { value($0) != nil }) else { return nil }
        let list = value("no_proxy") ?? value("NO_PROXY") ?? ""
        return NoProxyList(list).contains(host: gateway.host, port: gateway.port) ? nil : name
    }

    /// What the variable says; nil if it says nothing.
    public func value(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
}

/// Who is dialled without a proxy.
struct NoProxyList: Sendable {
    private let entries: [Substring]

    /// The entries of `text`, parted by commas or blanks.
    init(_ text: String) { entries = text.split { $0 == "," || $0.isWhitespace } }

    func contains(host: String, port: UInt16) -> Bool {
        // A zone (RFC 4007 §11) says which way, not who.
        let address = IPAddress(host.prefix { $0 != "%" })
        let name = Self.name(host[...])
        return entries.contains { entry in
            if entry == "*" { return true }
            if let address { return Self.has(entry, address, port) }
            return Self.has(entry, name: name, port)
        }
    }

    /// Whether `entry` is the address, or a range that it is in (RFC 4632 §3.1).
    private static func has(_ entry: Substring, _ address: IPAddress, _ port: UInt16) -> Bool {
        let parts = withoutPort(entry, port).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let own = IPAddress(first.filter { $0 != "[" && $0 != "]" }) else { return false }
        guard parts.count == 2 else { return own == address }
        guard let length = Int(parts[1]), length >= 0 else { return false }
        switch (own, address) {
        case (.four(let own), .four(let other)): return length <= 32 && (own ^ other) >> UInt32(32 - length) == 0
        case (.six(let own), .six(let other)): return length <= 128 && (own ^ other) >> UInt128(128 - length) == 0
        case (.four, .six), (.six, .four): return false
        }
    }

    /// Whether `entry` is the name, or a domain that it is in.
    private static func has(_ entry: Substring, name: String, _ port: UInt16) -> Bool {
        var domain = withoutPort(entry, port)
        if domain.hasPrefix("*.") { domain = domain.dropFirst() }
        if domain.hasPrefix(".") { domain = domain.dropFirst() }
        let own = self.name(domain)
        return !own.isEmpty && (name == own || name.hasSuffix(".\(own)"))
    }

    /// In small letters, without the dot of the root.
    private static func name(_ text: Substring) -> String { (text.hasSuffix(".") ? text.dropLast() : text).lowercased() }

    /// The entry without the port, if that is `port`; with another one it is for nobody that we know.
    private static func withoutPort(_ entry: Substring, _ port: UInt16) -> Substring {
        guard let colon = entry.lastIndex(of: ":"), entry[..<colon].contains("]") || entry.firstIndex(of: ":") == colon else {
            return entry
        }
        return entry[colon...].dropFirst() == "\(port)" ? entry[..<colon] : ""
    }
}
