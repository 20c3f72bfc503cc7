// The newest exchanges of each agent, in memory only, so that a restart empties it. It takes every exchange, and drops the
// oldest to make room.
//
// Invariants: it holds at most `maximumExchanges` of one agent and at most `maximumBytes` of all, where heads, the capacity of
// bodies and the tables count; of a body it keeps the first `maximumBodyBytes`. It never holds a secret: who adds an exchange
// has masked it (`Secrets`).

import HTTPCodec

/// A bounded list of exchanges, of one agent or of many.
public struct InspectorStore: Sendable {
    /// How many exchanges of each agent are kept.
    public let maximumExchanges: Int
    /// How many bytes all of them may take.
    public private(set) var maximumBytes: Int
    /// How many bytes of each body are kept.
    public private(set) var maximumBodyBytes: Int
    /// How many bytes are held now.
    public private(set) var heldBytes = 0

    private struct Entry: Sendable {
        var exchange: CapturedExchange
        var bytes: Int

        /// Appends to the request's body. Returns by how many bytes its memory grew.
        mutating func appendRequestBody(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
            let capacity = exchange.requestBody.prefix.capacity
            exchange.requestBody.append(bytes, limit: limit)
            return grow(by: exchange.requestBody.prefix.capacity - capacity)
        }

        /// The same with the response's body.
        mutating func appendResponseBody(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
            let capacity = exchange.responseBody.prefix.capacity
            exchange.responseBody.append(bytes, limit: limit)
            return grow(by: exchange.responseBody.prefix.capacity - capacity)
        }

        private mutating func grow(by count: Int) -> Int {
            bytes += count
            return count
        }
    }

    private var entries: [UInt64: Entry] = [:]
    /// The numbers of each agent's exchanges, oldest first; never an empty list.
    private var numbers: [String: [UInt64]] = [:]
    /// All numbers from `oldest` on, oldest first; those of dropped exchanges may still be in it.
    private var order: [UInt64] = []
    private var oldest = 0
    private var lastNumber: UInt64 = 0

    /// An empty store with these limits; negative ones count as none at all.
    public init(maximumExchanges: Int = 200, maximumBytes: Int, maximumBodyBytes: Int) {
        self.maximumExchanges = max(1, maximumExchanges)
        self.maximumBytes = max(0, maximumBytes)
        self.maximumBodyBytes = max(0, maximumBodyBytes)
    }

    /// How many exchanges are held.
    public var count: Int { entries.count }

    /// Sets new limits. Bodies that are held already keep their length.
    public mutating func setLimits(maximumBytes: Int, maximumBodyBytes: Int) {
        self.maximumBytes = max(0, maximumBytes)
        self.maximumBodyBytes = max(0, maximumBodyBytes)
        dropSurplus()
    }

    // MARK: Adding

    /// Adds an exchange and returns its new number; the number that it had before does not matter.
    public mutating func add(_ exchange: CapturedExchange) -> UInt64 {
        lastNumber &+= 1
        var exchange = exchange
        exchange.number = lastNumber
        let bytes = Self.bytes(of: exchange)
        heldBytes += bytes
        let isFull = numbers[exchange.agentID].map { $0.count >= maximumExchanges } ?? false
        if isFull, let first = numbers[exchange.agentID]?.first { drop(first) }
        numbers[exchange.agentID, default: []].append(lastNumber)
        entries[lastNumber] = Entry(exchange: exchange, bytes: bytes)
        appendToOrder(lastNumber)
        dropSurplus()
        return lastNumber
    }

    /// Replaces the exchange with the same number, if it is still held. Its agent stays the same.
    public mutating func update(_ exchange: CapturedExchange) {
        modify(exchange.number) { held in
            let agentID = held.agentID
            held = exchange
            held.agentID = agentID
        }
    }

    /// Changes the exchange with this number in place, if it is still held. Number and agent stay the same.
    public mutating func modify(_ number: UInt64, _ change: (inout CapturedExchange) -> Void) {
        guard var entry = entries[number] else { return }
        entries[number] = nil  // so that the value has one owner and is not copied
        change(&entry.exchange)
        entry.exchange.number = number
        heldBytes -= entry.bytes
        entry.bytes = Self.bytes(of: entry.exchange)
        heldBytes += entry.bytes
        entries[number] = entry
        dropSurplus()
    }

    /// Appends to the body of a request. Bytes beyond the limit are only counted.
    public mutating func appendRequestBody(_ bytes: ArraySlice<UInt8>, to number: UInt64) {
        hold(entries[number]?.appendRequestBody(bytes, limit: maximumBodyBytes) ?? 0)
    }

    /// Appends to the body of a response. Bytes beyond the limit are only counted.
    public mutating func appendResponseBody(_ bytes: ArraySlice<UInt8>, to number: UInt64) {
        hold(entries[number]?.appendResponseBody(bytes, limit: maximumBodyBytes) ?? 0)
    }

    private mutating func hold(_ more: Int) {
        guard more != 0 else { return }
        heldBytes += more
        dropSurplus()
    }

    /// Drops all exchanges of this agent.
    public mutating func removeAll(of agentID: String) {
        for number in numbers[agentID] ?? [] { drop(number) }
    }

    // MARK: Reading

    /// The exchange with this number; nil if there never was one or it was dropped.
    public subscript(number: UInt64) -> CapturedExchange? { entries[number]?.exchange }

    /// The exchanges that match `filter`, the newest first.
    public func exchanges(matching filter: ExchangeFilter = ExchangeFilter()) -> [CapturedExchange] {
        let candidates = filter.agentID.map { numbers[$0] ?? [] } ?? order[oldest...].filter { entries[$0] != nil }
        var found: [CapturedExchange] = []
        for number in candidates.reversed() {
            guard found.count < filter.limit else { break }
            if let exchange = entries[number]?.exchange, filter.matches(exchange) { found.append(exchange) }
        }
        return found
    }

    // MARK: Dropping

    private mutating func dropSurplus() {
        while heldBytes > maximumBytes, oldest < order.count {
            let number = order[oldest]
            oldest += 1
            drop(number)
        }
    }

    private mutating func drop(_ number: UInt64) {
        guard let entry = entries.removeValue(forKey: number) else { return }
        heldBytes -= entry.bytes
        let agentID = entry.exchange.agentID
        if let place = numbers[agentID]?.firstIndex(of: number) { numbers[agentID]?.remove(at: place) }
        if numbers[agentID]?.isEmpty == true { numbers[agentID] = nil }
    }

    /// Removes the numbers of dropped exchanges when they are most of the list, so that it stays in proportion to what is held.
    private mutating func appendToOrder(_ number: UInt64) {
        if order.count > 2 * entries.count + 64 {
            order = order[oldest...].filter { entries[$0] != nil && $0 != number }
            oldest = 0
        }
        order.append(number)
    }

    /// The memory that an exchange takes: its texts, its fields, the capacity of its bodies, and a share of the tables.
    private static func bytes(of exchange: CapturedExchange) -> Int {
        let fields = exchange.requestFields.heldByteCount + exchange.responseFields.heldByteCount
        let texts = exchange.agentID.utf8.count + exchange.requestID.utf8.count + exchange.peer.utf8.count
        let line = exchange.method.utf8.count + exchange.target.capacity + exchange.outcome.utf8.count
        return overhead + fields + texts + line + exchange.requestBody.prefix.capacity + exchange.responseBody.prefix.capacity
    }

    /// The value itself, its place in the tables, and the headers of its allocations.
    private static let overhead = MemoryLayout<Entry>.stride + 256
}
