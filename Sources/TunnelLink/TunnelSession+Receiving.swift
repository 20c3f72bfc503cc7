// What comes through the tunnel: WebSocket messages to JSON-RPC and data frames, and these to events. Whatever a peer sends,
// the outcome is an event, a JSON-RPC error sent back, or nothing; never a trap.

import HTTPCodec
import MachineCore
import RPCCore
import WireWS

extension TunnelSession {
    /// The next event, or nil when more bytes are needed. Replies that need no decision (pongs, errors) go to the output.
    public mutating func next() -> TunnelEvent? {
        while true {
            if let event = events.popFirst() { return event }
            if unreadReplies > maximumReplies, !socket.isClosing {
                return breakOff(.policyViolation, "it does not read the replies to what it sends")
            }
            do {
                switch try nextSocketEvent() {
                case nil: return isTooMuchUnregistered ? endUnregistered() : nil
                case .text? where socket.isClosing, .binary? where socket.isClosing, .binaryPiece? where socket.isClosing:
                    continue
                case .text(let text)?: handle(text: text)
                case .binary(let message)?: handle(binary: message, isLast: true)
                case .binaryPiece(let piece, let isLast)?: handle(binary: piece, isLast: isLast)
                case .ping?: continue
                case .pong(let payload)?: return .pong(payload)
                case .closed(let code, let reason)?: return .closed(code, reason: reason)
                }
            } catch {
                return breakOff(error.closeCode, "\(error)")
            }
        }
    }

    /// The next of the WebSocket's events; its pongs and the like count as replies.
    private mutating func nextSocketEvent() throws(WSError) -> WSEvent? {
        let before = output.count
        defer { unreadReplies += output.count - before }
        return try socket.next(replies: &output)
    }

    private var maximumReplies: Int { isAdmitted ? limits.maximumUnreadReplies : limits.unregisteredReplies }

    private var isTooMuchUnregistered: Bool {
        !isAdmitted && bytesBeforeAdmission > limits.unregisteredBytes && !socket.isClosing
    }

    private mutating func endUnregistered() -> TunnelEvent {
        breakOff(.policyViolation, "it sends much and has not registered")
    }

    private mutating func breakOff(_ code: WSCloseCode, _ reason: String) -> TunnelEvent {
        socket.close(code, reason: reason, into: &output)
        return .broken(code: code, reason: reason)
    }

    // MARK: Text

    private mutating func handle(text: ArraySlice<UInt8>) {
        if version == .v2, handleCanonical(text) { return }
        do {
            try RPCCodec.forEachEnvelope(text, limits: limits.json(version)) { element in
                if unreadReplies > maximumReplies { return }  // it is over
                switch element {
                case .success(let envelope): handle(envelope)
                case .failure(let error): handle(error)
                }
            }
        } catch {
            sendMessage(error.reply)
        }
    }

    /// Handles a head in canonical form; false, and nothing has happened: it is in another, or to be refused.
    private mutating func handleCanonical(_ text: ArraySlice<UInt8>) -> Bool {
        var spare = spareFields.popLast() ?? HTTPFields()
        return text.withUnsafeBytes { text in
            if isGateway {
                guard let (id, response) = WebResponse.readCanonical(text, reusing: &spare), let stream = streams[id],
                    !stream.headReceived
                else {
                    return false
                }
                accept(response, body: [], on: id, stream)
            } else {
                guard let (id, request) = WebRequest.readCanonical(text, reusing: &spare), !streams.contains(id),
                    streams.count < limits.maximumStreams
                else { return false }
                accept(request, body: [], on: id, requestID: nil)
            }
            return true
        }
    }

    /// JSON that is no message. If its id is that of a response we wait for, this was to be it: a reply is never replied to,
    /// and the request that waits for it fails at once.
    private mutating func handle(_ error: RPCDecodeError) {
        guard case .invalidRequest(let id, let reason) = error else { return sendMessage(error.reply) }
        if isGateway, let (stream, _) = awaitedStream(id) {
            failSenseless(stream, "it is not JSON-RPC: \(reason)")
        } else if !isGateway, let registrationID, id == registrationID {
            // A v1 gateway need not know the method, whatever it says to it.
            guard version == .v2 else { return }
            self.registrationID = nil
            events.append(.refused(RPCFailure(code: -32600, message: "the gateway's response is not JSON-RPC: \(reason)")))
        } else {
            sendMessage(error.reply)
        }
    }

    private mutating func sendMessage(_ message: RPCMessage) {
        guard case .failure(let id, let failure) = message else { return }
        reply(id, failure)
    }

    private mutating func handle(_ envelope: RPCEnvelope) {
        do {
            switch envelope.kind {
            case .request: try handleRequest(envelope)
            case .notification: try handleNotification(envelope)
            case .result: handleResult(envelope)
            case .failure: handleFailure(envelope)
            }
        } catch {
            // A notification gets no response, and a response neither (JSON-RPC 2.0 §4.1).
            if envelope.kind == .request {
                reply(envelope.id, RPCFailure(code: -32602, message: "Invalid params: \(error.reason)"))
            }
        }
    }

    // MARK: Replies

    private mutating func handleResult(_ envelope: RPCEnvelope) {
        guard isGateway else { return handleWelcome(envelope) }
        guard let (id, stream) = awaitedStream(envelope.id) else { return }
        var body: [UInt8] = []
        do {
            let response = try WebResponse.read(envelope.payload, version: version, body: &body)
            guard body.count <= limits.maximumBufferedBody else {
                return failStream(
                    id, TunnelFailure.bodyTooLarge.failure("the body is over \(limits.maximumBufferedBody) bytes"))
            }
            accept(consume response, body: body, on: id, stream)
        } catch {
            failSenseless(id, error.reason)
        }
    }

    private mutating func handleWelcome(_ envelope: RPCEnvelope) {
        guard envelope.id == registrationID else { return }
        registrationID = nil
        let defaults = Welcome(
            sessionID: "", webURL: "", ping: .seconds(20), initialWindow: limits.initialWindow,
            maximumStreams: limits.maximumStreams)
        events.append(.welcome((try? Welcome(envelope.payload, defaults: defaults)) ?? defaults))
    }

    /// The response makes no sense. The agent is told, because for it the exchange is still under way.
    private mutating func failSenseless(_ id: StreamID, _ reason: String) {
        reset(id, .protocolError)
        failStream(id, TunnelFailure.serviceBroken.failure("the agent's response makes no sense: \(reason)"))
    }

    private mutating func accept(_ response: consuming WebResponse, body: [UInt8], on id: StreamID, _ stream: TunnelStream) {
        let isWhole = version == .v1 || !response.hasBody
        stream.headReceived = true
        stream.endReceived = isWhole
        events.append(.response(id, consume response))
        if !body.isEmpty { events.append(.data(id, body[...])) }
        if isWhole {
            events.append(.end(id, trailers: HTTPFields()))
            forgetIfOver(id, stream)
        }
    }

    private mutating func handleFailure(_ envelope: RPCEnvelope) {
        let failure = envelope.failure ?? RPCFailure(code: -32603, message: "Internal error")
        if !isGateway {
            guard envelope.id == registrationID else { return }
            registrationID = nil
            events.append(.refused(failure))
        } else if let (id, _) = awaitedStream(envelope.id) {
            failStream(id, failure)
        }
    }

    /// The open stream that still awaits its head and to which a response with this id belongs; nil for a late or unknown one.
    private func awaitedStream(_ id: RPCID) -> (StreamID, TunnelStream)? {
        guard case .string(let text) = id, let id = StreamID(requestID: text), let stream = streams[id],
            !stream.headReceived
        else { return nil }
        return (id, stream)
    }

    private mutating func failStream(_ id: StreamID, _ failure: RPCFailure) {
        remove(id)
        events.append(.failed(id, failure))
    }

    // MARK: Binary

    private mutating func handle(binary piece: ArraySlice<UInt8>, isLast: Bool) {
        guard version == .v2 else {
            return events.append(breakOff(.unsupportedData, "binary messages are not part of \(version.subprotocol)"))
        }
        do throws(NotADataFrame) {
            switch try frameReader.read(piece, isLast: isLast) {
            case .data(let id, let payload, let end): handleData(id, payload, end: end)
            case .credit(let id, let count): handleCredit(id, count)
            case .reset(let id, let reason):
                if remove(id) { events.append(.reset(id, reason)) }
            case nil: break
            }
        } catch {
            events.append(breakOff(.protocolError, "not a data, credit or reset frame"))
        }
    }

    /// Data of a stream that is over is late, not wrong: the reset that ended it crossed it on the way.
    private mutating func handleData(_ id: StreamID, _ payload: ArraySlice<UInt8>, end: Bool) {
        guard let stream = streams[id] else { return }
        guard stream.headReceived, !stream.endReceived else { return abandon(id, .protocolError) }
        guard payload.count <= limits.maximumHeld - heldBytes, stream.receiveWindow.receive(payload.count) else {
            return abandon(id, .overran)
        }
        heldBytes += payload.count
        if !payload.isEmpty { events.append(.data(id, payload)) }
        guard end else { return }
        stream.endReceived = true
        events.append(.end(id, trailers: stream.receivedTrailers))
        forgetIfOver(id, stream)
    }

    private mutating func handleCredit(_ id: StreamID, _ count: Int) {
        guard let stream = streams[id] else { return }
        guard stream.sendWindow.grant(count) else { return abandon(id, .protocolError) }
        schedule(id, stream)
    }

    /// Gives a stream up because of the peer: both sides are told.
    private mutating func abandon(_ id: StreamID, _ reason: ResetReason) {
        reset(id, reason)
        events.append(.reset(id, reason))
    }
}
