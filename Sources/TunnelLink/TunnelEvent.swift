// The events that a tunnel hands to its owner.

import HTTPCodec
import RPCCore
import WireWS

/// Something that came through the tunnel.
public enum TunnelEvent: Sendable, Hashable {
    /// To a gateway: an agent asks to be registered, and awaits `welcome` or `refuse`. (Indirect: it is rare, and would make
    /// every event twice as large.)
    indirect case register(RPCID, AgentDescription)
    /// To a gateway: something about the agent changed.
    case status(StatusUpdate)
    /// To a gateway: the agent is about to leave (true), and wants no new requests; or (v1 only) it takes that back.
    case leaving(Bool)
    /// To a gateway: an interim response (100, 102 or 103); the head itself is still to come.
    case informational(StreamID, WebInformational)
    /// To a gateway: the head of a response. Followed by `data` and one `end`, or `reset`.
    case response(StreamID, WebResponse)
    /// To a gateway: there will be no response; the stream is over.
    case failed(StreamID, RPCFailure)

    /// To an agent: it is registered.
    case welcome(Welcome)
    /// To an agent: it is not, and why.
    case refused(RPCFailure)
    /// To an agent: the head of a request. Followed by `data` and one `end`, or `reset`.
    case request(StreamID, WebRequest)
    /// To an agent: dial again elsewhere now; this connection closes within that time.
    case drain(within: Duration)

    /// Bytes of a body, or of an upgraded stream. The owner calls `consumed` when they have left it.
    case data(StreamID, ArraySlice<UInt8>)
    /// No more bytes will come in this direction.
    case end(StreamID, trailers: HTTPFields)
    /// The peer gave the stream up; it is over in both directions.
    case reset(StreamID, ResetReason)
    /// The stream that was full has room again.
    case resume(StreamID)
    /// The pong to a ping, with its payload.
    case pong(ArraySlice<UInt8>)
    /// The peer closes the tunnel; the owner writes what is left of the output and closes the connection.
    case closed(WSCloseCode?, reason: String)
    /// The peer broke the WebSocket protocol or exceeded a limit; the close frame that says so is in the output.
    case broken(code: WSCloseCode, reason: String)
}

/// What became of bytes given to a stream.
public enum SendOutcome: Sendable, Hashable {
    /// Taken.
    case sent
    /// Taken, but send no more until `TunnelEvent.resume`.
    case full
    /// Not taken: v1 holds whole bodies, and this one is larger than `maximumBufferedBody`. The stream is still there.
    case overflow
    /// Not taken: there is no such stream (any more), or its end was sent.
    case gone
}
