// The WebSocket upgrade from the client's side (RFC 6455 §4.1): the request, and what is made of the gateway's response.
//
// A 101 is accepted only with Upgrade, Connection, the right Sec-WebSocket-Accept, no extension, and no subprotocol or one that
// was offered; without one the tunnel is v1. Every other response becomes text for people. Bytes after the 101 belong to the
// tunnel and are handed over.

import HTTPCodec
import MachineCore
import TunnelLink
import WireWS

/// One upgrade that awaits its response.
struct Handshake: Sendable {
    enum Outcome: Sendable, Hashable {
        /// Needs more bytes.
        case incomplete
        /// The tunnel's version, and the bytes that came after the head.
        case accepted(TunnelVersion, unread: ArraySlice<UInt8>)
        case refused(Refusal)
    }

    /// Of a refusal's body, as much as is worth reading.
    private static let maximumBodyCount = 2048

    private let key: String
    private let highestVersion: TunnelVersion
    private let target: String
    private let hasToken: Bool
    private let isSecure: Bool
    private var decoder: HTTPResponseDecoder
    /// The final response, if it is not 101; its body follows.
    private var response: HTTPResponseHead?
    private var body: [UInt8] = []
    /// Nothing has come yet.
    private var isFirst = true

    /// The upgrade for an agent with this configuration; `key` is fresh (`WSHandshake.makeKey`).
    init(_ configuration: AgentConfiguration, key: String) {
        self.key = key
        highestVersion = configuration.highestVersion
        target = configuration.gateway.target
        hasToken = configuration.token != nil
        isSecure = configuration.gateway.isSecure
        decoder = HTTPResponseDecoder(limits: configuration.http)
        decoder.expectResponse(to: "GET")
    }

    /// The request's bytes.
    func request(_ configuration: AgentConfiguration) throws(HTTPFieldError) -> [UInt8] {
        let gateway = configuration.gateway
        let mark = gateway.target.utf8.contains(UInt8(ascii: "?")) ? "&" : "?"
        var fields = HTTPFields()
        try fields.append(.host, gateway.hostField)
        try fields.append(.upgrade, "websocket")
        try fields.append(.connection, "Upgrade")
        try fields.append(.secWebSocketKey, key)
        try fields.append(.secWebSocketVersion, "13")
        try fields.append(.secWebSocketProtocol, TunnelVersion.offer(upTo: highestVersion))
        try fields.append(.userAgent, "miagent/\(AgentConfiguration.programVersion)")
        if let token = configuration.token { try fields.append(.authorization, "Bearer \(token)") }
        let head = HTTPRequestHead(
            method: "GET", target: "\(gateway.target)\(mark)agentId=\(configuration.description.agentID)", fields: fields)
        var bytes: [UInt8] = []
        try head.encode(into: &bytes)
        return bytes
    }

    /// Bytes of the response.
    mutating func receive(_ bytes: ArraySlice<UInt8>) -> Outcome {
        if isFirst, !isSecure, TLSRecord.begins(bytes) { return .refused(Refusal(reason: Self.isTLS)) }
        isFirst = false
        decoder.receive(bytes)
        return progress()
    }

    /// The gateway sends no more.
    mutating func receiveEOF() -> Outcome {
        decoder.receiveEOF()
        let outcome = progress()
        return outcome == .incomplete ? .refused(timeoutRefusal(after: "the connection ended")) : outcome
    }

    /// What to say when no more can be waited for: at least what was understood of a refusal.
    func timeoutRefusal(after event: String) -> Refusal {
        response.map { refusal($0) } ?? Refusal(reason: "\(event) before the gateway answered the WebSocket upgrade")
    }

    private mutating func progress() -> Outcome {
        do throws(HTTPDecodeError) {
            while let event = try decoder.next() {
                switch event {
                case .head(let head, _):
                    if head.status == 101 { return check(head) }
                    if !head.isInformational { response = head }
                case .body(let piece):
                    body.append(contentsOf: piece.prefix(Self.maximumBodyCount - body.count))
                    if body.count == Self.maximumBodyCount, let response { return .refused(refusal(response)) }
                case .end:
                    if let response { return .refused(refusal(response)) }
                case .closed: return .refused(timeoutRefusal(after: "the connection ended"))
                }
            }
            return .incomplete
        } catch {
            return .refused(response.map { refusal($0) } ?? Refusal(reason: "the gateway's response is not HTTP: \(error)"))
        }
    }

    // MARK: 101

    /// RFC 6455 §4.1, the numbered list on the server's response.
    private mutating func check(_ head: HTTPResponseHead) -> Outcome {
        func broken(_ what: String) -> Outcome {
            .refused(Refusal(reason: "the gateway's 101 \(what); is there a proxy between that does not know WebSocket?"))
        }
        guard head.fields.containsToken("websocket", in: .upgrade) else { return broken("does not upgrade to websocket") }
        guard head.fields.containsToken("upgrade", in: .connection) else { return broken("has no Connection: Upgrade") }
        guard head.fields[.secWebSocketAccept] == WSHandshake.accept(forKey: key) else {
            return broken("has a wrong Sec-WebSocket-Accept")
        }
        guard !head.fields.contains(.secWebSocketExtensions) else { return broken("uses an extension that was not offered") }
        let selected = head.fields.all(.secWebSocketProtocol)
        guard let name = selected.first else { return .accepted(.v1, unread: decoder.takeUnread()) }
        guard selected.count == 1, let version = TunnelVersion(subprotocol: Latin1.string(name)), version <= highestVersion
        else {
            return broken("selects a subprotocol that was not offered")
        }
        return .accepted(version, unread: decoder.takeUnread())
    }

    // MARK: Anything else

    private func refusal(_ head: HTTPResponseHead) -> Refusal {
        let detail = self.detail(head).map { ": \($0)" } ?? ""
        switch head.status {
        case 401, 403:
            let reason =
                hasToken
                ? "the gateway refuses the token (\(head.status))\(detail); check gatewayToken"
                : "the gateway asks for a token (\(head.status))\(detail); set gatewayToken"
            return Refusal(reason: reason, retry: .slowly)
        case 300...399:
            let place = head.fields[.location].map { " to \(Self.safe($0.utf8))" } ?? ""
            let isToTLS = !isSecure && head.fields[.location]?.lowercased().hasPrefix("https://") == true
            let advice = isToTLS ? "wss:// instead of ws:// in gatewayUrl?" : "put the right address into gatewayUrl"
            return Refusal(reason: "the gateway redirects (\(head.status))\(place); \(advice)")
        case 409:
            let advice = "choose another agentId, or stop the other"
            return Refusal(reason: "the gateway does not take an agent of this id (409)\(detail); \(advice)", retry: .slowly)
        case 426: return Refusal(reason: "a proxy before the gateway broke the WebSocket handshake (426): \(Self.proxyAdvice)")
        case 400 where !isSecure && isAboutTLS: return Refusal(reason: Self.isTLS)
        case 400 where head.fields[Self.errorMark] == nil:
            return Refusal(
                reason:
                    "the WebSocket handshake is refused (400)\(detail); if a proxy is before the gateway: \(Self.proxyAdvice)")
        case 404, 405:
            let path = target.prefix { $0 != "?" }
            return Refusal(reason: "no gateway takes agents at \(path) (\(head.status))\(detail); check gatewayUrl")
        case 200...299:
            return Refusal(reason: "\(head.status) instead of a WebSocket: this is no gateway; check gatewayUrl")
        case 502...504 where head.fields[Self.errorMark] == nil:
            return Refusal(reason: "a proxy in front responded (\(head.status))\(detail); is gatewayd running behind it?")
        default:
            return Refusal(reason: "the gateway responded with \(head.status)\(detail)")
        }
    }

    private static let errorMark: HTTPFieldName = "x-miagent-error"
    /// A WebSocket handshake needs fields that proxies do not pass on by themselves (RFC 9110 §7.6.1).
    private static let proxyAdvice =
        "it must pass on Upgrade and Connection; in nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
        + "proxy_set_header Connection upgrade. HAProxy and Caddy do unless told otherwise"
    private static let isTLS = "TLS is spoken at this address of the gateway: wss:// instead of ws://?"

    /// Whether the text of a refusal says that TLS was expected, as those of nginx, Go and Apache do.
    private var isAboutTLS: Bool { String(decoding: body, as: UTF8.self).contains("HTTPS") }

    /// The gateway's own error code, and the first line of its text if it is meant to be read as it is.
    private func detail(_ head: HTTPResponseHead) -> String? {
        let code = head.fields[Self.errorMark].map { Self.safe($0.utf8) }
        let isText = head.fields.first(.contentType)?.starts(with: "text/plain".utf8) ?? false
        let line = isText ? Self.safe(body.prefix { $0 != 0x0a }) : ""
        let parts = [code, line.isEmpty ? nil : line].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: ", ").asClause
    }

    /// Printable ASCII, not too much of it: text of an untrusted peer in our log.
    private static func safe(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.lazy.filter { (0x20...0x7e).contains($0) }.prefix(200), as: UTF8.self)
    }
}
