// Connections that proxies hand on as they came (PROXY protocol): whose one is, is said before its first byte, and from then on it is that
// client's, for logs, lists, limits and `X-Forwarded-For` alike. Until then there is no visitor.
//
// Only a trusted proxy is asked for the header, and it has to come, within the time for a head; what another peer says so is no HTTP. A
// client of a Unix socket of the proxy's counts as one of ours (`unix`): it is trusted only where such are.

import HTTPCodec
import MachineCore

/// On which listeners trusted proxies say whose a connection is before its first byte.
public enum ProxyProtocol: String, Sendable, Hashable, CaseIterable {
    /// On none.
    case off
    /// On addresses.
    case tcp
    /// On the Unix socket.
    case unix
    /// On all.
    case all

    fileprivate func isSpoken(by peer: NetworkAddress) -> Bool {
        switch self {
        case .off: false
        case .tcp: peer != .local
        case .unix: peer == .local
        case .all: true
        }
    }
}

/// Connections of which it is not known yet whose they are.
struct ProxiedConnections: Sendable {
    /// What has come of the header of each, and the proxy's address.
    private var headers: [ConnectionID: (decoder: ProxyHeaderDecoder, peer: String)] = [:]

    var isEmpty: Bool { headers.isEmpty }
    var count: Int { headers.count }

    mutating func add(_ id: ConnectionID, peer: String) { headers[id] = (ProxyHeaderDecoder(), peer) }

    /// The proxy's address, if the connection is one of these and no more from now on.
    mutating func remove(_ id: ConnectionID) -> String? { headers.removeValue(forKey: id)?.peer }

    mutating func removeAll() -> [ConnectionID] {
        defer { headers = [:] }
        return Array(headers.keys)
    }

    /// Takes more of a header. Whose the connection is, and what came after the header; nil: not known yet, or none of these.
    mutating func receive(
        _ id: ConnectionID, _ bytes: ArraySlice<UInt8>
    ) throws(ProxyHeaderError) -> (peer: String, rest: [UInt8])? {
        guard let peer = headers[id]?.peer, let header = try headers[id]?.decoder.receive(bytes) else { return nil }
        let client = try Self.client(header, of: peer)
        let rest = Array(headers[id]?.decoder.rest ?? [])
        headers[id] = nil
        return (client, rest)
    }

    private static func client(_ header: ProxyHeader, of peer: String) throws(ProxyHeaderError) -> String {
        switch header {
        case .local: return peer
        case .unix: return NetworkAddress.local.text
        case .address(let text, let isVersion6):
            guard let address = NetworkAddress(text), (text.utf8.contains(UInt8(ascii: ":"))) == isVersion6 else {
                throw ProxyHeaderError("its PROXY line holds an address that is none")
            }
            return address.text
        }
    }
}

extension Gateway {
    /// Whether the connection's first bytes are to say whose it is; then it is no visitor's yet.
    mutating func awaitsProxyHeader(_ id: ConnectionID, peer: String, _ now: Moment, _ outputs: inout Outputs) -> Bool {
        guard configuration.proxyProtocol != .off, let address = NetworkAddress(peer),
            configuration.proxyProtocol.isSpoken(by: address), configuration.trustedProxies.contains(address)
        else { return false }
        guard !isDraining, neighbours.connections(beside: loop, census) < configuration.limits.maximumConnections else {
            outputs.append(.transport(.abort(id)))
            return true
        }
        proxied.add(id, peer: peer)
        deadlines.set(.proxyHeader(id), at: now.advanced(by: configuration.limits.headTimeout))
        return true
    }

    /// Whether these bytes are those of a connection of which it is not known yet whose it is. Once it is, it is a visitor's.
    mutating func receiveProxyHeader(
        _ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ now: Moment, _ outputs: inout Outputs
    ) -> Bool {
        guard deadlines[.proxyHeader(id)] != nil else { return false }
        do throws(ProxyHeaderError) {
            guard let (peer, rest) = try proxied.receive(id, bytes) else { return true }
            deadlines.cancel(.proxyHeader(id))
            acceptVisitor(id, peer: peer, now, &outputs)
            if !rest.isEmpty { receiveFromVisitor(id, rest[...], now, &outputs) }
        } catch {
            refuseProxied(id, "\(error)", &outputs)
        }
        return true
    }

    /// The header did not come, or is none.
    mutating func refuseProxied(_ id: ConnectionID, _ reason: String, _ outputs: inout Outputs) {
        let peer = proxied.remove(id)
        deadlines.cancel(.proxyHeader(id))
        log(.warning, "proxy.refused", [.init("peer", peer ?? ""), .init("reason", reason)], &outputs)
        outputs.append(.transport(.abort(id)))
    }

    /// The connection is gone, or ends before it is known whose it is; false: it is none of these.
    mutating func loseProxied(_ id: ConnectionID) -> Bool {
        guard proxied.remove(id) != nil else { return false }
        deadlines.cancel(.proxyHeader(id))
        return true
    }

    /// Nobody new any more.
    mutating func dropProxied(_ outputs: inout Outputs) {
        for id in proxied.removeAll() {
            deadlines.cancel(.proxyHeader(id))
            outputs.append(.transport(.abort(id)))
        }
    }
}
