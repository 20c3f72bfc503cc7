// The control plane: every method of the tunnel, how it is sent and what it means to its receiver. The values and their JSON
// are the files of Messages; what goes over the wire is in Docs/Protocol.md, whose table is compared with this one by a test.
//
// A new message is a case of `TunnelMethod`, a function that sends it, a case of `handleRequest` or `handleNotification`, and
// where the tunnel's owner needs it, a `TunnelEvent`.

import HTTPCodec
import MachineCore
import RPCCore

/// A method of the tunnel: what may be called at the other end.
enum TunnelMethod: UInt8, CaseIterable {
    case webRequest
    case webInformational
    case webTrailers
    case agentRegister
    case agentStatus
    case agentDrain
    case gatewayDrain

    /// Who sends it.
    enum Sender {
        case gateway
        case agent
        case both
    }

    /// Its name on the wire.
    @inline(__always)
    var name: StaticString {
        switch self {
        case .webRequest: "web.request"
        case .webInformational: "web.informational"
        case .webTrailers: "web.trailers"
        case .agentRegister: "agent.register"
        case .agentStatus: "agent.status"
        case .agentDrain: "agent.drain"
        case .gatewayDrain: "gateway.drain"
        }
    }

    /// Who sends it.
    var sender: Sender {
        switch self {
        case .webRequest, .gatewayDrain: .gateway
        case .webInformational, .agentRegister, .agentStatus, .agentDrain: .agent
        case .webTrailers: .both
        }
    }

    /// Whether it awaits a response; else it is a notification.
    var isRequest: Bool {
        switch self {
        case .webRequest, .agentRegister: true
        case .webInformational, .webTrailers, .agentStatus, .agentDrain, .gatewayDrain: false
        }
    }

    /// The version that it exists from.
    var since: TunnelVersion {
        switch self {
        case .webRequest, .agentRegister, .agentStatus, .gatewayDrain: .v1
        case .webInformational, .webTrailers, .agentDrain: .v2
        }
    }

    /// The method of this name; nil if there is none.
    init?(named name: String) {
        var name = name
        let found = name.withUTF8 { name -> TunnelMethod? in
            // By number: a list of all would be an array made for each message.
            var number: UInt8 = 0
            while let method = TunnelMethod(rawValue: number) {
                let own = UnsafeBufferPointer(start: method.name.utf8Start, count: method.name.utf8CodeUnitCount)
                if own.elementsEqual(name) { return method }
                number += 1
            }
            return nil
        }
        guard let found else { return nil }
        self = found
    }
}

// MARK: Sending

extension TunnelSession {
    /// Agent: asks to be registered; `welcome` or `refused` follows.
    public mutating func register(_ description: AgentDescription) {
        let id = RPCID.integer(1)
        registrationID = id
        sendText { writer in
            RPCCodec.beginRequest(id: id, method: TunnelMethod.agentRegister.name, in: &writer)
            description.write(to: &writer)
            writer.endObject()
        }
    }

    /// Gateway: the result of `agent.register`.
    public mutating func welcome(_ id: RPCID, _ welcome: Welcome) {
        let before = output.count
        sendText { writer in
            RPCCodec.beginResult(id: id, in: &writer)
            welcome.write(to: &writer)
            writer.endObject()
        }
        unreadReplies += output.count - before
    }

    /// Gateway: refuses `agent.register`.
    public mutating func refuse(_ id: RPCID, _ failure: RPCFailure) { reply(id, failure) }

    /// Agent: its description changed.
    public mutating func update(_ status: StatusUpdate) {
        sendText { writer in
            RPCCodec.beginNotification(method: TunnelMethod.agentStatus.name, in: &writer)
            status.write(to: &writer)
            writer.endObject()
        }
    }

    /// Agent: it is about to leave, and wants no new requests. What it has it finishes within `duration`.
    public mutating func leave(within duration: Duration) {
        guard version >= TunnelMethod.agentDrain.since else { return update(StatusUpdate(status: Self.leavingStatus)) }
        sendDrain(.agentDrain, within: duration)
    }

    /// The status of a v1 agent that leaves: v1 has no message for it.
    public static let leavingStatus = "draining"

    /// Gateway: asks the agent to dial again, and to finish here within `duration`.
    public mutating func drain(within duration: Duration) {
        sendDrain(.gatewayDrain, within: duration)
    }

    private mutating func sendDrain(_ method: TunnelMethod, within duration: Duration) {
        sendText { writer in
            RPCCodec.beginNotification(method: method.name, in: &writer)
            writer.beginObject()
            writer.name("withinMs")
            writer.integer(duration.wholeMilliseconds)
            writer.endObject()
            writer.endObject()
        }
    }

    /// Agent: sends an interim response. Ignored in v1, which has no message for it, with a status that may not pass,
    /// after the head, and if the stream is gone.
    public mutating func inform(_ interim: WebInformational, on id: StreamID) {
        guard version >= TunnelMethod.webInformational.since, WebInformational.isValidStatus(interim.status),
            let stream = streams[id], !stream.headSent, limits.fits(WebResponse(status: interim.status, fields: interim.fields))
        else {
            return
        }
        sendText { writer in
            RPCCodec.beginNotification(method: TunnelMethod.webInformational.name, in: &writer)
            interim.write(to: &writer, stream: id)
            writer.endObject()
        }
    }

    mutating func sendRequest(_ request: WebRequest, on id: StreamID, wholeBody: ArraySlice<UInt8>?) {
        let requestID = id.requestID
        sendText { writer in
            RPCCodec.beginRequest(id: .string(requestID), method: TunnelMethod.webRequest.name, in: &writer)
            request.write(to: &writer, stream: id, requestID: requestID, wholeBody: wholeBody)
            writer.endObject()
        }
    }

    mutating func sendResponse(
        _ response: WebResponse, on id: StreamID, requestID: RPCID?, wholeBody: ArraySlice<UInt8>?
    ) {
        if wholeBody == nil, requestID == nil, sendCanonical(response, on: id) { return }
        sendText { writer in
            RPCCodec.beginResult(id: requestID ?? .string(id.requestID), in: &writer)
            response.write(to: &writer, stream: id, wholeBody: wholeBody)
            writer.endObject()
        }
    }

    mutating func sendTrailers(_ trailers: HTTPFields, on id: StreamID) {
        sendText { writer in
            RPCCodec.beginNotification(method: TunnelMethod.webTrailers.name, in: &writer)
            writer.beginObject()
            writer.name("stream")
            writer.integer(Int64(id.rawValue))
            writer.name("trailers")
            trailers.write(to: &writer)
            writer.endObject()
            writer.endObject()
        }
    }
}

// MARK: Receiving

extension TunnelSession {
    mutating func handleRequest(_ envelope: RPCEnvelope) throws(BadParams) {
        switch TunnelMethod(named: envelope.method) {
        case .webRequest where !isGateway: try handleWebRequest(envelope)
        case .agentRegister where isGateway:
            events.append(.register(envelope.id, try AgentDescription(envelope.payload, fallbackID: agentIDInURL)))
        case .webRequest, .agentRegister, .webInformational, .webTrailers, .agentStatus, .agentDrain, .gatewayDrain, nil:
            reply(envelope.id, RPCFailure(code: -32601, message: "Method not found: \(envelope.method.prefix(64))"))
        }
    }

    /// What makes no sense, or is not for this end, is ignored.
    mutating func handleNotification(_ envelope: RPCEnvelope) throws(BadParams) {
        switch TunnelMethod(named: envelope.method) {
        case .agentStatus where isGateway:
            let update = try StatusUpdate(envelope.payload)
            events.append(.status(update))
            if version == .v1, let status = update.status { events.append(.leaving(status == Self.leavingStatus)) }
        case .agentDrain where isGateway: events.append(.leaving(true))
        case .gatewayDrain where !isGateway:
            var params = envelope.payload.flatMap { JSONObject($0) }
            let within = try params?.integer("withinMs", in: 0...86_400_000) ?? 0
            events.append(.drain(within: .milliseconds(within)))
        case .webInformational where isGateway:
            guard case (var params, let id)? = try openStream(envelope), streams[id]?.headReceived == false,
                let interim = try WebInformational(&params)
            else { return }
            events.append(.informational(id, interim))
        case .webTrailers:
            guard case (var params, let id)? = try openStream(envelope) else { return }
            streams[id]?.receivedTrailers = try HTTPFields(&params, "trailers")
        case .webRequest, .agentRegister, .webInformational, .agentStatus, .agentDrain, .gatewayDrain, nil: break
        }
    }

    /// The params of a notification, and the open stream that it is about; nil if that is over, or never was.
    private func openStream(_ envelope: RPCEnvelope) throws(BadParams) -> (params: JSONObject, id: StreamID)? {
        guard version == .v2, var params = envelope.payload.flatMap({ JSONObject($0) }),
            let number = try params.integer("stream", in: 0...Int64(UInt32.max))
        else { return nil }
        let id = StreamID(rawValue: UInt32(number))
        return streams.contains(id) ? (params, id) : nil
    }

    private mutating func handleWebRequest(_ envelope: RPCEnvelope) throws(BadParams) {
        var body: [UInt8] = []
        var params = try JSONObject(envelope.payload, "params")
        let request = try WebRequest.read(&params, version: version, body: &body)
        guard let id = try streamID(in: &params) else { throw BadParams(reason: "stream is missing, 0, or in use") }
        guard streams.count < limits.maximumStreams else {
            return reply(envelope.id, TunnelFailure.tooManyStreams.failure("\(streams.count) exchanges are open already"))
        }
        guard body.count <= limits.maximumBufferedBody else {
            return reply(
                envelope.id, TunnelFailure.bodyTooLarge.failure("the body is over \(limits.maximumBufferedBody) bytes"))
        }
        guard body.count <= limits.maximumHeld - heldBytes else {
            let reason = "\(heldBytes) bytes of other requests are held already"
            return reply(envelope.id, TunnelFailure.tooManyStreams.failure(reason))
        }
        accept(consume request, body: body, on: id, requestID: envelope.id)
    }

    /// A request that makes sense begins its stream. `requestID`: the id of the response, if it is not made of the stream's
    /// number.
    mutating func accept(_ request: consuming WebRequest, body: [UInt8], on id: StreamID, requestID: RPCID?) {
        let stream = newStream()
        stream.wholeBytes = body.count
        if !body.isEmpty { heldBytes += body.count }
        stream.requestID = requestID
        stream.headReceived = true
        stream.endReceived = version == .v1 || !request.hasBody
        streams.insert(stream, id)
        events.append(.request(id, consume request))
        if !body.isEmpty { events.append(.data(id, body[...])) }
        if stream.endReceived { events.append(.end(id, trailers: HTTPFields())) }
    }

    /// v2 names the stream; for v1 the number is ours, because any id is legal there.
    private mutating func streamID(in params: inout JSONObject) throws(BadParams) -> StreamID? {
        switch version {
        case .v1: return nextStreamID()
        case .v2:
            guard let number = try params.integer("stream", in: 1...Int64(UInt32.max)) else { return nil }
            let id = StreamID(rawValue: UInt32(number))
            return streams.contains(id) ? nil : id
        }
    }
}
