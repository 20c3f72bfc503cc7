// Tunnels that stand and whose agents have not proved who they are: how many there may be at once, in all and from one address.
//
// What such a tunnel may send and be sent is TunnelSession's to bound. Who presented an accepted token in its handshake is not
// counted, and an address of this machine may be that of a proxy, so that only the number of all counts there.

import TunnelLink

/// Tunnels whose agents have not registered and have shown no token, by address.
struct UnregisteredAgents: Sendable {
    private(set) var count = 0
    private var counts: [NetworkAddress: Int] = [:]
    private let maximum: Int

    /// `loops`: among how many they are shared out.
    init(loops: Int) { maximum = max(32, GatewayLimits.unregisteredAgents / max(1, loops)) }

    /// Whether one more may come from there.
    func hasRoom(for client: NetworkAddress?) -> Bool {
        guard count < maximum else { return false }
        return Self.key(client).map { counts[$0, default: 0] < GatewayLimits.unregisteredAgentsPerAddress } ?? true
    }

    mutating func add(_ client: NetworkAddress?) {
        count += 1
        if let key = Self.key(client) { counts[key, default: 0] += 1 }
    }

    mutating func remove(_ client: NetworkAddress?) {
        count -= 1
        guard let key = Self.key(client), let known = counts[key] else { return }
        counts[key] = known > 1 ? known - 1 : nil
    }

    /// Under which address a client is counted; nil: none.
    private static func key(_ client: NetworkAddress?) -> NetworkAddress? {
        client.flatMap { $0.isOfThisMachine ? nil : $0.responsible }
    }
}
