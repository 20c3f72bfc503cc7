// Slows down whoever tries tokens: so many wrong ones a minute from an address (in IPv6 from a /64), then none is looked at until
// the next is due. A bucket that leaks is one moment for each address (GCRA): when it will be empty again.
//
// The table is bounded: it has two generations of 2,048 addresses, and when the younger is full, the older is forgotten. Each loop
// of a gateway has a limiter of its own, so an address that reaches all of them has as many times the attempts.

import MachineCore

/// Wrong tokens, by address.
struct AttemptLimiter: Sendable {
    /// When the bucket of an address will be empty.
    private var young: [NetworkAddress: Moment] = [:]
    private var old: [NetworkAddress: Moment] = [:]
    /// When all will be: from then on nobody needs to be looked for.
    private var busyUntil = Moment(nanoseconds: 0)

    static let generationCount = 2_048

    /// How many addresses are remembered.
    var count: Int { young.count + old.count }

    /// How long `client` has to wait before its token is looked at; nil: not at all. `limit`: attempts a minute, 0 for any number.
    func wait(for client: @autoclosure () -> NetworkAddress?, limit: Int, _ now: Moment) -> Duration? {
        guard now < busyUntil, limit > 0 else { return nil }
        let key = (client() ?? .local).responsible
        guard let empty = young[key] ?? old[key], empty > now else { return nil }
        let interval = Duration.seconds(60) / limit
        let wait = empty.since(now) - interval * (limit - 1)
        return wait > .zero ? wait : nil
    }

    /// `client` presented a token that is none.
    mutating func failed(_ client: NetworkAddress?, limit: Int, _ now: Moment) {
        guard limit > 0 else { return }
        if now >= busyUntil { (young, old) = ([:], [:]) }
        let key = (client ?? .local).responsible
        let empty = max(young[key] ?? old[key] ?? now, now).advanced(by: .seconds(60) / limit)
        if young[key] == nil, young.count >= Self.generationCount { (young, old) = ([:], young) }
        young[key] = empty
        busyUntil = max(busyUntil, empty)
    }
}
