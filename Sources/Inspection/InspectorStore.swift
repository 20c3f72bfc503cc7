// The inspector's memory: the newest exchanges of each agent, in memory only and empty after a restart. It refuses nothing; what
// it has no room for is forgotten, the oldest first.
//
// Invariants: at most `maximumExchanges` of one agent and at most `maximumBytes` of all are held, heads, the room taken for
// bodies and what it costs to hold them counted; a body keeps its first `maximumBodyBytes`. Nothing is ever kept of a secret:
// who adds an exchange has masked it (`Secrets`).

import HTTPCodec

/// A bounded list of exchanges, of one agent or of many.
public struct InspectorStore: Sendable {
    /// How many exchanges of each agent are kept.
    public let maximumExchanges: Int
    /// How many bytes all of them may take.
    public private(set) var maximumBytes: Int
    /// How much of each body is kept.
    public private(set) var maximumBodyBytes: Int
    /// What is held now, in bytes.
    public private(set) var heldBytes = 0

    private struct Entry: Sendable {
        var exchange: CapturedExchange
        var bytes: Int

        /// How many bytes more are held for it.
        mutating func appendRequestBody(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
            let room = exchange.requestBody.prefix.capacity
            exchange.requestBody.append(bytes, limit: limit)
            return grow(by: exchange.requestBody.prefix.capacity - room)
        }

        mutating func appendResponseBody(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
            let room = exchange.responseBody.prefix.capacity
            exchange.responseBody.append(bytes, limit: limit)
            return grow(by: exchange.responseBody.prefix.capacity - room)
        }

        private mutating func grow(by count: Int) -> Int {
            bytes += count
            return count
        }
    }

    private var entries: [UInt64: Entry] = [:]
    /// The numbers of each agent's exchanges, oldest first; never an empty list.
    private var numbers: [String: [UInt64]] = [:]
    /// All numbers from `oldest` on, oldest first; those of forgotten exchanges may still stand here.
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

    /// From now on these limits hold. Bodies that are held already keep their length.
    public mutating func setLimits(maximumBytes: Int, maximumBodyBytes: Int) {
        self.maximumBytes = max(0, maximumBytes)
        self.maximumBodyBytes = max(0, maximumBodyBytes)
        forgetSurplus()
    }

    // MARK: Adding

    /// Holds an exchange from now on, and gives the number that it has here, whatever it said before.
    public mutating func add(_ exchange: CapturedExchange) -> UInt64 {
        lastNumber &+= 1
        var exchange = exchange
        exchange.number = lastNumber
        let bytes = Self.bytes(of: exchange)
        heldBytes += bytes
        let isFull = numbers[exchange.agentID].map { $0.count >= maximumExchanges } ?? false
        if isFull, let first = numbers[exchange.agentID]?.first { forget(first) }
        numbers[exchange.agentID, default: []].append(lastNumber)
        entries[lastNumber] = Entry(exchange: exchange, bytes: bytes)
        appendToOrder(lastNumber)
        forgetSurplus()
        return lastNumber
    }

    /// Puts `exchange` in the place of the one with its number; ignored when that was forgotten. Its agent stays the same.
    public mutating func update(_ exchange: CapturedExchange) {
        modify(exchange.number) { held in
            let agentID = held.agentID
            held = exchange
            held.agentID = agentID
        }
    }

    /// Changes the exchange with this number where it lies; ignored when it was forgotten. Number and agent stay the same.
    public mutating func modify(_ number: UInt64, _ change: (inout CapturedExchange) -> Void) {
        guard var entry = entries[number] else { return }
        entries[number] = nil  // so that what is changed has one owner and is not copied
        change(&entry.exchange)
        entry.exchange.number = number
        heldBytes -= entry.bytes
        entry.bytes = Self.bytes(of: entry.exchange)
        heldBytes += entry.bytes
        entries[number] = entry
        forgetSurplus()
    }

    /// These bytes of the request's body went by. Costs nothing but a count once as much is kept as may be.
    public mutating func appendRequestBody(_ bytes: ArraySlice<UInt8>, to number: UInt64) {
        hold(entries[number]?.appendRequestBody(bytes, limit: maximumBodyBytes) ?? 0)
    }

    /// These bytes of the answer's body went by.
    public mutating func appendResponseBody(_ bytes: ArraySlice<UInt8>, to number: UInt64) {
        hold(entries[number]?.appendResponseBody(bytes, limit: maximumBodyBytes) ?? 0)
    }

    private mutating func hold(_ more: Int) {
        guard more != 0 else { return }
        heldBytes += more
        forgetSurplus()
    }

    /// Forgets everything of this agent.
    public mutating func removeAll(of agentID: String) {
        for number in numbers[agentID] ?? [] { forget(number) }
    }

    // MARK: Looking

    /// The exchange with this number; nil when it was never here or is forgotten.
    public subscript(number: UInt64) -> CapturedExchange? { entries[number]?.exchange }

    /// Those that the filter lets through, the newest first.
    public func exchanges(matching filter: ExchangeFilter = ExchangeFilter()) -> [CapturedExchange] {
        let candidates = filter.agentID.map { numbers[$0] ?? [] } ?? order[oldest...].filter { entries[$0] != nil }
        var found: [CapturedExchange] = []
        for number in candidates.reversed() {
            guard found.count < filter.limit else { break }
            if let exchange = entries[number]?.exchange, filter.matches(exchange) { found.append(exchange) }
        }
        return found
    }

    // MARK: Forgetting

    private mutating func forgetSurplus() {
        while heldBytes > maximumBytes, oldest < order.count {
            let number = order[oldest]
            oldest += 1
            forget(number)
        }
    }

    private mutating func forget(_ number: UInt64) {
        guard let entry = entries.removeValue(forKey: number) else { return }
        heldBytes -= entry.bytes
        let agentID = entry.exchange.agentID
        if let place = numbers[agentID]?.firstIndex(of: number) { numbers[agentID]?.remove(at: place) }
        if numbers[agentID]?.isEmpty == true { numbers[agentID] = nil }
    }

    /// The list is rid of forgotten numbers when most of it are such, so that it stays in proportion to what is held.
    private mutating func appendToOrder(_ number: UInt64) {
        if order.count > 2 * entries.count + 64 {
            order = order[oldest...].filter { entries[$0] != nil && $0 != number }
            oldest = 0
        }
        order.append(number)
    }

    /// What it costs to hold an exchange: its texts, fields and the room that its bodies take, and a share for the tables.
    private static func bytes(of exchange: CapturedExchange) -> Int {
        let fields = exchange.requestFields.heldByteCount + exchange.responseFields.heldByteCount
        let texts = exchange.agentID.utf8.count + exchange.requestID.utf8.count + exchange.peer.utf8.count
        let line = exchange.method.utf8.count + exchange.target.capacity + exchange.outcome.utf8.count
        return overhead + fields + texts + line + exchange.requestBody.prefix.capacity + exchange.responseBody.prefix.capacity
    }

    /// The value itself, its place in the tables, and the headers of its allocations.
    private static let overhead = MemoryLayout<Entry>.stride + 256
}
