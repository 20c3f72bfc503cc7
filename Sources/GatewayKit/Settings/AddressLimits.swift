// What one address may take of a gateway (README, "Configuration"). Without a setting this machine's own addresses are free: behind
// them may be a proxy that nobody declared, and with it all visitors.

import MachineCore
import SettingsCore

/// The share of one address, in IPv6 of a /64.
public struct AddressLimits: Sendable, Hashable {
    /// Visitors' connections at once; nil: 1,024, but for this machine's own addresses; 0: any number.
    public var connections: Int?
    /// Requests under way on one agent; nil: a quarter of what the agent takes, at least 16, but for this machine's own addresses; 0:
    /// any number. Also those that wait for an agent.
    public var requests: Int?
    /// Event streams of the gateway's own; nil: 32, but for this machine's own addresses; 0: any number.
    public var watchers: Int?
    /// Requests a second; 0: any number.
    public var requestsPerSecond = 0
    /// Requests at once before that counts; nil: those of two seconds.
    public var requestBurst: Int?
    /// The defaults.
    public init() {}

    static let usualConnections = 1_024
    private static let usualWatchers = 32

    func connections(of address: NetworkAddress) -> Int { Self.limit(connections, Self.usualConnections, address) }

    func requests(of address: NetworkAddress, streams: Int) -> Int { Self.limit(requests, max(16, streams / 4), address) }

    func watchers(of address: NetworkAddress) -> Int { Self.limit(watchers, Self.usualWatchers, address) }

    /// Nil: as fast as they like.
    var pace: BucketPace? {
        guard requestsPerSecond > 0 else { return nil }
        return BucketPace(interval: .seconds(1) / requestsPerSecond, burst: max(1, requestBurst ?? 2 * requestsPerSecond))
    }

    private static func limit(_ setting: Int?, _ usual: Int, _ address: NetworkAddress) -> Int {
        guard let setting else { return address.isOfThisMachine ? .max : usual }
        return setting == 0 ? .max : setting
    }

    mutating func read(from reader: inout SettingsReader) {
        connections = reader.integer("limits.connectionsPerAddress", in: 0...10_000_000)
        requests = reader.integer("limits.requestsPerAddress", in: 0...65_536)
        watchers = reader.integer("limits.watchersPerAddress", in: 0...65_536)
        if let count = reader.integer("limits.requestsPerSecondPerAddress", in: 0...1_000_000) { requestsPerSecond = count }
        requestBurst = reader.integer("limits.requestBurstPerAddress", in: 1...1_000_000)
        if requestBurst != nil, requestsPerSecond == 0 {
            reader.problem("limits.requestBurstPerAddress", "needs limits.requestsPerSecondPerAddress")
        }
    }
}
