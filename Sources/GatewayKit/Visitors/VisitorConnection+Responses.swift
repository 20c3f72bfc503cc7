// A response from elsewhere on its way out: interim responses, the head, the body in its framing, the end.

import HTTPCodec
import MachineCore

extension VisitorConnection {
    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)[...]

    /// Tells the visitor to go on with its body (RFC 9110 §15.2.1).
    func writeContinue(_ turn: inout Turn) { write(Self.continueLine, &turn) }

    /// Writes an interim response.
    func writeInterim(_ head: HTTPResponseHead, _ turn: inout Turn) {
        var bytes: [UInt8] = []
        // Fields that came through the tunnel are legal ones, and the status was checked there.
        try? head.encode(into: &bytes)
        write(bytes[...], &turn)
    }

    /// Begins a response. False: its status is none, and nothing was written.
    func beginResponse(_ head: ForwardedResponse, _ turn: inout Turn) -> Bool {
        guard appendOutput({ head.write(to: &$0, date: shared.date(at: turn.now)) }) else { return false }
        response.begin(head.framing)
        return true
    }

    /// Writes bytes of the body. False: more than was declared. A body to a HEAD, or with a 304, is dropped.
    func writeBody(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn) -> Bool {
        if response.framing == .none { return true }
        guard bytes.count > Self.joinedCount else { return appendOutput { response.write(bytes, to: &$0) } }
        guard appendOutput({ response.writePrefix(bytes.count, to: &$0) }) else { return false }
        write(bytes, &turn)
        return appendOutput {
            response.writeSuffix(to: &$0)
            return true
        }
    }

    /// Ends the body. False: less than was declared came.
    func finishBody(_ trailers: HTTPFields, _ turn: inout Turn) -> Bool {
        appendOutput { response.finish(trailers, to: &$0) }
    }

    /// No more is written: half of an upgraded connection is over.
    func finishWriting(_ turn: inout Turn) {
        flush(&turn)
        turn.emit(.finishWriting(id))
    }

    /// Writes more of a response that never ends.
    func writeEvents(_ events: [UInt8], _ turn: inout Turn) {
        write(events[...], &turn)
        watchWriting(turn.now)
    }

    // MARK: Time

    /// An upgraded or streaming visitor may be quiet for as long as it likes, but what is sent to it must be read. Any progress
    /// counts, also after the response's end: a slow visitor gets the whole of it.
    func watchWriting(_ now: Moment) {
        let writeTimeout = shared.environment.configuration.limits.writeTimeout
        switch phase {
        case .collecting, .discarding, .awaitingAgent: break
        case .receivingHead: if !hasBegun { setDeadline(now.advanced(by: shared.idleTimeout)) }
        case .paused, .closing: setDeadline(now.advanced(by: writeTimeout))
        case .exchanging where !response.isUnderWay: break
        case .exchanging, .upgraded, .watching:
            let limit = queuedBytes == 0 ? response.quietLimit : writeTimeout
            setDeadline(limit.map { now.advanced(by: $0) })
        }
    }
}
