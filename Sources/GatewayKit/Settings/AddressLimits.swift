// What one address may take of a gateway (Docs/Configuration.md). Without a setting this machine's own addresses are free:
// behind them may be a proxy that is not declared, and with it all visitors.

import MachineCore
import SettingsCore

/// The share of one address, in IPv6 of a /64.
public struct AddressLimits: Sendable, Hashable {
    /// Visitors' connections at once; nil: 1,024, but for this machine's own addresses; 0: any number.
    public var connections: Int?
    /// Requests under way on one agent; nil: a quarter of what the agent takes, at least 16, but for this machine's own
    /// addresses; 0: any number. Also those that wait for an agent.
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
        let (exception, refused) = ("this machine's own addresses are free", GatewayError.tooManyRequests(seconds: 0))
        reader.read(
            .integer(
                "limits.connectionsPerAddress", in: 0...10_000_000,
                "Visitors' connections at once from one address, in IPv6 from a /64; proxies in `trustedProxies` may make any number."
                    + " 0: any number."
            ).defaulting(to: "\(Self.usualConnections); \(exception)").beyond(refused), into: &connections)
        reader.read(
            .integer(
                "limits.requestsPerAddress", in: 0...65_536, "Requests under way from one address on one agent; 0: any number."
            ).defaulting(to: "a quarter of `limits.maxStreamsPerAgent`, at least 16; \(exception)").beyond(refused),
            into: &requests)
        reader.read(
            .integer(
                "limits.watchersPerAddress", in: 0...65_536,
                "Event streams of the status page and the inspector to one address; 0: any number."
            ).defaulting(to: "\(Self.usualWatchers); \(exception)").beyond(refused), into: &watchers)
        reader.read(
            .integer(
                "limits.requestsPerSecondPerAddress", in: 0...1_000_000,
                "Requests a second from one address; 0: any number."
            ).beyond(refused), into: &requestsPerSecond)
        reader.read(
            .integer(
                "limits.requestBurstPerAddress", in: 1...1_000_000, "Requests at once from one address before that counts."
            ).defaulting(to: "twice `limits.requestsPerSecondPerAddress`").beyond(refused), into: &requestBurst)
        if requestBurst != nil, requestsPerSecond == 0 {
            reader.problem("limits.requestBurstPerAddress", "needs limits.requestsPerSecondPerAddress")
        }
    }
}
