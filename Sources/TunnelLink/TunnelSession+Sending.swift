// What goes into the tunnel: messages in JSON, and data by credit, room and turn.
//
// v1 holds a body until its end and sends one message. v2 sends what credit and room allow at once; the rest waits in its
// stream, and the streams take turns, each with an equal share of the room or 16 KiB, so that none starves another.

import HTTPCodec
import MachineCore
import RPCCore
import WireWS

extension TunnelSession {
    /// Writes one JSON-RPC message into a buffer that is kept, and frames it.
    mutating func sendText(_ write: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(reusing: takeScratch())
        write(&writer)
        send(text: writer.finish())
    }

    /// Sends the request in canonical form; false, and nothing is sent, if it needs another.
    mutating func sendCanonical(_ request: ForwardedRequest, on id: StreamID) -> Bool {
        var text = takeScratch()
        let isCanonical = request.writeCanonical(id, to: &text)
        if isCanonical { send(text: text) } else { keepScratch(text) }
        return isCanonical
    }

    /// Sends the response in canonical form; false, and nothing is sent, if it needs another.
    mutating func sendCanonical(_ response: WebResponse, on id: StreamID) -> Bool {
        var text = takeScratch()
        let isCanonical = response.writeCanonical(id, to: &text)
        if isCanonical { send(text: text) } else { keepScratch(text) }
        return isCanonical
    }

    private mutating func send(text: consuming [UInt8]) {
        if output.isEmpty { output.reserveCapacity(max(text.count + 16, min(lastOutputCount, limits.outputHighWater))) }
        _ = socket.text(text[...], into: &output)
        keepScratch(text)
    }

    private mutating func takeScratch() -> [UInt8] {
        var taken: [UInt8] = []
        swap(&taken, &scratch)
        return taken
    }

    private mutating func keepScratch(_ buffer: consuming [UInt8]) {
        guard buffer.capacity <= 16 * 1024 else { return }
        buffer.removeAll(keepingCapacity: true)
        scratch = buffer
    }

    mutating func reply(_ id: RPCID, _ failure: RPCFailure) {
        let before = output.count
        sendText { RPCCodec.writeFailure(id: id, failure, in: &$0) }
        unreadReplies += output.count - before
    }

    /// v1: keeps the bytes, and sends the whole at the end.
    mutating func hold(_ bytes: ArraySlice<UInt8>, on id: StreamID, _ stream: TunnelStream, end: Bool) -> SendOutcome {
        guard stream.queue.count + bytes.count <= limits.maximumBufferedBody else { return .overflow }
        stream.queue.appendCopy(bytes)
        queuedCount += bytes.count
        guard end else { return mustWait(id, stream) ? .full : .sent }
        let body = stream.queue.takeAll()
        queuedCount -= body.count
        stream.endRequested = true
        stream.endSent = true
        if let request = stream.heldRequest {
            stream.heldRequest = nil
            sendRequest(request, on: id, wholeBody: body)
        } else if let response = stream.heldResponse {
            stream.heldResponse = nil
            sendResponse(response, on: id, requestID: stream.requestID, wholeBody: body)
        }
        forgetIfOver(id, stream)
        return .sent
    }

    /// v1: whether the stream is to wait, because all bodies together are too large and another may become whole first.
    private mutating func mustWait(_ id: StreamID, _ stream: TunnelStream) -> Bool {
        guard queuedCount + backlog > limits.maximumQueued, privileged != id else { return false }
        if privileged.map({ streams[$0]?.endSent != false }) ?? true {
            privileged = id
            return false
        }
        if !stream.isFull { heldBack.append(id) }
        stream.isFull = true
        return true
    }

    /// v1: resumes the streams that wait while there is room; without room one of them, so that it becomes whole.
    mutating func releaseHeldBack() {
        while true {
            let hasRoom = queuedCount + backlog <= limits.maximumQueued / 2
            let hasPrivileged = privileged.map { streams[$0]?.endSent == false } ?? false
            guard hasRoom || !hasPrivileged, let id = heldBack.popFirst() else { return }
            guard let stream = streams[id] else { continue }
            if !hasRoom { privileged = id }
            stream.isFull = false
            events.append(.resume(id))
        }
    }

    /// v1: so much of a request's body, which came whole, has left us.
    mutating func consumedWhole(_ count: Int, of stream: TunnelStream) {
        let released = min(count, stream.wholeBytes)
        stream.wholeBytes -= released
        heldBytes -= released
    }

    /// v2, the usual case: no stream waits, so what credit and room allow goes straight into the output.
    mutating func sendNow(_ rest: inout ArraySlice<UInt8>, on id: StreamID, _ stream: TunnelStream, end: Bool) {
        reserveOutput(min(rest.count, room))
        while !rest.isEmpty, room > 0 {
            let count = stream.sendWindow.take(upTo: min(rest.count, DataFrame.maximumPayloadCount))
            if count == 0 { return }
            let isLast = end && count == rest.count
            frame(rest.prefix(count), on: id, end: isLast)
            rest = rest.dropFirst(count)
            if isLast {
                stream.endRequested = true
                stream.endSent = true
                forgetIfOver(id, stream)
            }
        }
    }

    /// Makes room for so many bytes of data at once, where growing step by step would move what is there again and again.
    private mutating func reserveOutput(_ count: Int) {
        guard count >= 16 * 1024, !socket.lendsBinary else { return }
        let needed = output.count + count + count / 1024 + 1024  // and what stands between them
        if output.capacity < needed { output.reserveCapacity(needed) }
    }

    /// v2: what could not go at once waits for its turn. How much waits then.
    mutating func queue(
        _ rest: ArraySlice<UInt8>, on id: StreamID, _ stream: TunnelStream, end: Bool, trailers: HTTPFields
    ) -> Int {
        stream.queue.append(rest)
        queuedCount += rest.count
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

    /// Gives the streams their turns while there is room: an equal share of it each while others wait, and at least 16 KiB.
    mutating func pump() {
        if scheduled.isEmpty { return }
        let share = max(16 * 1024, room / scheduled.count)
        reserveOutput(min(room, scheduled.count * DataFrame.maximumPayloadCount))
        while room > 0, let id = scheduled.popFirst() {
            guard let stream = streams[id] else { continue }
            stream.isScheduled = false
            let most = scheduled.isEmpty ? DataFrame.maximumPayloadCount : min(DataFrame.maximumPayloadCount, share)
            let count = stream.sendWindow.take(upTo: min(most, stream.queue.firstCount))
            let isLast = stream.endRequested && count == stream.queue.count
            if isLast, !stream.trailers.isEmpty { sendTrailers(stream.trailers, on: id) }
            if count > 0 || isLast {
                queuedCount -= count
                frame(stream.queue.popFirst(count), on: id, end: isLast)
                stream.endSent = isLast
            }
            if stream.isFull, stream.queue.count <= limits.streamQueueBytes / 2 {
                stream.isFull = false
                events.append(.resume(id))
            }
            schedule(id, stream)
            forgetIfOver(id, stream)
        }
    }

    private mutating func frame(_ payload: ArraySlice<UInt8>, on id: StreamID, end: Bool) {
        let header = DataFrame.dataHeader(id, end: end)
        if payload.count >= Self.lentCount,
            socket.binary(header[...], beforePayloadOf: payload.count, into: &output)
        {
            lend(payload)
        } else {
            _ = socket.binary(header[...], payload, into: &output)
        }
    }

    /// Puts the payload behind the output without copying it.
    private mutating func lend(_ payload: ArraySlice<UInt8>) {
        outputPieces.append(output[...])
        outputPieces.append(payload)
        pieceBytes += output.count + payload.count
        output = []
    }

    /// A payload that no mask changes goes out from where it lies, if that is worth a piece of its own.
    private static let lentCount = 16 * 1024

    /// A stream both of whose directions have ended is over.
    mutating func forgetIfOver(_ id: StreamID, _ stream: TunnelStream) {
        if stream.endSent, stream.endReceived { remove(id) }
    }
}
