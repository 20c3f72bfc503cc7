// Listeners for plain HTTP whose visitors are sent to https: everything gets a 308 (RFC 9110 §15.4.9) to the same address.
// The host is the one that was asked for, as nginx has it (`return 308 https://$host$request_uri`): whoever sends a request can
// but send itself elsewhere. A certificate authority that checks a name asks here too, beneath one path, and gets its response
// (RFC 8555 §8.3).

import HTTPCodec

/// Which listeners redirect, and what they respond.
struct HTTPSRedirect: Sendable {
    /// The port of https, by the number of the listener.
    private var ports: [Int: UInt16] = [:]
    /// What a certificate authority is to find: key authorisations by token.
    var challenges: [String: String] = [:]

    /// Requests at `listener` are sent to `port`.
    mutating func redirect(_ listener: Int, to port: UInt16) { ports[listener] = port }

    /// The port that requests at `listener` are sent to; nil: they are served.
    func port(of listener: Int) -> UInt16? { ports.isEmpty ? nil : ports[listener] }

    /// The response to any request at such a listener. `publicURL` names the port where it is not the one that we listen on.
    func response(to request: VisitorRequest, port: UInt16, publicURL: String?) -> OwnResponse {
        guard let target = request.target else { return .error(.notFound, to: request) }
        if let authorization = challenge(at: target.path) {
            return OwnResponse(200, type: "application/octet-stream", body: Array(authorization.utf8))
        }
        let url = publicURL?.lowercased() ?? ""
        let isKnown = url.hasPrefix("https://")
        let authority = GatewayConfiguration.authority(of: url)
        guard let host = Self.host(request.head.fields[.host] ?? "") ?? (isKnown ? Self.host(String(authority)) : nil) else {
            return .error(.notFound, to: request)
        }
        let suffix = isKnown ? Self.portSuffix(authority) : port == 443 ? "" : ":\(port)"
        var location = Array("https://\(host)\(suffix)".utf8) + target.path
        if let query = target.query { location += [UInt8(ascii: "?")] + query }
        var response = OwnResponse.text(308, "This is at https://\(host)\(suffix)/\n")
        // A target may hold a byte that no field may.
        guard (try? response.fields.append(.location, bytes: location[...])) != nil else {
            return .error(.notFound, to: request)
        }
        return response
    }

    private func challenge(at path: some Collection<UInt8>) -> String? {
        guard !challenges.isEmpty, path.starts(with: Self.challengePath) else { return nil }
        return challenges[String(decoding: path.dropFirst(Self.challengePath.count), as: UTF8.self)]
    }

    private static let challengePath = Array("/.well-known/acme-challenge/".utf8)

    /// `Host` without its port; nil if it is neither a host name nor a literal address.
    private static func host(_ text: String) -> String? {
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let inner = text[text.index(after: text.startIndex)..<end]
            guard NetworkAddress(inner)?.family == .six else { return nil }
            return String(text[...end])
        }
        var name = text.prefix { $0 != ":" }.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        return HostName.isHostName(name) || NetworkAddress(name)?.family == .four ? name : nil
    }

    /// `:8443` of an authority that says so.
    private static func portSuffix(_ authority: Substring) -> String {
        guard let colon = authority.lastIndex(of: ":") else { return "" }
        return authority[colon...].dropFirst().allSatisfy(\.isNumber) ? String(authority[colon...]) : ""
    }
}

extension Gateway {
    /// What a client gets that speaks plain HTTP where TLS is spoken; whoever owns the sockets sends it as it is.
    public static let responseToPlainHTTP: [UInt8] = {
        let text = "This port speaks HTTPS: ask for https:// instead of http:// (an agent: for wss:// instead of ws://).\n"
        let head = [
            "HTTP/1.1 400 Bad Request", "Server: miagent", "Content-Type: text/plain; charset=utf-8",
            "Content-Length: \(text.utf8.count)", "Connection: close",
        ]
        return Array((head.joined(separator: "\r\n") + "\r\n\r\n" + text).utf8)
    }()
}
