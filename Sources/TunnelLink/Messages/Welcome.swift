// The result of `agent.register`: the terms. What other implementations leave out has a default.

import MachineCore
import RPCCore

/// The result of `agent.register`.
public struct Welcome: Sendable, Hashable {
    /// For the logs of both ends.
    public var sessionID: String
    /// Where visitors find the agent.
    public var webURL: String
    /// How often the agent should ping.
    public var ping: Duration
    /// Bytes that either end may send on a new stream before the first credit.
    public var initialWindow: Int
    /// Exchanges at once on this tunnel.
    public var maximumStreams: Int
    /// Whether the gateway takes binary messages whose masking key is zero. Default false.
    public var takesZeroMask: Bool

    /// A welcome with these terms.
    public init(
        sessionID: String, webURL: String, ping: Duration, initialWindow: Int, maximumStreams: Int, takesZeroMask: Bool = false
    ) {
        self.sessionID = sessionID
        self.webURL = webURL
        self.ping = ping
        self.initialWindow = initialWindow
        self.maximumStreams = maximumStreams
        self.takesZeroMask = takesZeroMask
    }
}

extension Welcome {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("sessionId")
        writer.string(sessionID)
        writer.name("webUrl")
        writer.string(webURL)
        for (name, value) in [
            ("pingMs", ping.wholeMilliseconds), ("initialWindow", Int64(initialWindow)), ("maxStreams", Int64(maximumStreams)),
        ] as [(StaticString, Int64)] {
            writer.name(name)
            writer.integer(value)
        }
        if takesZeroMask {
            writer.name("zeroMask")
            writer.bool(true)
        }
        writer.endObject()
    }

    /// The welcome in a result; what other implementations leave out keeps `defaults`.
    init(_ result: JSONNode?, defaults: Welcome) throws(BadParams) {
        self = defaults
        guard var result = result.flatMap({ JSONObject($0) }) else { return }
        sessionID = try result.text("sessionId") ?? sessionID
        webURL = try result.text("webUrl") ?? webURL
        ping = try result.integer("pingMs", in: 1...86_400_000).map { .milliseconds($0) } ?? ping
        initialWindow = try result.integer("initialWindow", in: 0...Int64(Int32.max)).map { Int($0) } ?? initialWindow
        maximumStreams = try result.integer("maxStreams", in: 0...Int64(Int32.max)).map { Int($0) } ?? maximumStreams
        takesZeroMask = try result.flag("zeroMask") ?? takesZeroMask
    }
}
