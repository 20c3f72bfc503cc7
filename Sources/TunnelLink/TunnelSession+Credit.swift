// How much is held, credit for what has left us, and windows that grow where they are below the bandwidth-delay product
// (Docs/Decisions/0006).

import MachineCore
import WireWS

extension TunnelSession {
    /// So much waits in the streams that nothing more should be read for them; over when half of it is gone. (v1 holds bodies
    /// until they are whole, so some must go on: see `heldBack`.)
    public var isFull: Bool { version == .v2 && queuedCount > limits.maximumQueued }
    /// Of a message that is not whole yet.
    public var unfinishedBytes: Int { socket.unfinishedBytes }
    /// v1: bodies that are collected, encoded, or not yet written, and what has come of a message.
    public var bufferedBytes: Int { queuedCount + backlog + socket.unfinishedBytes }
    /// So much may wait for the peer before it is given up. v1's bodies are messages, and what they may take together comes on
    /// top.
    public var backlogLimit: Int {
        guard version == .v1 else { return limits.maximumBacklog }
        let bodies = isGateway ? limits.maximumBufferedBody : min(limits.maximumQueued, 1 << 40)
        return limits.maximumBacklog + bodies / 3 * 4
    }

    /// The owner is rid of `count` bytes that came on the stream: the peer may send as many more, and further ones if the
    /// window turns out to be below the path's bandwidth-delay product. Without `now` it stays as it is.
    public mutating func consumed(_ count: Int, on id: StreamID, now: Moment? = nil) {
        guard count > 0, let stream = streams[id] else { return }
        guard version == .v2 else { return consumedWhole(count, of: stream) }
        let held = stream.receiveWindow.held
        var credit = stream.receiveWindow.release(count) ?? 0
        heldBytes -= held - stream.receiveWindow.held
        if let now, !stream.endReceived { credit += growth(of: stream, by: count, now) }
        guard credit > 0 else { return }
        _ = socket.binary(DataFrame.credit(id, credit)[...], into: &output)
    }

    /// Doubles the window of a stream that emptied it in less than two round trips, or has emptied it so fast for so long that
    /// each credit for it is a wake-up too many. No stream takes more than half of what is left of the budget, so that those
    /// that come later find something too.
    private mutating func growth(of stream: TunnelStream, by count: Int, _ now: Moment) -> Int {
        let window = stream.receiveWindow.capacity
        guard let elapsed = stream.pace.advance(count, window: window, now: now) else { return 0 }
        if roundTrip == nil { wantsRoundTrip = true }
        stream.fastDrains = elapsed < Self.fastDrainTime ? stream.fastDrains + 1 : 0
        let isFast = stream.fastDrains >= Self.fastDrainRun && window < Self.fastDrainWindow
        guard isFast || roundTrip.map({ elapsed < $0 * 2 }) ?? false else { return 0 }
        stream.fastDrains = 0
        let growth = min(window, limits.maximumWindow - window, (limits.windowBudget - grownBytes) / 2)
        guard growth >= Self.leastGrowth else { return 0 }
        stream.receiveWindow.grow(by: growth)
        stream.grownBytes += growth
        grownBytes += growth
        return growth
    }

    /// A window that empties in less time grows, up to `fastDrainWindow`, however short the round trip.
    private static let fastDrainTime = Duration.milliseconds(5)
    /// So many times in a row: what the buffers of a visitor's system swallow at first says nothing about the visitor.
    private static let fastDrainRun = 32
    /// Half of it is announced at a time: so much that the credit costs nothing beside the data.
    private static let fastDrainWindow = 1024 * 1024
    /// Less is not worth a message.
    private static let leastGrowth = 16 * 1024
}
