// Dials: an endpoint becomes a list of addresses, which are tried one after the other until one answers. The failure names
// every address and why. A dial that is cancelled leaves no event behind, whatever has happened to it meanwhile.
//
// On loopback the peer's answer is there before `connect` returns, only not yet reported: asking once more saves the round
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
    /// Resolved addresses; those before `next` have been tried.
    var addresses: [SocketAddress] = []
    var next = 0
    /// What went wrong so far, one text for each address.
    var reasons: [String] = []
    /// The connecting slot of the present attempt.
    var slot: Int?
    /// While an address is tried again because it was busy: when to stop.
    var retryUntil: Moment?
}

extension SocketLoop {
    func dial(_ id: DialID, _ endpoint: Endpoint) {
        guard dials[id] == nil else { return }
        var dial = Dial()
        switch endpoint {
        case .unix(let path):
            if let address = SocketAddress(path: path) { dial.addresses = [address] }
        case .tcp(let host, let port):
            if let address = SocketAddress(literal: host, port: port) {
                dial.addresses = [address]
            } else if Self.isLocalhost(host) {
                dial.addresses = ["127.0.0.1", "::1"].compactMap { SocketAddress(literal: $0, port: port) }
            } else if !host.isEmpty, !host.utf8.contains(0) {
                dials[id] = dial
                lookups += 1
                return resolver.resolve(host, port: port, for: id)
            }
        }
        if dial.addresses.isEmpty { dial.reasons = ["\(endpoint.text): not an address"] }
        dials[id] = dial
        tryNext(id)
    }

    func cancelDial(_ id: DialID) {
        if let dial = dials.removeValue(forKey: id) {
            timers.cancel(.dial(id))
            if let slot = dial.slot { dropAttempt(slot) }
        }
        for index in owed.indices {
            switch owed[index] {
            case .connected(id, let connection)?:
                owed[index] = nil
                if let slot = connections.slot(of: connection) { drop(slot) }
            case .dialFailed(id, _)?: owed[index] = nil
            case .connected, .dialFailed, .accepted, .received, .receivedEOF, .wrote, .closed, nil: break
            }
        }
    }

    /// Takes what the resolver found; answers to cancelled dials are dropped.
    func takeAnswers() {
        if lookups == 0 { return }
        for answer in resolver.take() {
            lookups -= 1
            guard dials[answer.dial] != nil else { continue }
            dials[answer.dial]?.addresses = answer.addresses
            if let reason = answer.reason { dials[answer.dial]?.reasons.append(reason) }
            tryNext(answer.dial)
        }
    }

    /// The poller says that the connecting `slot` has an answer.
    func attemptAnswered(_ slot: Int) {
        guard let id = attempts[slot] else { return }
        let code = takeStoredError(connections.entries[slot].descriptor)
        if code == 0, !isSelfConnected(slot) {
            dials[id] = nil
            timers.cancel(.dial(id))
            attempts[slot] = nil
            connections.entries[slot].phase = .open
            touch(slot)
            owed.append(.connected(id, connections.id(of: slot)))
        } else {
            attemptFailed(id, errorText(code == 0 ? ECONNREFUSED : code))
            tryNext(id)
        }
    }

    /// The present address has had its time, or is to be tried again.
    func dialTimeout(_ id: DialID) {
        guard dials[id] != nil else { return }
        if dials[id]?.slot != nil { attemptFailed(id, "no answer within \(limits.connectTimeout)") }
        tryNext(id)
    }

    // MARK: Attempts

    /// Tries addresses until one is answered or has to be waited for; says that the dial failed when none is left.
    private func tryNext(_ id: DialID) {
        while let dial = dials[id], dial.next < dial.addresses.count {
            if attempt(dial.addresses[dial.next], for: id) { return }
        }
        guard let dial = dials.removeValue(forKey: id) else { return }
        timers.cancel(.dial(id))
        owed.append(.dialFailed(id, reason: dial.reasons.joined(separator: "; ")))
    }

    /// Tries one address; false if it failed at once.
    private func attempt(_ address: SocketAddress, for id: DialID) -> Bool {
        guard connections.count < limits.maximumConnections else { return skip(id, "too many connections") }
        let descriptor = Platform.streamSocket(address.family)
        guard descriptor >= 0 else { return skip(id, errorText(errno)) }
        if address.family != AF_UNIX { Platform.prepareStream(descriptor) }
        var code = address.lend { connect(descriptor, $0, $1) } == 0 ? 0 : errno
        if code == EINPROGRESS, address.isLoopback {
            code = address.lend { connect(descriptor, $0, $1) } == 0 ? 0 : errno
            if code == EALREADY { code = EINPROGRESS }
        }
        switch code {
        case 0, EINPROGRESS, EINTR:
            return begin(descriptor, for: id, isConnected: code == 0)
        case EAGAIN where address.family == AF_UNIX:
            systemClose(descriptor)
            return retryLater(id)
        default:
            systemClose(descriptor)
            return skip(id, errorText(code))
        }
    }

    private func begin(_ descriptor: Int32, for id: DialID, isConnected: Bool) -> Bool {
        let slot = connections.insert(descriptor, .connecting)
        dials[id]?.slot = slot
        attempts[slot] = id
        let interest: Interest = isConnected ? .read : .write
        connections.entries[slot].interest = interest
        connections.entries[slot].marks.insert(.watched)
        do throws(SocketError) {
            try poller.watch(descriptor, interest, token: connections.id(of: slot).rawValue)
        } catch {
            attemptFailed(id, error.description)
            return false
        }
        if isConnected {
            attemptAnswered(slot)
        } else {
            timers.set(.dial(id), at: Self.now().advanced(by: limits.connectTimeout))
        }
        return true
    }

    /// A Unix listener whose backlog is full cannot be waited for, only asked again.
    private func retryLater(_ id: DialID) -> Bool {
        let now = Self.now()
        let limit = dials[id]?.retryUntil ?? now.advanced(by: limits.connectTimeout)
        guard now < limit else { return skip(id, "no answer within \(limits.connectTimeout)") }
        dials[id]?.retryUntil = limit
        timers.set(.dial(id), at: now.advanced(by: .milliseconds(10)))
        return true
    }

    /// The present address failed with a connecting slot, which is freed.
    private func attemptFailed(_ id: DialID, _ reason: String) {
        if let slot = dials[id]?.slot { dropAttempt(slot) }
        dials[id]?.slot = nil
        _ = skip(id, reason)
    }

    /// Notes why the present address failed and goes on to the next; always false.
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

    /// Closes a connection that nobody has heard of.
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
