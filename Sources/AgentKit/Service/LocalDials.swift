// Connections to services that are being made: dials, and TLS on those that are there.

import MachineCore

/// An exchange that waits for a connection.
struct LocalDial {
    var exchange: Exchange
    var request: ServiceRequest
    /// It was made because the exchange's first connection was stale.
    var isRetry = false
    /// With whom TLS is spoken once the connection is there; nil: with nobody.
    fileprivate(set) var peer: TLSPeer?
    /// The connection on which the TLS handshake is under way.
    fileprivate(set) var connection: ConnectionID?

    init(exchange: Exchange, request: ServiceRequest, isRetry: Bool = false) {
        self.exchange = exchange
        self.request = request
        self.isRetry = isRetry
    }
}

struct LocalDials {
    private var dials: [DialID: LocalDial] = [:]
    private var securing: [ConnectionID: DialID] = [:]
    private var lastDial: UInt64 = 0

    var count: Int { dials.count }

    /// Dials a service.
    mutating func begin(_ dialing: LocalDial, to service: LocalHTTPService, _ turn: inout Turn<AgentNote>) -> DialID {
        lastDial += 1
        let dial = DialID(rawValue: lastDial)
        var dialing = dialing
        dialing.peer = service.tlsPeer
        dials[dial] = dialing
        turn.emit(.dial(dial, service.endpoint))
        return dial
    }

    /// The connection is there: who waits for it. Nil: TLS comes first, or nobody waits any more.
    mutating func connected(_ dial: DialID, _ id: ConnectionID, _ turn: inout Turn<AgentNote>) -> LocalDial? {
        guard let dialing = dials[dial] else {
            turn.emit(.abort(id))
            return nil
        }
        guard let peer = dialing.peer else { return remove(dial) }
        dials[dial]?.connection = id
        securing[id] = dial
        turn.emit(.startTLS(id, peer))
        return nil
    }

    /// The dial whose connection is in its TLS handshake.
    func dial(securing id: ConnectionID) -> DialID? { securing[id] }

    /// Whether the connection is there and TLS is not.
    func isSecuring(_ dial: DialID) -> Bool { dials[dial]?.connection != nil }

    /// Forgets a dial, and returns who waits for it.
    mutating func remove(_ dial: DialID) -> LocalDial? {
        guard let dialing = dials.removeValue(forKey: dial) else { return nil }
        if let id = dialing.connection { securing[id] = nil }
        return dialing
    }

    /// Tells the transport that the connection is not wanted.
    func giveUp(_ dial: DialID, _ turn: inout Turn<AgentNote>) {
        guard let dialing = dials[dial] else { return }
        if let id = dialing.connection { turn.emit(.abort(id)) } else { turn.emit(.cancelDial(dial)) }
    }

    /// Nobody waits for it any more.
    mutating func cancel(_ dial: DialID, _ turn: inout Turn<AgentNote>) {
        giveUp(dial, &turn)
        _ = remove(dial)
    }
}
