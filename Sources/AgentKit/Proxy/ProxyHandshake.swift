// CONNECT (RFC 9110 §9.3.6): asks a proxy for a way to the gateway, over which TLS or the WebSocket upgrade then goes as if
// there were no proxy. Bytes in, an outcome out; the head of the response is bounded, and no body is read.
//
// A proxy that says more than its head before we have said anything is refused: nothing can come from a gateway that has not
// been spoken to.

import HTTPCodec
import MachineCore
import RPCCore

/// One CONNECT that awaits its response.
struct ProxyHandshake: Sendable {
    enum Outcome: Sendable, Hashable {
        /// Needs more bytes.
        case incomplete
        /// From now on the bytes are the gateway's.
        case passed
        case refused(Refusal)
    }

    private let proxy: ProxyURL
    /// `host:port` of the gateway (RFC 9112 §3.2.3).
    private let target: String
    private var decoder: HTTPResponseDecoder
    /// Nothing has come yet.
    private var isFirst = true

    init(_ proxy: ProxyURL, to gateway: GatewayURL, _ limits: HTTPLimits) {
        self.proxy = proxy
        let host = gateway.host.utf8.contains(UInt8(ascii: ":")) ? "[\(gateway.host)]" : gateway.host
        target = "\(host):\(gateway.port)"
        decoder = HTTPResponseDecoder(limits: limits)
        decoder.expectResponse(to: "CONNECT")
    }

    /// The request's bytes. Hosts have no character that could end a line, and base64 neither.
    var request: [UInt8] {
        let authorization = proxy.authorization.map { "Proxy-Authorization: \($0)\r\n" } ?? ""
        let agent = "User-Agent: miagent/\(AgentConfiguration.programVersion)\r\n"
        return Array("CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n\(agent)\(authorization)\r\n".utf8)
    }

    /// Bytes of the response.
    mutating func receive(_ bytes: ArraySlice<UInt8>) -> Outcome {
        if isFirst, let other = other(bytes) { return .refused(Refusal(reason: "\(name) \(other)", retry: .slowly)) }
        isFirst = false
        decoder.receive(bytes)
        do throws(HTTPDecodeError) {
            while let event = try decoder.next() {
                guard case .head(let head, _) = event else { return .refused(ended) }
                if head.isInformational, head.status != 101 { continue }
                return (200...299).contains(head.status) ? pass() : .refused(refusal(head))
            }
            return .incomplete
        } catch {
            return .refused(Refusal(reason: "\(name) is no HTTP proxy: \(error)", retry: .slowly))
        }
    }

    /// What to say when the connection ended.
    func endRefusal(_ error: String?) -> Refusal {
        error.map { Refusal(reason: "\(name) broke the connection: \($0.asClause)") } ?? ended
    }

    /// What to say when no more can be waited for.
    func timeoutRefusal(after duration: Duration) -> Refusal {
        Refusal(reason: "no response of \(name) to CONNECT \(target) within \(duration)")
    }

    private var name: String { "the proxy \(proxy.hostAndPort)" }
    private var ended: Refusal { Refusal(reason: "\(name) closed the connection before it responded to CONNECT \(target)") }

    /// What the proxy is if it is none for HTTP, by the first bytes that it sends; nil: it may be one.
    private func other(_ bytes: ArraySlice<UInt8>) -> String? {
        if TLSRecord.begins(bytes) { return "speaks TLS, which is not supported: name a port where it speaks plain HTTP" }
        switch bytes.first {
        case 0, 4, 5: return "is no HTTP proxy, but one for SOCKS, it seems: name its port for HTTP"
        default: return nil
        }
    }

    private mutating func pass() -> Outcome {
        if decoder.takeUnread().isEmpty { return .passed }
        return .refused(Refusal(reason: "\(name) sent something that nobody asked for after its response to CONNECT"))
    }

    private func refusal(_ head: HTTPResponseHead) -> Refusal {
        switch head.status {
        case 407: return Refusal(reason: "\(name) \(authentication(head)) (407)", retry: .slowly)
        case 401, 403:
            let advice = "many let nobody to another port than 443, or to names that their list has not"
            return Refusal(reason: "\(name) does not let us to \(target) (\(head.status)); \(advice)", retry: .slowly)
        case 400, 404, 405, 501:
            let advice = "is it one that takes CONNECT? Without a proxy: --proxy none"
            return Refusal(reason: "\(name) does not understand CONNECT (\(head.status)); \(advice)", retry: .slowly)
        case 500...599:
            return Refusal(
                reason: "\(name) does not reach \(target) (\(head.status)); is gatewayd running there, on this port?")
        default:
            return Refusal(reason: "\(name) responded to CONNECT with \(head.status); without a proxy: --proxy none")
        }
    }

    /// What a proxy wants that asks who we are (RFC 9110 §11.7.1).
    private func authentication(_ head: HTTPResponseHead) -> String {
        let schemes = head.fields.all(.proxyAuthenticate).map { value in
            String(
                decoding: value.prefix { $0 > 0x20 && $0 != UInt8(ascii: ",") }.filter { $0 < 0x7f }.prefix(20), as: UTF8.self)
        }
        if !schemes.isEmpty, !schemes.contains(where: { $0.lowercased() == "basic" }) {
            let list = schemes.prefix(4).joined(separator: ", ")
            return "wants \(list), and agentd speaks Basic alone: put a proxy between that speaks it, such as cntlm or px"
        }
        return proxy.hasCredentials
            ? "refuses the user or the password: check them where the proxy is named"
            : "asks for a user and a password: write http://user:password@\(proxy.hostAndPort) where it is named (--proxy)"
    }
}
