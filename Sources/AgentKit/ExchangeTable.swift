// The exchanges of one tunnel, in an array with free places: they are read and changed where they are. (A Dictionary moves a
// value of this size out and back for each change.) What comes from the tunnel names a stream, whose place is looked up once; a
// connection to the service knows the place of its exchange.

import TunnelLink

/// Names an exchange. Stream numbers are unique among the open exchanges of a tunnel.
struct ExchangeKey: Sendable, Hashable {
    var tunnel: TunnelKey
    var stream: StreamID
    /// Its place in the tunnel's table.
    var place: Int
}

struct ExchangeTable {
    private var slots: [LocalExchange?] = []
    private var freePlaces: [Int] = []
    /// `places.count + freePlaces.count == slots.count`
    private var places: [StreamID: Int] = [:]

    var count: Int { places.count }
    var isEmpty: Bool { places.isEmpty }

    /// The exchanges, by stream.
    var all: [LocalExchange] { slots.compactMap(\.self).sorted { $0.stream.rawValue < $1.stream.rawValue } }

    func place(of stream: StreamID) -> Int? { places[stream] }

    /// The exchange, if it is not over. Setting nil is not the way to remove it.
    subscript(key: ExchangeKey) -> LocalExchange? {
        _read {
            if isLive(key) { yield slots[key.place] } else { yield nil }
        }
        _modify {
            if isLive(key) {
                yield &slots[key.place]
            } else {
                var nothing: LocalExchange?
                yield &nothing
            }
        }
    }

    private func isLive(_ key: ExchangeKey) -> Bool { key.place < slots.count && slots[key.place]?.stream == key.stream }

    mutating func insert(_ exchange: LocalExchange) -> Int {
        let place: Int
        if let free = freePlaces.popLast() {
            place = free
            slots[place] = exchange
        } else {
            place = slots.count
            slots.append(exchange)
        }
        places[exchange.stream] = place
        return place
    }

    mutating func remove(_ key: ExchangeKey) -> LocalExchange? {
        guard isLive(key), let exchange = slots[key.place] else { return nil }
        slots[key.place] = nil
        places[key.stream] = nil
        freePlaces.append(key.place)
        return exchange
    }
}
