// A connection between two machines. Bytes take their time from one end to the other, in pieces that the network's seed
// decides.

import MachineCore

/// A connection between two machines.
final class Link {
    struct End {
        var host: any AnyHost
        var id: ConnectionID
        /// Between two machines: neither gets events.
        var isAway = false
        /// Reported when it arrives: bytes that were written, and how it ended.
        var owedBytes = 0
        var owedEnd: String??
        var isReading = true
        /// It asked to close; `closed` follows when its bytes are out.
        var isClosing = false
        var isClosed = false
    }

    private(set) var ends: [End]
    /// Its own conditions, if it has any.
    var ownConditions: SimulatedNetwork.Conditions?
    /// `pipes[n]` carries what end n writes.
    private(set) var pipes = [Pipe(), Pipe()]

    init(_ dialer: any AnyHost, _ dialerID: ConnectionID, _ listener: any AnyHost, _ listenerID: ConnectionID) {
        ends = [End(host: dialer, id: dialerID), End(host: listener, id: listenerID)]
    }

    var isOver: Bool { ends[0].isClosed && ends[1].isClosed }
    var isTravelling: Bool {
        !isOver
            && (0...1).contains {
                !pipes[$0].isDrained && (ends[1 - $0].isReading || ends[1 - $0].isClosing || ends[1 - $0].isAway)
            }
    }

    func write(_ bytes: ArraySlice<UInt8>, side: Int) {
        if !pipes[side].isFinished { pipes[side].write(bytes) }
    }

    /// A network without ciphers encrypts nothing: the handshake is over at once.
    func startTLS(_ peer: TLSPeer, side: Int) {
        let facts = TLSFacts(
            serverName: peer.host, applicationProtocol: nil, version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256")
        if !ends[side].isClosed { ends[side].host.deliver(.secured(ends[side].id, facts)) }
    }

    func setReading(_ isOn: Bool, side: Int) { ends[side].isReading = isOn }

    func finishWriting(side: Int) { pipes[side].isFinished = true }

    func close(side: Int) {
        ends[side].isClosing = true
        pipes[side].isFinished = true
    }

    func reset() {
        for side in 0...1 {
            pipes[side].dropEverything()
            finish(side, error: "connection reset")
        }
    }

    /// A host is gone, and with it what was on its way from there.
    func discard(_ host: any AnyHost) {
        for side in 0...1 where ends[side].host.machineHost === host && ends[side].isAway { ends[side].isClosed = true }
    }

    /// False: it is over or closing, and stays where it is.
    func leave(_ side: Int) -> Bool {
        guard !ends[side].isClosed, !ends[side].isClosing else { return false }
        ends[side].isAway = true
        return true
    }

    func arrive(_ side: Int, at host: any AnyHost, as id: ConnectionID) {
        ends[side].host = host
        ends[side].id = id
    }

    func resume(_ side: Int) {
        let (bytes, end) = (ends[side].owedBytes, ends[side].owedEnd)
        (ends[side].isAway, ends[side].owedBytes, ends[side].owedEnd) = (false, 0, nil)
        if bytes > 0 { ends[side].host.deliver(.wrote(ends[side].id, bytes)) }
        if let end { finish(side, error: end) }
    }

    private func finish(_ side: Int, error: String?) {
        guard !ends[side].isClosed else { return }
        guard !ends[side].isAway else {
            ends[side].owedEnd = .some(error)
            return
        }
        ends[side].isClosed = true
        pipes[1 - side].discards = true
        ends[side].host.deliver(.closed(ends[side].id, error: error))
        ends[side].host.detach(ends[side].id)
    }

    /// One step of both directions; whether anything moved.
    func move(in network: SimulatedNetwork) -> Bool {
        var moved = false
        for side in 0...1 {
            if send(side, in: network) { moved = true }
            pipes[side].arrive(now: network.now.nanoseconds)
            if receive(1 - side, in: network) { moved = true }
            if settle(side) { moved = true }
        }
        return moved
    }

    private func send(_ side: Int, in network: SimulatedNetwork) -> Bool {
        guard pipes[side].waitingCount > 0 else { return false }
        let conditions = ownConditions ?? network.conditions
        let budget = Int.random(in: 1...conditions.writeBytes, using: &network.random)
        let arrival = network.now.advanced(by: .milliseconds(Int64(conditions.latencyMs))).nanoseconds
        let count = pipes[side].send(budget: budget, kernelBytes: conditions.kernelBytes, arrival: arrival)
        if ends[side].isAway {
            ends[side].owedBytes += count
        } else if count > 0, !ends[side].isClosed {
            ends[side].host.deliver(.wrote(ends[side].id, count))
        }
        return count > 0
    }

    /// Lets end `side` read what the other wrote.
    private func receive(_ side: Int, in network: SimulatedNetwork) -> Bool {
        let end = ends[side]
        guard !end.isClosed, !end.isAway, end.isReading || end.isClosing else { return false }
        let limit = Int.random(in: 1...(ownConditions ?? network.conditions).readBytes, using: &network.random)
        if let bytes = pipes[1 - side].read(limit: limit) {
            if !end.isClosing { end.host.deliver(.received(end.id, bytes)) }
            return true
        }
        guard pipes[1 - side].isFinished, pipes[1 - side].isDrained, !pipes[1 - side].isEOFDelivered else { return false }
        pipes[1 - side].isEOFDelivered = true
        if !end.isClosing { end.host.deliver(.receivedEOF(end.id)) }
        return true
    }

    /// An end that asked to close is closed when its bytes are read, or the peer is gone.
    private func settle(_ side: Int) -> Bool {
        guard ends[side].isClosing, !ends[side].isClosed, pipes[side].waitingCount == 0 else { return false }
        guard pipes[side].isEOFDelivered || ends[1 - side].isClosed else { return false }
        finish(side, error: nil)
        return true
    }
}

/// One machine's end of it.
final class LinkEnd: ConnectionEnd {
    private let link: Link
    private let side: Int

    init(_ link: Link, _ side: Int) {
        self.link = link
        self.side = side
    }

    var id: ConnectionID { link.ends[side].id }

    func startTLS(_ peer: TLSPeer) { link.startTLS(peer, side: side) }
    func write(_ bytes: ArraySlice<UInt8>) { link.write(bytes, side: side) }
    func setReading(_ isOn: Bool) { link.setReading(isOn, side: side) }
    func finishWriting() { link.finishWriting(side: side) }
    func close(lingers: Bool) { link.close(side: side) }
    func abort() { link.reset() }

    func leave() -> Bool { link.leave(side) }
    func arrive(at host: any AnyHost, as id: ConnectionID) { link.arrive(side, at: host, as: id) }
    func resume() { link.resume(side) }
}
