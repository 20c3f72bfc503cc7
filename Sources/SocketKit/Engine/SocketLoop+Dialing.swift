// Dials: an endpoint becomes a list of addresses, of which the first that connects wins (RFC 8305). They are tried in turn,
// both families mixed, each 250 ms after the one before or as soon as that has failed; an address that does not respond delays
// no other for longer. The others are closed then. The one that won is tried first the next time. The failure names every
// address and why. A dial that is cancelled leaves no event behind, whatever has happened to it meanwhile.
//
// On loopback the result is there before `connect` returns, only not yet reported: asking once more saves the round
// through the poller. There, too, a dial to a free port of the ephemeral range can meet itself (TCP's simultaneous open,
// RFC 9293 §3.5), which is taken for the refusal that it stands for.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A dial under way.
struct Dial {
    /// One address that is being tried.
    struct Attempt {
        /// The connecting slot.
        var slot: Int
        var address: SocketAddress
        /// When it is given up.
        var until: Moment
    }

    let endpoint: Endpoint
    /// Resolved addresses; those before `next` have been tried, or are being tried.
    var addresses: [SocketAddress] = []
    var next = 0
    /// What went wrong so far, one text for each address.
    var reasons: [String] = []
    var attempts: [Attempt] = []
    /// While there are attempts: when the next begins beside them.
    var nextAt: Moment?
    /// While an address is tried again because it was busy: when to stop.
    var retryUntil: Moment?

    /// When there is something to do.
    var deadline: Moment? {
        let ends = attempts.map(\.until) + (next < addresses.count ? [nextAt].compactMap(\.self) : [])
        return ends.min()
    }
}

extension SocketLoop {
    func dial(_ id: DialID, _ endpoint: Endpoint) {
        guard dials[id] == nil else { return }
        var addresses: [SocketAddress] = []
        switch endpoint {
        case .unix(let path):
            if let address = SocketAddress(path: path) { addresses = [address] }
        case .tcp(let host, let port):
            if let address = SocketAddress(literal: host, port: port) {
                addresses = [address]
            } else if Self.isLocalhost(host) {
                addresses = ["127.0.0.1", "::1"].compactMap { SocketAddress(literal: $0, port: port) }
            } else if !host.isEmpty, !host.utf8.contains(0) {
                dials[id] = Dial(endpoint: endpoint)
                lookups += 1
                return resolver.resolve(host, port: port, for: id)
            }
        }
        dial(id, endpoint, addresses, reason: addresses.isEmpty ? "\(endpoint.text): not an address" : nil)
    }

    /// The endpoint has these addresses.
    func dial(_ id: DialID, _ endpoint: Endpoint, _ addresses: [SocketAddress], reason: String? = nil) {
        var dial = Dial(endpoint: endpoint)
        dial.addresses = Self.order(addresses, first: dialWinners[endpoint])
        if let reason { dial.reasons = [reason] }
        dials[id] = dial
        tryNext(id)
    }

    /// Families in turn, beginning with that of the first (RFC 8305 §4), but before all the address that won the last time.
    /// Each once, and not more than a person would wait for.
    static func order(_ addresses: [SocketAddress], first winner: SocketAddress?) -> [SocketAddress] {
        var distinct: [SocketAddress] = []
        for address in addresses where !distinct.contains(where: { $0.isSame(as: address) }) { distinct.append(address) }
        let family = distinct.first?.family
        var (own, others) = (distinct.filter { $0.family == family }[...], distinct.filter { $0.family != family }[...])
        var ordered: [SocketAddress] = []
        while !own.isEmpty || !others.isEmpty {
            if let address = own.popFirst() { ordered.append(address) }
            if let address = others.popFirst() { ordered.append(address) }
        }
        if let winner, let place = ordered.firstIndex(where: { $0.isSame(as: winner) }) {
            ordered.insert(ordered.remove(at: place), at: 0)
        }
        return Array(ordered.prefix(maximumAddresses))
    }

    private static var maximumAddresses: Int { 16 }
    /// Endpoints of which it is remembered which address won.
    private static var maximumWinners: Int { 64 }

    func cancelDial(_ id: DialID) {
        if let dial = dials.removeValue(forKey: id) {
            timers.cancel(.dial(id))
            for attempt in dial.attempts { dropAttempt(attempt.slot) }
        }
        for index in owed.indices {
            switch owed[index] {
            case .connected(id, let connection)?:
                owed[index] = nil
                if let slot = connections.slot(of: connection) { drop(slot) }
            case .dialFailed(id, _)?: owed[index] = nil
            case .connected, .dialFailed, .accepted, .secured, .received, .receivedEOF, .wrote, .closed, nil: break
            }
        }
    }

    /// Takes what the resolver found; results of cancelled dials are dropped.
    func takeResolutions() {
        if lookups == 0 { return }
        for resolution in resolver.take() {
            lookups -= 1
            guard let endpoint = dials[resolution.dial]?.endpoint else { continue }
            dial(resolution.dial, endpoint, resolution.addresses, reason: resolution.reason)
        }
    }

    /// The poller reported that the connecting `slot` has a result.
    func attemptEnded(_ slot: Int) {
        guard let id = attempts[slot] else { return }
        let code = takeStoredError(connections.entries[slot].descriptor)
        if code == 0, !isSelfConnected(slot) {
            attemptWon(slot, id)
        } else {
            attemptFailed(id, slot, errorText(code == 0 ? ECONNREFUSED : code))
            tryNext(id)
        }
    }

    /// The first address that connects: the others are of no interest any more.
    private func attemptWon(_ slot: Int, _ id: DialID) {
        let dial = dials.removeValue(forKey: id)
        timers.cancel(.dial(id))
        for attempt in dial?.attempts ?? [] where attempt.slot != slot { dropAttempt(attempt.slot) }
        if let dial, dial.addresses.count > 1, let winner = dial.attempts.first(where: { $0.slot == slot }) {
            if dialWinners.count >= Self.maximumWinners { dialWinners = [:] }
            dialWinners[dial.endpoint] = winner.address
        }
        attempts[slot] = nil
        connections.entries[slot].phase = .open
        touch(slot)
        owed.append(.connected(id, connections.id(of: slot)))
    }

    /// An address has had its time, the next one's has come, or one is to be tried again.
    func dialTimeout(_ id: DialID) {
        guard let dial = dials[id] else { return }
        let now = Self.now()
        for attempt in dial.attempts where attempt.until <= now {
            attemptFailed(id, attempt.slot, "no connection within \(limits.connectTimeout)")
        }
        if dial.attempts.isEmpty || dials[id]?.attempts.isEmpty == true || dial.nextAt.map({ $0 <= now }) == true {
            tryNext(id)
        } else {
            setTimer(id)
        }
    }

    // MARK: Attempts

    /// Begins an attempt at the next address, or at those after it if it fails at once; reports that the dial failed when none
    /// is left.
    private func tryNext(_ id: DialID) {
        while let dial = dials[id], dial.next < dial.addresses.count {
            if attempt(dial.addresses[dial.next], for: id) { return setTimer(id) }
        }
        guard let dial = dials[id] else { return }
        guard dial.attempts.isEmpty else { return setTimer(id) }
        dials[id] = nil
        timers.cancel(.dial(id))
        owed.append(.dialFailed(id, reason: dial.reasons.map(\.asClause).joined(separator: "; ")))
    }

    private func setTimer(_ id: DialID) {
        guard let dial = dials[id], dial.retryUntil == nil else { return }
        if let deadline = dial.deadline { timers.set(.dial(id), at: deadline) } else { timers.cancel(.dial(id)) }
    }

    /// Tries one address; false if it failed at once.
    private func attempt(_ address: SocketAddress, for id: DialID) -> Bool {
        guard connections.count < limits.maximumConnections else { return skip(id, "too many connections") }
        let descriptor = Platform.streamSocket(address.family)
        guard descriptor >= 0 else { return noSocket(id, for: address, code: errno) }
        if address.family != AF_UNIX { Platform.prepareStream(descriptor) }
        var code = systemConnect(descriptor, address) == 0 ? 0 : errno
        if code == EINPROGRESS, address.isLoopback {
            code = systemConnect(descriptor, address) == 0 ? 0 : errno
            if code == EALREADY { code = EINPROGRESS }
        }
        switch code {
        case 0, EINPROGRESS, EINTR:
            return begin(descriptor, to: address, for: id, isConnected: code == 0)
        case EAGAIN where address.family == AF_UNIX:
            systemClose(descriptor)
            return retryLater(id)
        default:
            systemClose(descriptor)
            return skip(id, errorText(code))
        }
    }

    private func noSocket(_ id: DialID, for address: SocketAddress, code: Int32) -> Bool {
        noteShortage("connect to \(address.text)", code)
        return skip(id, errorText(code))
    }

    private func begin(_ descriptor: Int32, to address: SocketAddress, for id: DialID, isConnected: Bool) -> Bool {
        let slot = connections.insert(descriptor, .connecting)
        let now = Self.now()
        attempts[slot] = id
        dials[id]?.attempts.append(
            Dial.Attempt(slot: slot, address: address, until: now.advanced(by: limits.connectTimeout)))
        dials[id]?.next += 1
        dials[id]?.nextAt = now.advanced(by: limits.attemptDelay)
        dials[id]?.retryUntil = nil
        let interest: Interest = isConnected ? .read : .write
        connections.entries[slot].interest = interest
        connections.entries[slot].marks.insert(.watched)
        do throws(SocketError) {
            try poller.watch(descriptor, interest, token: connections.id(of: slot).rawValue)
        } catch {
            noteShortage("connect to \(address.text)", error.code)
            attemptFailed(id, slot, error.description)
            return false
        }
        if isConnected { attemptEnded(slot) }
        return true
    }

    /// A Unix listener whose backlog is full cannot be waited for, only asked again.
    private func retryLater(_ id: DialID) -> Bool {
        let now = Self.now()
        let limit = dials[id]?.retryUntil ?? now.advanced(by: limits.connectTimeout)
        guard now < limit else { return skip(id, "no connection within \(limits.connectTimeout)") }
        dials[id]?.retryUntil = limit
        timers.set(.dial(id), at: now.advanced(by: .milliseconds(10)))
        return true
    }

    /// An attempt failed; its connecting slot is freed.
    private func attemptFailed(_ id: DialID, _ slot: Int, _ reason: String) {
        dropAttempt(slot)
        guard let place = dials[id]?.attempts.firstIndex(where: { $0.slot == slot }),
            let attempt = dials[id]?.attempts.remove(at: place)
        else { return }
        dials[id]?.reasons.append("\(attempt.address.text): \(reason)")
    }

    /// Notes why the next address failed before it was tried, and goes on to the one after it; always false.
    private func skip(_ id: DialID, _ reason: String) -> Bool {
        guard let dial = dials[id], dial.next < dial.addresses.count else { return false }
        dials[id]?.reasons.append("\(dial.addresses[dial.next].text): \(reason)")
        dials[id]?.next += 1
        dials[id]?.retryUntil = nil
        return false
    }

    private func dropAttempt(_ slot: Int) {
        attempts[slot] = nil
        drop(slot)
    }

    /// Closes a connection that was reported to no one.
    private func drop(_ slot: Int) {
        poller.close(connections.entries[slot].descriptor)
        free(slot)
    }

    private func isSelfConnected(_ slot: Int) -> Bool {
        let descriptor = connections.entries[slot].descriptor
        guard let peer = SocketAddress.peer(of: descriptor), peer.port >= 1024, peer.isLoopback else { return false }
        return SocketAddress.local(of: descriptor)?.isSame(as: peer) ?? false
    }

    private static func isLocalhost(_ host: String) -> Bool {
        let name = host.lowercased()
        return name == "localhost" || name == "localhost." || name.hasSuffix(".localhost")
    }
}
