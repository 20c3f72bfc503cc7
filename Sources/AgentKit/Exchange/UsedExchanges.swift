// Exchanges that are over, whose objects serve others: a request costs no memory of its own then.

import MachineCore
import TunnelLink

struct UsedExchanges {
    /// Those that ended since the machine was called: somebody may still look at them.
    private var over: [Exchange] = []
    /// Those that may serve again.
    private var idle = UsedObjects<Exchange>()

    /// An exchange for this request.
    mutating func next(
        _ stream: StreamID, of tunnel: Tunnel, _ request: WebRequest, _ service: LocalService, place: Int, _ capture: Capture?,
        _ now: Moment
    ) -> Exchange {
        guard let exchange = idle.take() else {
            return Exchange(stream, of: tunnel, request, service: service, place: place, capture, at: now)
        }
        exchange.begin(stream, of: tunnel, request, service: service, place: place, capture, at: now)
        return exchange
    }

    mutating func ended(_ exchange: Exchange) { over.append(exchange) }

    /// The machine's call is over: nobody looks at what ended during it.
    mutating func settle() {
        if over.isEmpty { return }
        for exchange in over {
            exchange.tunnel?.session?.recycle(exchange.request.fields)
            exchange.clear()
            if let tunnel = exchange.tunnel, tunnel.stage != .over { idle.keep(exchange) }
        }
        over.removeAll(keepingCapacity: true)
    }

    /// The tunnel is over: no idle exchange keeps its memory.
    mutating func forget(_ tunnel: Tunnel) { idle.removeAll { $0.tunnel === tunnel } }
}
