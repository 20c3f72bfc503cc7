// The exchanges of one tunnel, by stream.

import TunnelLink

struct ExchangeTable {
    private var exchanges = StreamTable<LocalExchange>()

    var count: Int { exchanges.count }
    var isEmpty: Bool { exchanges.isEmpty }

    /// The exchanges, by stream.
    var all: [LocalExchange] { exchanges.values.sorted { $0.stream.rawValue < $1.stream.rawValue } }

    /// The exchange of this stream, unless it is over.
    subscript(stream: StreamID) -> LocalExchange? { exchanges[stream] }

    mutating func insert(_ exchange: LocalExchange) { exchanges.insert(exchange, exchange.stream) }

    mutating func remove(_ exchange: LocalExchange) { exchanges.remove(exchange.stream) }
}
