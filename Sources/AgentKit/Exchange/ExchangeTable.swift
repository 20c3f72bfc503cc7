// The exchanges of all tunnels, by tunnel and stream; and beside them the requests that a person sends again, which have no
// tunnel.

import TunnelLink

struct ExchangeTable {
    private struct Entry {
        let tunnel: Tunnel?
        var exchanges = StreamTable<Exchange>()
    }

    /// One for each tunnel that ever had an exchange and is not over: hardly ever more than one or two.
    private var entries: [Entry] = []

    var count: Int { entries.reduce(0) { $0 + $1.exchanges.count } }

    /// How many there are of one tunnel, or (nil) of those without one.
    func count(of tunnel: Tunnel?) -> Int { index(of: tunnel).map { entries[$0].exchanges.count } ?? 0 }

    /// The exchange of this stream, unless it is over.
    subscript(stream: StreamID, tunnel: Tunnel?) -> Exchange? { index(of: tunnel).flatMap { entries[$0].exchanges[stream] } }

    /// The exchanges of one tunnel, or of those without one, by stream.
    func all(of tunnel: Tunnel?) -> [Exchange] {
        index(of: tunnel).map { entries[$0].exchanges.values.sorted { $0.stream.rawValue < $1.stream.rawValue } } ?? []
    }

    /// The exchanges of all tunnels, by tunnel and stream.
    var allOfTunnels: [Exchange] { entries.flatMap { $0.tunnel == nil ? [] : all(of: $0.tunnel) } }

    mutating func insert(_ exchange: Exchange) {
        let index = index(of: exchange.tunnel) ?? entries.count
        if index == entries.count { entries.append(Entry(tunnel: exchange.tunnel)) }
        entries[index].exchanges.insert(exchange, exchange.stream)
    }

    mutating func remove(_ exchange: Exchange) {
        if let index = index(of: exchange.tunnel) { entries[index].exchanges.remove(exchange.stream) }
    }

    /// The tunnel is over, and so are its exchanges.
    mutating func forget(_ tunnel: Tunnel) { entries.removeAll { $0.tunnel === tunnel } }

    private func index(of tunnel: Tunnel?) -> Int? {
        for index in entries.indices where entries[index].tunnel === tunnel { return index }
        return nil
    }
}
