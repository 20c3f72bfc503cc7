// One tunnel over one WebSocket, after its handshake, the same at both ends: JSON-RPC messages, streams, flow control, fairness.
//
// Both versions look alike from outside: a head, then bytes, then an end. v1 holds the bytes until the end and sends one message;
// v2 sends each byte when there is credit and room. Control (heads, credit, resets, pongs) goes before data; data is taken from
// the streams in turn. The owner collects all that is ready with `takeOutput` once a turn, so that it shares a write.
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
        /// Dialled; answers requests. The seed feeds the keys that mask its frames (RFC 6455 §5.3).
        case agent(seed: [UInt8])
    }

    /// What the subprotocol named.
    public let version: TunnelVersion
    /// What is held at most; the agent takes the window and the number of streams from its welcome.
    public private(set) var limits: TunnelLimits

    let isGateway: Bool
    var socket: WSConnection
    var streams: [StreamID: TunnelStream] = [:]
    var events = FIFO<TunnelEvent>()
    /// Encoded and ready for the wire.
    var output: [UInt8] = []
    private var scheduled = FIFO<StreamID>()
    private var lastStream: UInt32 = 0
    /// Taken by the transport and not yet written.
    private var unwritten = 0
    private var scratch: [UInt8] = []
    /// Agent: the id of the `agent.register` that awaits its answer.
    var registrationID: RPCID?
    /// Gateway: the id in the URL, for agents that do not repeat it in `agent.register`.
    public var agentIDInURL: String?

    /// An end of a tunnel of this version.
    public init(_ role: Role, version: TunnelVersion, limits: TunnelLimits = .init()) {
        self.version = version
        self.limits = limits
        switch role {
        case .gateway:
            isGateway = true
            socket = WSConnection(.server, limits: limits.webSocket(version))
        case .agent(let seed):
            isGateway = false
            socket = WSConnection(.client(seed: seed), limits: limits.webSocket(version))
        }
    }

    /// Streams that are open.
    public var openStreams: Int { streams.count }
    /// Bytes waiting for the peer: encoded, or given to the transport and not yet written.
    public var backlog: Int { output.count + unwritten }
    /// Bytes of bodies that wait in the streams.
    public var queuedBytes: Int { streams.values.reduce(0) { $0 + $1.queue.count } }
    /// Whether the stream is open.
    public func isOpen(_ stream: StreamID) -> Bool { streams[stream] != nil }

    // MARK: The transport's side

    /// Takes bytes from the transport; lent, as in `WSConnection.receive`.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) { socket.receive(bytes) }

    /// What should be written now; empty when there is nothing, or when the peer is too slow for more.
    public mutating func takeOutput() -> ArraySlice<UInt8> {
        pump()
        guard !output.isEmpty else { return [] }
        let ready = output
        output = []
        unwritten += ready.count
        return ready[...]
    }

    /// The transport wrote `count` of the bytes taken before.
    public mutating func wrote(_ count: Int) { unwritten = max(0, unwritten - count) }

    /// Whether `takeOutput` would give something.
    public var hasOutput: Bool { !output.isEmpty || (!scheduled.isEmpty && room > 0) }

    // MARK: The tunnel itself

    /// Agent: asks to be registered; `welcome` or `refused` follows.
    public mutating func register(_ description: AgentDescription) {
        let id = RPCID.integer(1)
        registrationID = id
        sendText { writer in
            RPCCodec.beginRequest(id: id, method: "agent.register", in: &writer)
            description.write(to: &writer)
            writer.endObject()
        }
    }

    /// Gateway: answers `agent.register`.
    public mutating func welcome(_ id: RPCID, _ welcome: Welcome) {
        sendText { writer in
            RPCCodec.beginResult(id: id, in: &writer)
            welcome.write(to: &writer)
            writer.endObject()
        }
    }

    /// Gateway: refuses `agent.register`.
    public mutating func refuse(_ id: RPCID, _ failure: RPCFailure) { reply(id, failure) }

    /// Agent: something about it changed.
    public mutating func update(_ status: StatusUpdate) {
        sendText { writer in
            RPCCodec.beginNotification(method: "agent.status", in: &writer)
            status.write(to: &writer)
            writer.endObject()
        }
    }

    /// Gateway: asks the agent to dial again, and to finish here within `duration`.
    public mutating func drain(within duration: Duration) {
        sendText { writer in
            RPCCodec.beginNotification(method: "gateway.drain", in: &writer)
            writer.beginObject()
            writer.name("withinMs")
            writer.integer(duration.wholeMilliseconds)
            writer.endObject()
            writer.endObject()
        }
    }

    /// Agent: the terms of the gateway's welcome hold from now on.
    public mutating func adopt(_ welcome: Welcome) {
        limits.initialWindow = welcome.initialWindow
        limits.maximumStreams = min(limits.maximumStreams, welcome.maximumStreams)
    }

    /// Asks for a sign of life; `pong` with the same payload (at most 125 bytes) answers.
    public mutating func ping(_ payload: [UInt8]) { _ = socket.ping(payload[...], into: &output) }

    /// Says goodbye. What the peer still sends is ignored, but for its own close.
    public mutating func close(_ code: WSCloseCode, reason: String) { socket.close(code, reason: reason, into: &output) }

    // MARK: Streams

    /// Gateway: sends a request. Nil: as many streams are open as may be.
    public mutating func open(_ request: WebRequest) -> StreamID? {
        guard streams.count < limits.maximumStreams, !socket.isClosing else { return nil }
        let id = nextStreamID()
        let stream = TunnelStream(window: limits.initialWindow)
        stream.headSent = true
        if version == .v1, request.hasBody {
            stream.heldRequest = request
        } else {
            stream.endRequested = !request.hasBody
            stream.endSent = !request.hasBody
            sendRequest(request, on: id, wholeBody: version == .v1 ? [] : nil)
        }
        streams[id] = stream
        return id
    }

    /// Agent: sends the head of the answer. Ignored if the stream is gone.
    public mutating func respond(_ response: WebResponse, on id: StreamID) {
        guard let stream = streams[id], !stream.headSent else { return }
        streams[id]?.headSent = true
        if version == .v1, response.hasBody {
            streams[id]?.heldResponse = response
            return
        }
        sendResponse(response, on: id, requestID: stream.requestID, wholeBody: version == .v1 ? [] : nil)
        if !response.hasBody {
            streams[id]?.endRequested = true
            streams[id]?.endSent = true
            forgetIfOver(id)
        }
    }

    /// Sends bytes on a stream, and its end if they are the last.
    public mutating func send(_ bytes: ArraySlice<UInt8>, on id: StreamID, end: Bool, trailers: HTTPFields = .init())
        -> SendOutcome
    {
        guard let stream = streams[id], !stream.endRequested else { return .gone }
        if version == .v1 { return hold(bytes, on: id, end: end) }
        var rest = bytes
        if stream.queue.isEmpty, scheduled.isEmpty, trailers.isEmpty { sendNow(&rest, on: id, end: end) }
        guard let queued = queue(rest, on: id, end: end, trailers: trailers) else { return .sent }
        if queued >= limits.streamQueueBytes {
            streams[id]?.isFull = true
            return .full
        }
        return .sent
    }

    /// The owner is rid of `count` bytes that came on the stream: the peer may send as many more.
    public mutating func consumed(_ count: Int, on id: StreamID) {
        guard version == .v2, count > 0, let credit = streams[id]?.receiveWindow.release(count) else { return }
        _ = socket.binary(DataFrame.credit(id, credit)[...], into: &output)
    }

    /// Gives the stream up. The peer is told why (v2); v1 has no word for it.
    public mutating func reset(_ id: StreamID, _ reason: ResetReason) {
        guard streams.removeValue(forKey: id) != nil, version == .v2 else { return }
        _ = socket.binary(DataFrame.reset(id, reason)[...], into: &output)
    }

    /// Agent: there will be no (whole) answer. Before its head that is a JSON-RPC error, after it a reset.
    public mutating func fail(_ id: StreamID, _ failure: RPCFailure, reason: ResetReason) {
        guard let stream = streams[id] else { return }
        if version == .v2, stream.headSent { return reset(id, reason) }
        streams[id] = nil
        reply(stream.requestID, failure)
    }
}

// MARK: Sending

extension TunnelSession {
    /// A number that no open stream has. Numbers are reused after 2^32 streams, long after anyone remembers them.
    mutating func nextStreamID() -> StreamID {
        repeat { lastStream = lastStream == .max ? 1 : lastStream + 1 } while streams[StreamID(rawValue: lastStream)] != nil
        return StreamID(rawValue: lastStream)
    }

    private var room: Int { limits.outputHighWater - backlog }

    /// Writes one JSON-RPC message into a buffer that is kept, and frames it.
    mutating func sendText(_ write: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(reusing: scratch)
        scratch = []
        write(&writer)
        var text = writer.finish()
        _ = socket.text(text[...], into: &output)
        if text.capacity <= 16 * 1024 {
            text.removeAll(keepingCapacity: true)
            scratch = text
        }
    }

    mutating func reply(_ id: RPCID, _ failure: RPCFailure) {
        sendText { RPCCodec.writeFailure(id: id, failure, in: &$0) }
    }

    private mutating func sendRequest(_ request: WebRequest, on id: StreamID, wholeBody: ArraySlice<UInt8>?) {
        sendText { writer in
            RPCCodec.beginRequest(id: .string(id.requestID), method: "web.request", in: &writer)
            request.write(to: &writer, stream: id, wholeBody: wholeBody)
            writer.endObject()
        }
    }

    private mutating func sendResponse(
        _ response: WebResponse, on id: StreamID, requestID: RPCID, wholeBody: ArraySlice<UInt8>?
    ) {
        sendText { writer in
            RPCCodec.beginResult(id: requestID, in: &writer)
            response.write(to: &writer, stream: id, wholeBody: wholeBody)
            writer.endObject()
        }
    }

    private mutating func sendTrailers(_ trailers: HTTPFields, on id: StreamID) {
        sendText { writer in
            RPCCodec.beginNotification(method: "web.trailers", in: &writer)
            writer.beginObject()
            writer.name("stream")
            writer.integer(Int64(id.rawValue))
            writer.name("trailers")
            trailers.write(to: &writer)
            writer.endObject()
            writer.endObject()
        }
    }

    /// v1: keeps the bytes, and sends the whole at the end.
    private mutating func hold(_ bytes: ArraySlice<UInt8>, on id: StreamID, end: Bool) -> SendOutcome {
        let held = streams[id]?.queue.count ?? 0
        guard held + bytes.count <= limits.maximumBufferedBody else { return .overflow }
        streams[id]?.queue.append(bytes)
        guard end, let stream = streams[id] else { return .sent }
        let body = stream.queue.takeAll()
        stream.endRequested = true
        stream.endSent = true
        if let request = stream.heldRequest {
            stream.heldRequest = nil
            sendRequest(request, on: id, wholeBody: body)
        } else if let response = stream.heldResponse {
            stream.heldResponse = nil
            sendResponse(response, on: id, requestID: stream.requestID, wholeBody: body)
        }
        forgetIfOver(id)
        return .sent
    }

    /// v2, the usual case: nobody waits, so what credit and room allow goes straight into the output.
    private mutating func sendNow(_ rest: inout ArraySlice<UInt8>, on id: StreamID, end: Bool) {
        while !rest.isEmpty, room > 0 {
            let count = streams[id]?.sendWindow.take(upTo: min(rest.count, DataFrame.maximumPayloadCount)) ?? 0
            if count == 0 { return }
            let isLast = end && count == rest.count
            frame(rest.prefix(count), on: id, end: isLast)
            rest = rest.dropFirst(count)
            if isLast {
                streams[id]?.endRequested = true
                forgetIfOver(id)
            }
        }
    }

    /// v2: what could not go at once waits for its turn. How much waits then, or nil if nothing is left to send.
    private mutating func queue(_ rest: ArraySlice<UInt8>, on id: StreamID, end: Bool, trailers: HTTPFields) -> Int? {
        guard let stream = streams[id], !stream.endSent else { return nil }
        stream.queue.append(rest)
        if end {
            stream.endRequested = true
            stream.trailers = trailers
        }
        let count = stream.queue.count
        schedule(id, stream)
        return count
    }

    func isSchedulable(_ stream: TunnelStream) -> Bool { stream.isSendable && !stream.isScheduled }

    mutating func schedule(_ id: StreamID, _ stream: TunnelStream) {
        guard isSchedulable(stream) else { return }
        stream.isScheduled = true
        scheduled.append(id)
    }

    /// Gives the streams their turns while there is room: at most 16 KiB each while others wait.
    private mutating func pump() {
        while room > 0, let id = scheduled.popFirst() {
            guard let stream = streams[id] else { continue }
            stream.isScheduled = false
            let most = scheduled.isEmpty ? DataFrame.maximumPayloadCount : 16 * 1024
            let count = stream.sendWindow.take(upTo: min(most, stream.queue.count))
            let isLast = stream.endRequested && count == stream.queue.count
            if isLast, !stream.trailers.isEmpty { sendTrailers(stream.trailers, on: id) }
            if count > 0 || isLast {
                let header = DataFrame.dataHeader(id, end: isLast)
                _ = socket.binary(header[...], stream.queue.prefix(count), into: &output)
                stream.queue.drop(count)
                stream.endSent = isLast
            }
            if stream.isFull, stream.queue.count <= limits.streamQueueBytes / 2 {
                stream.isFull = false
                events.append(.resume(id))
            }
            schedule(id, stream)
            forgetIfOver(id)
        }
    }

    private mutating func frame(_ payload: ArraySlice<UInt8>, on id: StreamID, end: Bool) {
        _ = socket.binary(DataFrame.dataHeader(id, end: end)[...], payload, into: &output)
        if end { streams[id]?.endSent = true }
    }

    /// A stream both of whose directions have ended is over.
    mutating func forgetIfOver(_ id: StreamID) {
        if let stream = streams[id], stream.endSent, stream.endReceived { streams[id] = nil }
    }
}
