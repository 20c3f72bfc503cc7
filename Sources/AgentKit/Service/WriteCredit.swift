// How much credit goes back to the gateway for bytes that were written to a service.

/// Which bytes of a body have left us, where the transport counts heads and chunk sizes too. Of `wireBytes` unwritten bytes any
/// may belong to the body, so that many are still held back: never too much credit, and all of it once everything is written.
struct WriteCredit: Sendable, Hashable {
    /// Given to the transport and not yet written.
    private(set) var wireBytes = 0
    /// Of the body, and not yet released.
    private(set) var bodyBytes = 0

    /// Bytes were given to the transport; `body` of them are the body's.
    mutating func write(_ wire: Int, body: Int = 0) {
        wireBytes += wire
        bodyBytes += body
    }

    /// The transport wrote `count` bytes: how many of the body's have certainly left us since the last time.
    mutating func wrote(_ count: Int) -> Int {
        wireBytes = max(0, wireBytes - count)
        let released = bodyBytes - min(bodyBytes, wireBytes)
        bodyBytes -= released
        return released
    }
}
