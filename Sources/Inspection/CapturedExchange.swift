// One request and its response as an inspector records them: whole heads, bodies up to a limit, times, and how the exchange
// ended.

import HTTPCodec

/// The beginning of a body, and how long it was.
public struct CapturedBody: Sendable, Hashable {
    /// The first bytes, at most as many as the inspector keeps.
    public private(set) var prefix: [UInt8] = []
    /// Length of the body so far, in bytes.
    public private(set) var count: UInt64 = 0

    /// An empty body.
    public init() {}

    /// Whether `prefix` is all of it.
    public var isWhole: Bool { UInt64(prefix.count) == count }

    /// Counts `bytes` and keeps those that still fit into `limit`. Returns how many of them it kept.
    @discardableResult
    public mutating func append(_ bytes: ArraySlice<UInt8>, limit: Int) -> Int {
        let (sum, overflow) = count.addingReportingOverflow(UInt64(bytes.count))
        count = overflow ? .max : sum
        let kept = bytes.prefix(max(0, limit - prefix.count))
        prefix.append(contentsOf: kept)
        return kept.count
    }
}

/// One exchange, finished or under way. Whoever fills it in masks secrets first (`Secrets`).
public struct CapturedExchange: Sendable, Hashable {
    /// The outcome of an exchange whose response was complete.
    public static let done = "done"

    /// Counts up from 1 for each inspector.
    public var number: UInt64 = 0
    /// The agent that the request was for.
    public var agentID: String
    /// The `X-Request-ID`, which logs of other programs have too; empty: none.
    public var requestID = ""
    /// The visitor's address.
    public var peer = ""
    /// When the request's head had arrived, in milliseconds since 1970.
    public var startedAtMilliseconds: Int64
    /// The method.
    public var method: String
    /// The path and query as the service sees them, secrets masked. Untrusted bytes.
    public var target: [UInt8]
    /// The request's fields, secrets masked.
    public var requestFields: HTTPFields
    /// The request's body.
    public var requestBody = CapturedBody()
    /// The status of the response; nil before it comes, and if there is none.
    public var status: Int?
    /// The fields of the response, secrets masked.
    public var responseFields = HTTPFields()
    /// The body of the response.
    public var responseBody = CapturedBody()
    /// From the arrival of the request's head until it was passed on to the tunnel or the service, in microseconds: how long it
    /// waited.
    public var queueMicroseconds: Int64 = 0
    /// From the arrival of the request's head until the response's head, in microseconds; nil before it.
    public var firstByteMicroseconds: Int64?
    /// From the arrival of the request's head to the end, in microseconds; nil while the exchange is under way.
    public var totalMicroseconds: Int64?
    /// How it ended: `done`, `cancelled` (by the visitor), or a code such as `service-timed-out`; empty while it is under way.
    public var outcome = ""
    /// The number of the exchange that it repeats; nil: a visitor's request.
    public var replayOf: UInt64?

    /// An exchange of which the request's head has arrived. The caller has masked its secrets.
    public init(
        agentID: String, method: String, target: [UInt8], requestFields: HTTPFields, startedAtMilliseconds: Int64
    ) {
        self.agentID = agentID
        self.method = method
        self.target = target
        self.requestFields = requestFields
        self.startedAtMilliseconds = startedAtMilliseconds
    }

    /// The exchange that begins with a request for `path`. Masks the secrets of target and fields.
    public init(
        agentID: String, method: String, path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?, fields: HTTPFields,
        startedAtMilliseconds: Int64
    ) {
        let target = Array(path) + (query.map { [UInt8(ascii: "?")] + $0 } ?? [])
        self.init(
            agentID: agentID, method: method, target: Secrets.masked(target: target), requestFields: Secrets.masked(fields),
            startedAtMilliseconds: startedAtMilliseconds)
    }
}
