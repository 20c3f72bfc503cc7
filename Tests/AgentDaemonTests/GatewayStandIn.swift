// A gateway that speaks TLS and asks everybody for a token, and an HTTP proxy that leads to it, on one loop.

import MachineCore
import SocketKit

/// Both of them, turned by the test.
final class GatewayStandIn {
    /// The gateway's port on loopback.
    let port: UInt16
    /// The proxy's.
    let proxyPort: UInt16
    /// The request lines that the proxy got.
    private(set) var tunnels: [String] = []

    private let loop: SocketLoop
    private let gatewayListener: Int
    private var gatewayConnections: Set<ConnectionID> = []
    /// The other side of each connection of the proxy.
    private var peers: [ConnectionID: ConnectionID] = [:]
    private var waiting: [DialID: ConnectionID] = [:]

    /// A gateway with this TLS; nil: plain HTTP.
    init(_ settings: TLSServerSettings?) throws {
        loop = try SocketLoop()
        let gateway = try loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let proxy = try loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        if let settings { try loop.setTLS(settings, for: gateway) }
        gatewayListener = gateway.index
        (port, proxyPort) = (Self.port(of: gateway.endpoint), Self.port(of: proxy.endpoint))
    }

    private static func port(of endpoint: Endpoint) -> UInt16 {
        switch endpoint {
        case .tcp(_, let port): port
        case .unix: 0
        }
    }

    /// Does what there is to do, without a wait.
    func turn() throws {
        try loop.turn(until: Moment()) { take($0) }
        loop.flush { take($0) }
    }

    private func take(_ event: TransportEvent) {
        switch event {
        case .accepted(let id, _, let listener): if listener == gatewayListener { gatewayConnections.insert(id) }
        case .received(let id, let bytes): take(bytes, from: id)
        case .connected(let dial, let id):
            guard let client = waiting.removeValue(forKey: dial) else { return }
            (peers[id], peers[client]) = (client, id)
            write("HTTP/1.1 200 Connection established\r\n\r\n", to: client)
        case .closed(let id, _): if let peer = peers.removeValue(forKey: id) { loop.perform(.close(peer)) }
        case .secured, .dialFailed, .receivedEOF, .wrote: break
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>, from id: ConnectionID) {
        if gatewayConnections.contains(id) {
            write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", to: id)
        } else if let peer = peers[id] {
            loop.perform(.write(peer, bytes))
        } else {
            let line = String(decoding: bytes.prefix { $0 != 0x0d }, as: UTF8.self)
            tunnels.append(line)
            let dial = DialID(rawValue: UInt64(tunnels.count))
            waiting[dial] = id
            loop.perform(.dial(dial, .tcp(host: "127.0.0.1", port: port)))
        }
    }

    private func write(_ text: String, to id: ConnectionID) { loop.perform(.write(id, Array(text.utf8)[...])) }
}
