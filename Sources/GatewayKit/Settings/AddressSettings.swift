// Settings that are addresses, ranges of them, or origins of visitors' connections.

import SettingsCore

extension Setting<[AddressRange]> {
    /// Addresses and ranges of them; one that makes no sense names itself.
    static func ranges(_ path: String, _ meaning: String) -> Setting {
        Setting<[String]>.texts(path, meaning).parsed(ranges)
    }

    /// From where visitors may come; an empty list would allow everybody rather than no one, and is refused.
    static func allowed(_ path: String, _ meaning: String) -> Setting {
        Setting<[String]>.texts(path, meaning).parsed { texts, refuse in
            if texts.isEmpty { refuse("must not be an empty list; leave it out to allow everybody") }
            return ranges(texts, refuse)
        }
    }

    private static func ranges(_ texts: [String], _ refuse: (String) -> Void) -> [AddressRange] {
        texts.compactMap { text in
            let range = AddressRange(text)
            if range == nil {
                let shown = text.unicodeScalars.prefix(60).filter { $0.isASCII && $0.value > 0x20 }
                let wanted = "an address or a range such as \"192.0.2.0/24\" or \"2001:db8::/32\""
                refuse("holds \"\(String(String.UnicodeScalarView(shown)))\", which is not \(wanted)")
            }
            return range
        }
    }
}

extension GatewayConfiguration {
    /// The name that all others follow from, unless they are set.
    public static func domain(from reader: inout SettingsReader) -> String? {
        reader.read(
            Setting.text(
                "domain",
                "The gateway's host name, such as `gw.example.com`. Short for that name in `publicUrl` (https) and"
                    + " `channels.webService.subdomainHost`, port 443, and certificates from a CA, unless these are set; tokens that"
                    + " are not set are made at the first start, and kept."
            ).parsed(HostName.parse).onReload(.restart))
    }

    mutating func follow(domain: String) {
        publicURL = "https://" + domain
        web.subdomainHost = domain
    }

    mutating func readAddresses(from reader: inout SettingsReader) {
        reader.read(
            Setting.text(
                "publicUrl",
                "The address that pages and agents are told; with a path if a proxy in front of the gateway takes one off."
            ).defaulting(to: "from `Host`").parsed { url, refuse in
                guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
                    refuse("must begin with http:// or https://")
                    return nil
                }
                return url.hasSuffix("/") ? String(url.dropLast()) : url
            }, into: &publicURL)
        reader.read(
            .ranges("trustedProxies", "Addresses and ranges (or `unix`) of proxies whose `X-Forwarded-*` fields count."),
            into: &trustedProxies)
        readProxyProtocol(from: &reader)
    }

    /// Only a trusted proxy is asked for the header, so without one no connection could have it.
    private mutating func readProxyProtocol(from reader: inout SettingsReader) {
        let path = "proxyProtocol"
        let choice: ProxyProtocol = reader.read(
            .choice(
                path,
                "The listeners at which trusted proxies must say whose a connection is before its first byte (PROXY protocol 1 or 2)."
            ),
            default: proxyProtocol)
        guard choice != .off else { return }
        if trustedProxies.isEmpty {
            reader.problem(path, "needs trustedProxies, the addresses of the proxies that send the header")
        } else if choice == .unix, !trustedProxies.contains(NetworkAddress.local) {
            reader.problem(path, "needs \"unix\" among trustedProxies, or nobody at the Unix socket is asked for the header")
        }
        proxyProtocol = choice
    }
}
