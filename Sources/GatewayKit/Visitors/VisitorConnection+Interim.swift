// What goes to a visitor before its response, or bit by bit after the head.

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

    /// Writes more of a response that never ends.
    func writeEvents(_ events: [UInt8], _ turn: inout Turn) {
        write(events[...], &turn)
        watchWriting(turn.now)
    }
}
