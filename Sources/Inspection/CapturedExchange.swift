// One request and its answer, as the inspector remembers them: heads whole, bodies up to a limit, times, and who ended it.

import HTTPCodec

/// The beginning of a body, and how long it was.
public struct CapturedBody: Sendable, Hashable {
    /// The first bytes, at most as many as the inspector keeps.
    public private(set) var prefix: [UInt8] = []
    /// Bytes that went by.
    public private(set) var count: UInt64 = 0

    /// Nothing yet.
    public init() {}

    /// Whether `prefix` is all of it.
    public var isWhole: Bool { UInt64(prefix.count) == count }

    /// These bytes went by; keeps what still fits into `limit`. The bytes kept more than before.
    @discardableResult
    public mutating func append(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
        let (sum, overflow) = count.addingReportingOverflow(UInt64(bytes.count))
        count = overflow ? .max : sum
        let kept = bytes.prefix(max(0, limit - prefix.count))
        prefix.append(contentsOf: kept)
        return kept.count
    }
}

/// One exchange, finished or under way. Secrets are masked before anything is put here.
public struct CapturedExchange: Sendable, Hashable {
    /// The outcome of an exchange that ended as it should.
    public static let done = "done"

    /// Counts up from 1 for each inspector.
    public var number: UInt64 = 0
    /// The agent that answered.
    public var agentID: String
    /// What ties it to the logs of others (`X-Request-ID`); empty: none.
    public var requestID = ""
    /// The visitor's address.
    public var peer = ""
    /// When its head was here, in milliseconds since 1970.
    public var startedAtMilliseconds: Int64
    /// The method.
    public var method: String
    /// The path and query as the service sees them, bytes of a stranger; secrets masked.
    public var target: [UInt8]
    /// The request's fields, secrets masked.
    public var requestFields: HTTPFields
    /// The request's body.
    public var requestBody = CapturedBody()
    /// The answer's status; nil before it, and if there was none.
    public var status: Int?
    /// The answer's fields, secrets masked.
    public var responseFields = HTTPFields()
    /// The answer's body.
    public var responseBody = CapturedBody()
    /// From the head's arrival until it was given to the tunnel or the service, in microseconds: what it waited for an agent.
    public var queueMicroseconds: Int64 = 0
    /// From the head's arrival until the answer's head; nil before it.
    public var firstByteMicroseconds: Int64?
    /// From the head's arrival to the end; nil while it is under way.
    public var totalMicroseconds: Int64?
    /// How it ended: `done`, `cancelled` (by the visitor), or a code such as `service-timed-out`; empty while it is under way.
    public var outcome = ""
    /// The exchange that it repeats; nil: a visitor's own.
    public var replayOf: UInt64?

    /// An exchange whose request's head has come.
    public init(
        agentID: String, method: String, target: [UInt8], requestFields: HTTPFields, startedAtMilliseconds: Int64
    ) {
        self.agentID = agentID
        self.method = method
        self.target = target
        self.requestFields = requestFields
        self.startedAtMilliseconds = startedAtMilliseconds
    }

    /// The exchange that a request for `path` begins; masks its secrets.
    public init(
        agentID: String, method: String, path: [UInt8], query: [UInt8]?, fields: HTTPFields, startedAtMilliseconds: Int64
    ) {
        let target = query.map { path + [UInt8(ascii: "?")] + $0 } ?? path
        self.init(
            agentID: agentID, method: method, target: Secrets.masked(target: target), requestFields: Secrets.masked(fields),
            startedAtMilliseconds: startedAtMilliseconds)
    }
}
