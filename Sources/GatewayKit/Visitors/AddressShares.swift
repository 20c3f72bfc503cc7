// One visitor does not take everything: an address (in IPv6 a /64) has a share of the connections, of each agent's requests
// under way, of those that wait, of those that watch, and, if `requestsPerSecond` says so, of requests a second. The address is
// the client's: behind a trusted proxy the one that it names; the proxy's own connections are not counted.
//
// The loops broadcast what an address has and took, so the limits hold for all of them together (Docs/Decisions/0009).

import HTTPCodec
import MachineCore

/// The shares of a loop's visitors.
final class AddressShares: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private var connections: ConnectionShares
    private var rates = AddressBuckets(generationCount: 4_096)
    private var unreported = UnreportedUse()
    /// When the next broadcast of requests is due.
    private(set) var due: Moment?

    /// So many addresses are broadcast at the end of the turn.
    private static let maximumUnreported = 1_024
    /// How long requests are collected.
    private static let pause = Duration.milliseconds(100)

    init(_ environment: Environment) {
        self.environment = environment
        connections = ConnectionShares(loops: environment.loopCount)
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    private var limits: AddressLimits { environment.configuration.limits.perAddress }

    /// Whom to hold responsible for the request.
    func client(_ visitor: VisitorConnection, _ head: HTTPRequestHead) -> NetworkAddress {
        guard environment.forwarding.isTrusted(visitor.peerAddress) else { return visitor.address }
        return environment.forwarding.client(visitor.peer, head.fields)?.responsible ?? .unknown
    }

    // MARK: Connections

    enum ConnectionVerdict {
        case welcome
        /// Its address has too many: it gets an error, or is cut if the address goes on and on.
        case tooMany(isFarTooMany: Bool)
    }

    /// A connection came.
    func count(_ visitor: VisitorConnection, _ turn: inout Turn) -> ConnectionVerdict {
        guard let count = add(visitor) else { return .welcome }
        let limit = limits.connections(of: visitor.peerAddress)
        guard count > limit else { return .welcome }
        log("connections", visitor.peer, &turn)
        return .tooMany(isFarTooMany: count > limit + limit / 8 + 8)
    }

    /// It came from another loop, where it was let in.
    func countMoved(_ visitor: VisitorConnection) { _ = add(visitor) }

    /// How many its address has now; nil: they are not counted.
    private func add(_ visitor: VisitorConnection) -> Int? {
        guard limits.connections(of: visitor.peerAddress) < .max, !environment.forwarding.isTrusted(visitor.peerAddress) else {
            return nil
        }
        visitor.isCounted = true
        return connections.add(visitor.address)
    }

    /// It is gone from here, or an agent's.
    func uncount(_ visitor: VisitorConnection) {
        guard visitor.isCounted else { return }
        visitor.isCounted = false
        connections.remove(visitor.address)
    }

    // MARK: Requests

    /// Whether requests of an address are counted at all.
    var limitsRate: Bool { limits.requestsPerSecond > 0 }

    /// Whether the request comes too soon after others of its address; then how long to wait.
    func charge(_ request: VisitorRequest, of visitor: VisitorConnection, _ turn: inout Turn) -> Duration? {
        guard let pace = limits.pace else { return nil }
        let client = client(visitor, request.head)
        if let wait = rates.wait(for: client, pace, turn.now) {
            log("requests-per-second", client.text, &turn)
            return wait
        }
        rates.take(1, client, pace, turn.now)
        guard !environment.isAlone else { return nil }
        unreported.add(client)
        if unreported.count >= Self.maximumUnreported {
            due = turn.now
        } else if due == nil {
            due = turn.now.advanced(by: Self.pause)
        }
        return nil
    }

    /// How many of an agent's requests under way, or of those that wait, a client may have of so many.
    func requests(of client: NetworkAddress, streams: Int) -> Int { limits.requests(of: client, streams: streams) }

    /// How many event streams a client may watch.
    func watchers(of client: NetworkAddress) -> Int { limits.watchers(of: client) }

    func log(_ limit: String, _ peer: String, _ turn: inout Turn) {
        turn.log(.info, "visitor.limited", [.init("peer", peer), .init("limit", limit)])
    }

    // MARK: All loops

    /// What addresses have, as far as the others do not know it.
    func takeConnectionChanges() -> [(NetworkAddress, Int)] {
        connections.takeChanges(limit: limits.connections ?? AddressLimits.usualConnections)
    }

    /// What addresses took, if a broadcast is due.
    func takeUnreportedRequests(_ now: Moment) -> [AddressUse] {
        guard let due, due <= now else { return [] }
        self.due = nil
        return unreported.take()
    }

    /// Another loop has so many connections of this address.
    func receive(_ address: NetworkAddress, connections count: Int, from loop: Int) {
        connections.receive(address, count, from: loop)
    }

    /// Another loop broadcasts how many requests an address made there.
    func receive(_ use: AddressUse, _ now: Moment) {
        if let pace = limits.pace { rates.take(use.count, use.address, pace, now) }
    }
}
