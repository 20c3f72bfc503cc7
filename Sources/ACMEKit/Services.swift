// What all parts of a client use: requests, files, randomness, the time of day, and what the client was made with.

import MachineCore
import Primitives

struct Services: Sendable {
    let configuration: ACMEConfiguration
    let crypto: any ACMECrypto
    var clock: WallClock
    var jitter: Jitter
    var calls: Calls
    var storage = Storage()
    /// What was ordered and what failed.
    var ledger = Ledger()

    init(_ configuration: ACMEConfiguration, crypto: any ACMECrypto, clock: WallClock, seed: [UInt8]) {
        self.configuration = configuration
        self.crypto = crypto
        self.clock = clock
        jitter = Jitter(seed: seed)
        calls = Calls(configuration.limits, crypto: crypto)
    }

    var limits: ACMELimits { configuration.limits }
    var directory: ACMEURL { configuration.directory }

    /// Seconds since 1970.
    func unixSeconds(_ turn: Turn<ACMENote>) -> Int64 { clock.unixSeconds(at: turn.now) }

    /// A certificate is about to be asked for.
    mutating func count(_ order: Order, _ turn: inout Turn<ACMENote>) {
        let url = order.url?.description ?? ""
        ledger.record(
            order.names.fileKey, order: Hexadecimal.text(SHA256.digest(url.utf8).prefix(8)), isNew: order.isNew,
            at: unixSeconds(turn))
        storeLedger(&turn)
    }

    mutating func storeLedger(_ turn: inout Turn<ACMENote>) { storage.store(ledger.file(directory), &turn) }
}
