// One visitor does not take everything: an address (in IPv6 a /64) has a share of the connections, of each agent's requests under way,
// of those that wait, of those that watch, and, if `requestsPerSecond` says so, of requests a second. The address is the client's:
// behind a trusted proxy the one that it names; the proxy's own connections are not counted.
//
// The loops tell each other what an address has and took, so the limits hold for all of them together (Docs/Decisions/0009).

import HTTPCodec
import MachineCore

/// What an address took on one loop since the others were told.
public struct AddressCharge: Sendable, Hashable {
    let address: NetworkAddress
    /// Wrong tokens.
    var attempts = 0
    /// Requests.
    var requests = 0
}

/// What the other loops are still to be told of what addresses took here.
struct UntoldCharges: Sendable {
    private var charges: [NetworkAddress: AddressCharge] = [:]
    /// Wrong tokens are told at the end of the turn, requests a moment later.
    private var isUrgent = false

    /// So many addresses are told at the end of the turn.
    private static let maximumCount = 1_024
    /// How long requests are collected.
    static let pause = Duration.milliseconds(100)

    var isEmpty: Bool { charges.isEmpty }

    mutating func attempted(_ address: NetworkAddress) {
        charges[address, default: AddressCharge(address: address)].attempts += 1
        isUrgent = true
    }

    mutating func requested(_ address: NetworkAddress) {
        charges[address, default: AddressCharge(address: address)].requests += 1
        if charges.count >= Self.maximumCount { isUrgent = true }
    }

    /// The pause is over.
    mutating func hurry() { isUrgent = !charges.isEmpty }

    /// What is to be told now.
    mutating func take() -> [AddressCharge] {
        guard isUrgent else { return [] }
        defer { self = UntoldCharges() }
        return Array(charges.values)
    }
}

extension Visitor {
    /// Whom to hold responsible for the connection itself.
    var address: NetworkAddress { peerAddress.responsible }
}

extension Gateway {
    /// Whom to hold responsible for the request.
    func client(_ id: ConnectionID, _ visitor: Visitor, _ head: HTTPRequestHead) -> NetworkAddress {
        guard configuration.trustedProxies.contains(visitor.peerAddress) else { return visitor.address }
        return provenance(id, head).client?.responsible ?? .unknown
    }

    private var perAddress: AddressLimits { configuration.limits.perAddress }

    // MARK: Connections

    /// A connection came. Whether its address has too many: then it is told so and closed, and cut if it goes on and on.
    mutating func countConnection(_ id: ConnectionID, _ visitor: Visitor, _ now: Moment, _ outputs: inout Outputs) {
        let limit = perAddress.connections(of: visitor.peerAddress)
        guard limit < .max, !configuration.trustedProxies.contains(visitor.peerAddress) else { return }
        visitor.isCounted = true
        let count = shares.add(visitor.address)
        guard count > limit else { return }
        logShare("connections", visitor.peer, &outputs)
        if count <= limit + limit / 8 + 8 { return answer(id, .tooManyRequests(seconds: 5), to: nil, now, &outputs) }
        visitor.phase = .closing
        outputs.append(.transport(.abort(id)))
    }

    /// It came from another loop, where it was let in.
    mutating func countMoved(_ visitor: Visitor) {
        guard perAddress.connections(of: visitor.peerAddress) < .max,
            !configuration.trustedProxies.contains(visitor.peerAddress)
        else { return }
        visitor.isCounted = true
        _ = shares.add(visitor.address)
    }

    /// It is gone from here, or an agent's.
    mutating func uncountConnection(_ visitor: Visitor?) {
        guard let visitor, visitor.isCounted else { return }
        visitor.isCounted = false
        shares.remove(visitor.address)
    }

    // MARK: Requests

    /// Whether the request comes too soon after others of its address; then how long to wait.
    mutating func chargeRequest(
        _ id: ConnectionID, _ head: HTTPRequestHead, _ now: Moment, _ outputs: inout Outputs
    ) -> Duration? {
        guard let pace = perAddress.pace, let visitor = visitors[id] else { return nil }
        let client = client(id, visitor, head)
        if let wait = requestRates.wait(for: client, pace, now) {
            logShare("requests-per-second", client.text, &outputs)
            return wait
        }
        requestRates.take(1, client, pace, now)
        if !neighbours.isEmpty {
            charges.requested(client)
            if deadlines[.charges] == nil { deadlines.set(.charges, at: now.advanced(by: UntoldCharges.pause)) }
        }
        return nil
    }

    /// Refuses a client that has its share of the agent's requests under way. Looks for them only where there are so many.
    func checkShare(of client: NetworkAddress, on link: AgentLink) throws(GatewayError) {
        let share = perAddress.requests(of: client, streams: link.session.limits.maximumStreams)
        guard link.session.openStreams >= share else { return }
        let mine = link.visitors.values.count { visitors[$0]?.exchange?.client == client }
        if mine >= share { throw .tooManyRequests(seconds: 1) }
    }

    /// Whether the client has its share of those that wait for agents.
    func hasShareOfWaiting(_ client: NetworkAddress) -> Bool {
        let share = perAddress.requests(of: client, streams: Self.maximumWaitingPerAgent)
        guard waitingCount >= share else { return false }
        return waiting.values.reduce(0) { $0 + $1.count { visitors[$0]?.waiting?.client == client } } >= share
    }

    /// Whether the client has its share of those that watch.
    func hasShareOfWatchers(_ client: NetworkAddress) -> Bool {
        let share = perAddress.watchers(of: client)
        guard watcherCount >= share else { return false }
        return watchers.values.reduce(0) { $0 + $1.count { visitors[$0]?.watching?.client == client } } >= share
    }

    func logShare(_ limit: String, _ peer: String, _ outputs: inout Outputs) {
        log(.info, "visitor.limited", [.init("peer", peer), .init("limit", limit)], &outputs)
    }

    // MARK: All loops

    /// Tells the others what addresses have and took.
    mutating func tellShares(_ outputs: inout Outputs) {
        for (address, count) in shares.takeChanges(limit: perAddress.connections ?? AddressLimits.usualConnections) {
            outputs.append(.note(.gossip(.connections(address, count))))
        }
        let charges = charges.take()
        if !charges.isEmpty { outputs.append(.note(.gossip(.charges(charges)))) }
    }

    /// Another loop says what addresses took there.
    mutating func hear(_ charges: [AddressCharge], _ now: Moment) {
        for charge in charges {
            if charge.attempts > 0 {
                attempts.failed(
                    charge.address, count: charge.attempts, limit: configuration.login.attemptsPerMinute, now)
            }
            if charge.requests > 0, let pace = perAddress.pace {
                requestRates.take(charge.requests, charge.address, pace, now)
            }
        }
    }
}
