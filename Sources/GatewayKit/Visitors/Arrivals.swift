// Connections as they come: whether there is room, whose they are where a proxy says so first, and what listener they came to.

import HTTPCodec
import MachineCore

final class Arrivals: Reconfigurable {
    @exclusivity(unchecked) private var environment: Environment
    private let visitors: Visitors
    private let agents: Agents
    private let shares: AddressShares
    private let peers: PeerLoops
    private var proxied = ProxiedConnections()
    /// Listeners that serve nothing, and send their visitors to https.
    var redirect = HTTPSRedirect()

    init(_ environment: Environment, _ visitors: Visitors, _ agents: Agents, _ shares: AddressShares, _ peers: PeerLoops) {
        self.environment = environment
        self.visitors = visitors
        self.agents = agents
        self.shares = shares
        self.peers = peers
    }

    func reconfigure(_ environment: Environment) { self.environment = environment }

    /// Connections of visitors, and those of which it is not known yet whose they are.
    var count: Int { visitors.count + proxied.count }

    var nextDeadline: Moment? { proxied.nextDeadline }

    var ownConnections: ConnectionCounts {
        peers.own(visitors: count, agents: agents.count, isDraining: visitors.isDraining)
    }

    private var hasRoom: Bool { peers.connections(ownConnections) < environment.configuration.limits.maximumConnections }

    func accept(_ id: ConnectionID, peer: String, listener: Int, _ turn: inout Turn) {
        let configuration = environment.configuration
        let redirectPort = redirect.port(of: listener)
        guard configuration.proxyProtocol != .off, let address = NetworkAddress(peer),
            configuration.proxyProtocol.isSpoken(by: address), environment.forwarding.isTrusted(address)
        else {
            _ = acceptVisitor(id, peer: peer, redirectPort, &turn)
            return
        }
        guard !visitors.isDraining, hasRoom else { return turn.emit(.abort(id)) }
        let deadline = turn.now.advanced(by: configuration.limits.headTimeout)
        proxied.add(id, peer: peer, redirectPort: redirectPort, until: deadline)
    }

    private func acceptVisitor(
        _ id: ConnectionID, peer: String, _ redirectPort: UInt16?, _ turn: inout Turn
    ) -> VisitorConnection {
        let hasRoom = hasRoom
        let visitor = visitors.accept(id, peer: peer, redirectPort: redirectPort, turn.now)
        switch shares.count(visitor, &turn) {
        case .welcome: break
        case .tooMany(isFarTooMany: false): visitor.respond(.error(.tooManyRequests(seconds: 5), to: nil), to: nil, &turn)
        case .tooMany(isFarTooMany: true): visitor.abort(&turn)
        }
        if !hasRoom { visitor.respond(.error(.overloaded, to: nil), to: nil, &turn) }
        return visitor
    }

    /// Bytes came on a connection that is no visitor's yet. The visitor, if requests are to be looked for now.
    func receive(_ id: ConnectionID, _ bytes: ArraySlice<UInt8>, _ turn: inout Turn) -> VisitorConnection? {
        guard !proxied.isEmpty, let (peer, redirectPort, rest) = proxied.receive(id, bytes, &turn) else { return nil }
        let visitor = acceptVisitor(id, peer: peer, redirectPort, &turn)
        return rest.isEmpty || !visitor.receive(rest[...], &turn) ? nil : visitor
    }

    /// The peer of a connection that is no visitor's will send no more.
    func finished(_ id: ConnectionID, _ turn: inout Turn) {
        if proxied.remove(id) != nil { turn.emit(.close(id)) }
    }

    /// A connection that is no visitor's is gone.
    func closed(_ id: ConnectionID) { _ = proxied.remove(id) }

    /// Cuts those of which nothing was said in time.
    func expire(_ turn: inout Turn) { proxied.expire(&turn) }

    /// Cuts all of which it is not known whose they are.
    func abortAll(_ turn: inout Turn) { proxied.abortAll(&turn) }

    /// The response to a request that is not served here but by https; nil: it is served.
    func redirection(of request: VisitorRequest, on visitor: VisitorConnection) -> OwnResponse? {
        visitor.redirectPort.map {
            redirect.response(to: request, port: $0, publicURL: environment.configuration.publicURL)
        }
    }
}
