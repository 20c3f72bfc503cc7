// One tunnel over one WebSocket, after its handshake, the same at both ends: JSON-RPC messages, streams, flow control,
// fairness.
//
// Both versions look alike from outside: a head, then bytes, then an end. v1 holds the bytes until the end and sends one
// message; v2 sends each byte when there is credit and room. Control (heads, credit, resets, pongs) goes before data; data is
// taken from the streams in turn. The owner collects all that is ready with `takeOutput` once a turn, so that it shares a
// write.
//
// It refuses: more streams than agreed, a peer that overruns its credit, bodies above the limit in v1, messages out of place.

import HTTPCodec
import MachineCore
import RPCCore
import WireWS

/// One end of a tunnel. Give it what came (`receive`), take what happened (`next`), write what is ready (`takeOutput`).
public struct TunnelSession {
    /// Which end this is.
    public enum Role: Sendable, Hashable {
        /// Accepted the WebSocket; sends requests.
        case gateway
        /// Dialled; responds to requests. The seed feeds the keys that mask its frames (RFC 6455 §5.3).
        case agent(seed: [UInt8])
    }

    /// What the subprotocol named.
    public let version: TunnelVersion
    /// What is held at most; the agent takes the window and the number of streams from its welcome.
    public private(set) var limits: TunnelLimits

    let isGateway: Bool
    var socket: WSConnection
    /// The binary message that is coming.
    var frameReader = DataFrameReader()
    @usableFromInline var streams = StreamTable<TunnelStream>()
    var events = FIFO<TunnelEvent>()
    /// Encoded and ready for the wire, behind `outputPieces`.
    @usableFromInline var output: [UInt8] = []
    /// What goes out before `output`: earlier output, and payloads where they lie, until the end of the turn.
    var outputPieces: [ArraySlice<UInt8>] = []
    @usableFromInline var pieceBytes = 0
    /// Streams that await their turn: those that are sendable, each once.
    var scheduled = FIFO<StreamID>()
    private var lastStream: UInt32 = 0
    /// Taken by the transport and not yet written.
    @usableFromInline var unwritten = 0
    /// How much was taken at once before: about what will be next time.
    private(set) var lastOutputCount = 0
    /// The last message's buffer, for the next.
    var scratch: [UInt8] = []
    /// Fields of messages that are done with: the next that come have their memory.
    var spareFields: [HTTPFields] = []
    /// Streams that are over, for the next.
    private var idleStreams = UsedObjects<TunnelStream>(maximum: TunnelSession.maximumSpares)
    /// What windows have grown by: the sum of `grownBytes` of the streams that are open, `<= limits.windowBudget`.
    var grownBytes = 0
    /// What waits in the queues of all streams.
    var queuedCount = 0
    /// v1: streams that were told to wait because all bodies together are too large, first come first.
    var heldBack = FIFO<StreamID>()
    /// v1: the one that goes on nevertheless, so that at least one becomes whole.
    var privileged: StreamID?
    /// What came on all streams and was not yet consumed (v2).
    public internal(set) var heldBytes = 0
    /// The shortest time that a ping and its pong took; the owner measures it. Windows do not grow before it is known.
    public var roundTrip: Duration?
    /// A stream emptied a whole window and `roundTrip` is not known: the owner should ping now.
    public internal(set) var wantsRoundTrip = false
    /// Agent: the id of the `agent.register` that awaits its response.
    var registrationID: RPCID?
    /// What we sent because of the peer, and it is not known to have read: at most `backlog`, once the peer is registered.
    var unreadReplies = 0
    /// Gateway: the agent may use what the limits allow. Before its registration it may do little.
    private(set) var isAdmitted: Bool
    /// What came before.
    private(set) var bytesBeforeAdmission = 0
    /// Gateway: the id in the URL, for agents that do not repeat it in `agent.register`.
    public var agentIDInURL: String?

    /// An end of a tunnel of this version.
    public init(_ role: Role, version: TunnelVersion, limits: TunnelLimits = .init()) {
        self.version = version
        self.limits = limits
        switch role {
        case .gateway:
            isGateway = true
            isAdmitted = false
            socket = WSConnection(.server, limits: limits.unregisteredWebSocket, splitsBinary: true)
        case .agent(let seed):
            isGateway = false
            isAdmitted = true
            socket = WSConnection(.client(seed: seed), limits: limits.webSocket(version), splitsBinary: true)
        }
    }

    /// Whether this end has sent its Close frame.
    public var isClosing: Bool { socket.isClosing }
    /// Streams that are open.
    @inlinable public var openStreams: Int { streams.count }
    /// Bytes waiting for the peer: encoded, or given to the transport and not yet written.
    @inlinable public var backlog: Int { pieceBytes + output.count + unwritten }
    /// Bytes of bodies that wait in the streams.
    public var queuedBytes: Int { queuedCount }
    /// Whether the stream may be given more: it is not full.
    public func hasRoom(_ stream: StreamID) -> Bool { streams[stream]?.isFull == false }
    /// Whether the stream is open.
    public func isOpen(_ stream: StreamID) -> Bool { streams.contains(stream) }

    // MARK: The transport's side

    /// Takes bytes from the transport; lent, as in `WSConnection.receive`.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if !isAdmitted { bytesBeforeAdmission += bytes.count }
        socket.receive(bytes)
    }

    /// What should be written now; empty when there is nothing, or when the peer is too slow for more.
    public mutating func takeOutput() -> ArraySlice<UInt8> {
        let pieces = takePieces()
        return pieces.count > 1 ? Array(pieces.joined())[...] : pieces.first ?? []
    }

    /// The same in pieces, in their order: large payloads are where they were given to `send`.
    public mutating func takePieces() -> [ArraySlice<UInt8>] {
        pump()
        if !heldBack.isEmpty { releaseHeldBack() }
        if !output.isEmpty {
            outputPieces.append(output[...])
            lastOutputCount = output.count
        }
        unwritten += pieceBytes + output.count
        let ready = outputPieces
        output = []
        outputPieces = []
        pieceBytes = 0
        return ready
    }

    /// The transport wrote `count` of the bytes taken before.
    public mutating func wrote(_ count: Int) {
        unwritten = max(0, unwritten - count)
        if unreadReplies > 0, isAdmitted { unreadReplies = min(unreadReplies, backlog) }
    }

    /// Whether `takeOutput` would give something.
    public var hasOutput: Bool { !output.isEmpty || pieceBytes > 0 || (!scheduled.isEmpty && room > 0) }

    // MARK: The tunnel itself

    /// Gateway: the agent is registered; what the limits allow is open to it from the next frame on.
    public mutating func admit() {
        guard !isAdmitted else { return }
        isAdmitted = true
        socket.setLimits(limits.webSocket(version))
    }

    /// Agent: the terms of the gateway's welcome hold from now on, as far as its own limits go. `zeroMask`: data is masked with
    /// the key zero, if the gateway takes that.
    public mutating func adopt(_ welcome: Welcome, zeroMask: Bool = false) {
        socket.masksBinaryWithZero = zeroMask && welcome.takesZeroMask
        limits.initialWindow = min(max(0, welcome.initialWindow), limits.maximumWindow)
        limits.maximumStreams = min(limits.maximumStreams, welcome.maximumStreams)
    }

    /// Agent: another tunnel takes this one's place; it may hold less from now on, for there may be several like it.
    public mutating func retire() {
        limits.maximumHeld /= 4
        limits.maximumQueued /= 4
    }

    /// Sends a ping; `pong` with the same payload (at most 125 bytes) follows.
    public mutating func ping(_ payload: [UInt8]) {
        wantsRoundTrip = false
        _ = socket.ping(payload[...], into: &output)
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2). What the peer still sends is ignored, but for its own close.
    public mutating func close(_ code: WSCloseCode, reason: String) { socket.close(code, reason: reason, into: &output) }

    // MARK: Streams

    /// Gateway: sends a request. Nil: as many streams are open as may be.
    public mutating func open(_ request: WebRequest) -> StreamID? { open(ForwardedRequest(request)) }

    /// Gateway: sends a request. Nil: as many streams are open as may be.
    public mutating func open(_ request: ForwardedRequest) -> StreamID? {
        guard streams.count < limits.maximumStreams, !socket.isClosing else { return nil }
        let id = nextStreamID()
        let stream = newStream()
        stream.headSent = true
        if version == .v1, request.hasBody {
            stream.heldRequest = request.whole
        } else {
            stream.endRequested = !request.hasBody
            stream.endSent = !request.hasBody
            if version == .v1 {
                sendRequest(request.whole, on: id, wholeBody: [])
            } else if !sendCanonical(request, on: id) {
                sendRequest(request.whole, on: id, wholeBody: nil)
            }
        }
        streams.insert(stream, id)
        return id
    }

    /// Agent: sends the head of the response, or in the place of one that does not fit a failure. Ignored if the stream is
    /// gone.
    public mutating func respond(_ response: WebResponse, on id: StreamID) {
        guard let stream = streams[id], !stream.headSent else { return }
        guard limits.fits(response) else {
            let failure = TunnelFailure.serviceBroken.failure("the head of the response is too large")
            return fail(id, failure, reason: .protocolError)
        }
        stream.headSent = true
        if version == .v1, response.hasBody {
            stream.heldResponse = response
            return
        }
        sendResponse(response, on: id, requestID: stream.requestID, wholeBody: version == .v1 ? [] : nil)
        if !response.hasBody {
            stream.endRequested = true
            stream.endSent = true
            forgetIfOver(id, stream)
        }
    }

    /// Sends bytes on a stream, and its end if they are the last.
    public mutating func send(_ bytes: ArraySlice<UInt8>, on id: StreamID, end: Bool, trailers: HTTPFields = .init())
        -> SendOutcome
    {
        guard let stream = streams[id], !stream.endRequested else { return .gone }
        if version == .v1 { return hold(bytes, on: id, stream, end: end) }
        var rest = bytes
        if stream.queue.isEmpty, scheduled.isEmpty, trailers.isEmpty { sendNow(&rest, on: id, stream, end: end) }
        guard !stream.endSent else { return .sent }
        let queued = queue(rest, on: id, stream, end: end, trailers: trailers)
        if queued >= limits.streamQueueBytes {
            stream.isFull = true
            return .full
        }
        return .sent
    }

    /// Gives the stream up. The peer is told why (v2); v1 has no message for it.
    public mutating func reset(_ id: StreamID, _ reason: ResetReason) {
        guard remove(id), version == .v2 else { return }
        _ = socket.binary(DataFrame.reset(id, reason)[...], into: &output)
    }

    /// Agent: there will be no (whole) response. Before its head that is a JSON-RPC error, after it a reset.
    public mutating func fail(_ id: StreamID, _ failure: RPCFailure, reason: ResetReason) {
        guard let stream = streams[id] else { return }
        if version == .v2, stream.headSent { return reset(id, reason) }
        let requestID = stream.requestID ?? .string(id.requestID)
        remove(id)
        reply(requestID, failure)
    }

    /// Takes the fields of a message that is done with, for the memory they have.
    public mutating func recycle(_ fields: consuming HTTPFields) {
        if version == .v2, spareFields.count < Self.maximumSpares, fields.mayServeAgain { spareFields.append(fields) }
    }

    /// As many as are under way at once on a busy tunnel, and few enough for one that is idle again.
    private static var maximumSpares: Int { 64 }

    // MARK: Shared with the extensions

    /// A stream, in the memory of one that is over if there is one that nobody holds.
    mutating func newStream() -> TunnelStream {
        guard let stream = idleStreams.take() else { return TunnelStream(window: limits.initialWindow) }
        stream.begin(window: limits.initialWindow)
        return stream
    }

    /// Takes the stream away, and its share of the budget back; false if it is not there.
    @discardableResult mutating func remove(_ id: StreamID) -> Bool {
        guard let stream = streams.remove(id) else { return false }
        grownBytes -= stream.grownBytes
        heldBytes -= version == .v2 ? stream.receiveWindow.held : stream.wholeBytes
        queuedCount -= stream.queue.count
        stream.clear()
        idleStreams.keep(stream)
        return true
    }

    /// A number that no open stream has. Numbers are reused after 2^32 streams, long after anyone remembers them.
    mutating func nextStreamID() -> StreamID {
        repeat { lastStream = lastStream == .max ? 1 : lastStream + 1 } while streams.contains(StreamID(rawValue: lastStream))
        return StreamID(rawValue: lastStream)
    }

    /// Bytes of data that may still join the output. Control is not held to it.
    var room: Int { limits.outputHighWater - backlog }
}
