// What a tunnel holds at most: the limits that it keeps, and those that follow for what it reads.

import HTTPCodec
import RPCCore
import WireWS

/// What a tunnel holds at most.
public struct TunnelLimits: Sendable, Hashable {
    /// Exchanges at once. With `initialWindow` and `windowBudget` it bounds the memory of one tunnel.
    public var maximumStreams = 1024
    /// Bytes that may be under way on a new stream in one direction without credit from the receiver (v2).
    public var initialWindow = 256 * 1024
    /// What the window of one stream may grow to (v2): 16 MiB fill 640 Mbit/s at 200 ms.
    public var maximumWindow = 16 * 1024 * 1024
    /// What all streams' windows together may grow beyond their initial size (v2). Memory: this much in all, while as many
    /// streams as may are open and their readers stopped together.
    public var windowBudget = 64 * 1024 * 1024
    /// Bytes that came on all streams and that the owner has not consumed yet (v2). What goes beyond resets its stream. A
    /// gateway has windows of its own making and needs no such limit; an agent takes its windows from the gateway, and must not
    /// trust them without a limit of its own.
    public var maximumHeld = Int.max
    /// Bytes that wait in all streams for credit or their turn before the owner is told to read no further (v2).
    public var maximumQueued = Int.max
    /// The largest body that v1 carries; each exchange of a v1 tunnel may hold that much.
    public var maximumBufferedBody = 8 * 1024 * 1024
    /// The largest JSON-RPC message without a body: what either end takes. A head that does not fit is refused where it would
    /// be sent (`fits`); JSON writes most bytes as one, quotes and bytes beyond ASCII as two.
    public var maximumHeadBytes = 256 * 1024
    /// Bytes of one stream that wait for credit or their turn before its source is told to pause (v2).
    public var streamQueueBytes = 64 * 1024
    /// Bytes given to the transport and not yet written before data waits in its streams (v2).
    public var outputHighWater = 256 * 1024
    /// Bytes of messages and frames for a peer that does not read, before the tunnel is given up.
    public var maximumBacklog = 64 * 1024 * 1024

    /// Replies to what makes no sense, pongs and the like for a peer that does not read them, before the tunnel is closed
    /// (1008). An agent of ours that is asked for 1024 exchanges more than it may have refuses them with an eighth of it.
    public var maximumUnreadReplies = 1024 * 1024
    /// Of an agent that has not registered, the gateway takes no longer message than this,
    public var unregisteredMessageBytes = 64 * 1024
    /// no more bytes in all,
    public var unregisteredBytes = 256 * 1024
    /// and sends it no more, read or not.
    public var unregisteredReplies = 16 * 1024

    /// The defaults.
    public init() {}

    /// How large a WebSocket message of an agent may be that has not registered.
    var unregisteredWebSocket: WSLimits {
        WSLimits(maximumFrameBytes: unregisteredMessageBytes, maximumMessageBytes: unregisteredMessageBytes)
    }

    /// How large a WebSocket message may be.
    func webSocket(_ version: TunnelVersion) -> WSLimits {
        let count =
            switch version {
            case .v1: maximumHeadBytes + Base64.encodedCount(maximumBufferedBody)
            case .v2: max(maximumHeadBytes, DataFrame.headerCount + DataFrame.maximumPayloadCount)
            }
        return WSLimits(maximumFrameBytes: count, maximumMessageBytes: count)
    }

    func json(_ version: TunnelVersion) -> JSONLimits {
        JSONLimits(maximumBytes: webSocket(version).maximumMessageBytes)
    }
}

// MARK: Heads

extension TunnelLimits {
    /// Whether the message that carries this head is one that the peer takes. A body does not count.
    public func fits(_ request: ForwardedRequest) -> Bool {
        let texts = request.path.count + (request.query?.count ?? 0) + request.method.utf8.count
        let count = texts + (request.upgrade?.utf8.count ?? 0) + request.forwarding.byteCount + Self.forwardingNameBytes
        return surelyFits(request.fields, besides: count) || fitsWritten(request)
    }

    private func fitsWritten(_ request: ForwardedRequest) -> Bool {
        var writer = JSONWriter()
        request.whole.write(to: &writer, stream: StreamID(rawValue: .max), requestID: "web_", wholeBody: nil)
        return writer.finish().count <= mostBytes
    }

    /// The names of all forwarding fields, and what stands around them, in bytes.
    private static var forwardingNameBytes: Int { 128 }

    /// Whether the message that carries this head is one that the peer takes. A body does not count.
    public func fits(_ response: WebResponse) -> Bool {
        surelyFits(response.fields, besides: 0) || fitsWritten(response)
    }

    private func fitsWritten(_ response: WebResponse) -> Bool {
        var writer = JSONWriter()
        response.write(to: &writer, stream: StreamID(rawValue: .max), wholeBody: nil)
        return writer.finish().count <= mostBytes
    }

    /// Nearly always the bytes alone tell: quoting at most doubles what a head may hold, and 8 bytes stand around each field.
    private func surelyFits(_ fields: HTTPFields, besides count: Int) -> Bool {
        (fields.storedByteCount + count) * 2 + fields.count * 8 <= mostBytes
    }

    private var mostBytes: Int { maximumHeadBytes - Self.envelopeBytes }

    /// Room for what stands around the params or the result: version, id, method, and the other members' names.
    private static var envelopeBytes: Int { 512 }
}
