// What an agent holds because the other side of it does not take it is the agent's own to limit, whatever the gateway says of windows
// and credit. Requests: TunnelLimits.maximumHeld. Answers: each stream pauses its own service, and beyond a limit for all of them no
// service is read at all, until half of it is gone.

import MachineCore
import TunnelLink

extension Agent {
    /// Stops reading the services while too much waits for the gateway, and goes on when there is room.
    mutating func holdServices(of key: TunnelKey) {
        guard let tunnel = tunnelIndex(key).map({ tunnels[$0] }), tunnel.holdsServices || tunnel.session?.isFull == true,
            let session = tunnel.session
        else { return }
        if !tunnel.holdsServices {
            tunnel.holdsServices = true
            for exchange in tunnel.exchanges.all { pauseService(of: exchange) }
        } else if session.queuedBytes <= session.limits.maximumQueued / 2 {
            tunnel.holdsServices = false
            for exchange in tunnel.exchanges.all where session.hasRoom(exchange.stream) { resumeReading(for: exchange) }
        }
    }

    /// Reads no further from a service while its tunnel holds too much.
    mutating func pauseService(of exchange: LocalExchange) {
        guard case .connection(let connection) = exchange.server, let local = locals[connection], !local.isReadingPaused else {
            return
        }
        local.isReadingPaused = true
        emit(.setReading(connection, false))
    }
}
