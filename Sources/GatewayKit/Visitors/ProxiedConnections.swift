// Connections that proxies hand on as they came (PROXY protocol): whose one is, is said before its first byte, and from then on
// it is that client's, for logs, lists, limits and `X-Forwarded-For` alike. Until then there is no visitor.
//
// Only a trusted proxy is asked for the header, and it has to come, within the time for a head; what another peer says so is no
// HTTP. A client of a Unix socket of the proxy's counts as one of ours (`unix`): it is trusted only where such are.

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

    /// Whether a connection from `peer` begins with a header.
    func isSpoken(by peer: NetworkAddress) -> Bool {
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
    /// What has come of the header of each, the proxy's address, and where its requests are sent to.
    private var headers: [ConnectionID: (decoder: ProxyHeaderDecoder, peer: String, redirectPort: UInt16?)] = [:]
    private var deadlines = Deadlines<ConnectionID>()

    var isEmpty: Bool { headers.isEmpty }
    var count: Int { headers.count }
    var nextDeadline: Moment? { deadlines.next }

    func contains(_ id: ConnectionID) -> Bool { headers[id] != nil }

    mutating func add(_ id: ConnectionID, peer: String, redirectPort: UInt16?, until deadline: Moment) {
        headers[id] = (ProxyHeaderDecoder(), peer, redirectPort)
        deadlines.set(id, at: deadline)
    }

    /// The proxy's address, if the connection is one of these and no more from now on.
    mutating func remove(_ id: ConnectionID) -> String? {
        deadlines.cancel(id)
        return headers.removeValue(forKey: id)?.peer
    }

    /// Cuts all of them.
    mutating func abortAll(_ turn: inout Turn) {
        for id in headers.keys { turn.emit(.abort(id)) }
        self = ProxiedConnections()
    }

    /// Takes more of a header. Whose the connection is, and what came after the header; nil: not known yet, or it was cut.
    mutating func receive(
        _ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ turn: inout Turn
    ) -> (peer: String, redirectPort: UInt16?, rest: [UInt8])? {
        do throws(ProxyHeaderError) {
            guard let (_, peer, redirectPort) = headers[id], let header = try headers[id]?.decoder.receive(bytes) else {
                return nil
            }
            let client = try Self.client(header, of: peer)
            let rest = Array(headers[id]?.decoder.rest ?? [])
            _ = remove(id)
            return (client, redirectPort, rest)
        } catch {
            refuse(id, "\(error)", &turn)
            return nil
        }
    }

    /// Cuts those of which nothing was said in time.
    mutating func expire(_ turn: inout Turn) {
        while let id = deadlines.popExpired(at: turn.now) { refuse(id, "no PROXY header came in time", &turn) }
    }

    private mutating func refuse(_ id: ConnectionID, _ reason: String, _ turn: inout Turn) {
        turn.log(.warning, "proxy.refused", [.init("peer", remove(id) ?? ""), .init("reason", reason)])
        turn.emit(.abort(id))
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
