// The messages of a host to its agent, and the agent's notes to its host: values, never closures.
//
// Nothing here holds the token. Bytes of visitors (paths, queries) stay bytes; text is made of them only when asked for, and
// then of visible ASCII alone.

import HTTPCodec
import Inspection
import MachineCore
import TunnelLink

/// A message of the host to its agent.
public enum AgentMessage: Sendable, Hashable {
    /// Dial the gateway. Ignored while the agent runs, except that a back-off is cut short.
    case start
    /// Something about the agent changed: the gateway is told now, and at each later registration.
    case status(StatusUpdate)
    /// The response to `AgentNote.call`, or to `AgentNote.open` before its `head`. Ignored when no visitor waits for it any
    /// more, as are the four that follow.
    case respond(HandlerCall, HandlerResponse)
    /// The head of the response to `AgentNote.open`; `body` follows unless it has none (HEAD, 204, 304, length 0).
    case head(HandlerCall, HandlerResponseHead)
    /// More of the response's body; `end` with the last of it, which may be empty. The reply is `writable` or `full`.
    case body(HandlerCall, [UInt8], end: Bool)
    /// The host is rid of so many bytes of the request's body: the visitor may send as many more.
    case took(HandlerCall, Int)
    /// There will be no (whole) response: 502 before the head, a visible cut after it. The reason is for people.
    case fail(HandlerCall, reason: String)
    /// Send a request to the service again, one that was captured under the number `of`. The reply is `captured` under the same
    /// `call`, also if it fails at once. Ignored without `AgentConfiguration.captures`.
    case replay(ReplayedRequest, of: UInt64, call: UInt64)
    /// From now on run with this: services and time limits from the next request on, the token from the next handshake on.
    /// Another gateway, id, description or version of the tunnel is a new connection at once. One that cannot be used changes
    /// nothing. `captures`, pools and back-off stay as they were. (Indirect: it is large, and would make every message so.)
    indirect case reconfigure(AgentConfiguration)
    /// Take no new requests, finish what is in flight, at the latest within that time, and stop.
    case drain(within: Duration)
    /// Stop now; what is in flight is cut.
    case stop
}

/// A note of an agent to its host.
public enum AgentNote: LoggingNote, Hashable {
    /// For the log; never holds a secret.
    case log(LogRecord)
    /// The agent is in another phase.
    case phase(AgentPhase)
    /// A request is over, well or badly.
    case exchange(ExchangeRecord)
    /// With `AgentConfiguration.captures`: an exchange began, or (`totalMicroseconds` is set) is over; its number is the
    /// agent's. `call` names the replay that it is. (Indirect: it is large, and would make every note so.)
    indirect case captured(CapturedExchange, call: UInt64?)
    /// A request for the in-process handler, whole; the host replies with `AgentMessage.respond`.
    case call(HandlerCall, HandlerRequest)
    /// A request for the streaming handler or for a folder. `body` and one `bodyEnd` follow, or `cancelled`, as long as it is
    /// not replied to.
    case open(HandlerCall, HandlerHead)
    /// Bytes of the request's body, lent: a host that keeps them beyond this call copies them. It sends `AgentMessage.took`
    /// when it is rid of them.
    case body(HandlerCall, ArraySlice<UInt8>)
    /// The request's body is whole, or there is none.
    case bodyEnd(HandlerCall)
    /// After `AgentMessage.head` and each `body` but the last: send the next piece when you have one. After `full`: go on.
    case writable(HandlerCall)
    /// After `AgentMessage.body`: it was taken, but send no more until `writable`. What is sent nevertheless is held in memory.
    case full(HandlerCall)
    /// The response is not wanted any more, that of the whole-value handler neither: the visitor left, the tunnel is lost, the
    /// response is too large for v1 or not what its head said.
    case cancelled(HandlerCall)
    /// The gateway registered the agent; visitors find it at `webURL`, which may be empty.
    case registered(webURL: String)
    /// The round trip to the gateway: measured by the registration, then by each ping.
    case roundTrip(Duration)
    /// The agent does nothing any more until it is started again.
    case stopped(reason: String)
}

/// Where an agent stands with its gateway. Transitions are in `AgentPhase.after`.
public enum AgentPhase: Sendable, Hashable {
    /// Makes a connection, by way of a proxy and with TLS if that is wanted, for the `attempt`-th time since one was last
    /// stable. Next: upgrading, backingOff.
    case dialing(attempt: Int)
    /// Awaits the response to the WebSocket upgrade. Next: registering, backingOff.
    case upgrading
    /// Awaits the response to `agent.register`. Next: serving, dialing, backingOff, stopped.
    case registering
    /// Serves requests. Next: dialing (the gateway drains), backingOff, draining, stopped.
    case serving
    /// Waits before it dials again. Next: dialing.
    case backingOff(until: Moment, reason: String)
    /// Finishes what is in flight. Next: stopped.
    case draining
    /// Was not started, or has ended. Next: dialing.
    case stopped
}

/// A finished request, for an access log.
public struct ExchangeRecord: Sendable, Hashable {
    /// The method, as the visitor sent it.
    public var method: String
    /// The path, byte-exact.
    public var path: ArraySlice<UInt8>
    /// The query, byte-exact; nil if there was none.
    public var query: ArraySlice<UInt8>?
    /// The status of the response; nil if there was none.
    public var status: Int?
    /// Bytes of the request's body that came.
    public var requestBytes: Int
    /// Bytes of the response's body that were passed on.
    public var responseBytes: Int
    /// From the request's head to the end of the exchange.
    public var duration: Duration
    /// Why the exchange failed, for people; nil if it did not.
    public var failure: String?

    /// Path and query as text: visible ASCII as it is, every other byte as `%XX`. Made when asked for.
    public var target: String {
        var bytes = Array(path)
        if let query {
            bytes.append(UInt8(ascii: "?"))
            bytes.append(contentsOf: query)
        }
        return Self.visible(bytes)
    }

    /// The target without its query, which may hold a secret.
    public var pathText: String { Self.visible(Array(path)) }

    private static func visible(_ bytes: [UInt8]) -> String {
        PercentEncoding.encoded(bytes) { (0x21...0x7e).contains($0) }
    }
}

/// What an agent holds at this moment. All are zero when it has stopped.
public struct AgentCounters: Sendable, Hashable {
    /// Connections to gateways, being made or made: one, and those that are being drained.
    public var tunnels = 0
    /// Requests that are not over.
    public var openExchanges = 0
    /// Connections to the service: busy and idle.
    public var localConnections = 0
    /// Idle connections to the service.
    public var pooledConnections = 0
    /// Connections being made, to the gateway and to the service.
    public var dialing = 0
    /// Calls whose responses the host has not completed.
    public var openCalls = 0
    /// Bytes of bodies that are kept of exchanges under way, for an inspector.
    public var capturedBytes = 0
    /// Bytes that wait for the gateway to read.
    public var backlogBytes = 0
    /// Deadlines that are set.
    public var timers = 0

    /// All zero.
    public init() {}
}
