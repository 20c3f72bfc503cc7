// Commands, and how bytes leave. Small writes gather in the connection's queue until the end of the turn, so that what a
// machine writes in several pieces costs one call. Large pieces are not copied: they are kept where they are until the machine
// returns, and go to the kernel together, with what was queued before and what was written between them; only what the
// kernel has no room for is copied. A full socket is not tried again until the poller reports room.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

extension SocketLoop {
    /// Does what a machine wants. Commands for connections that are gone are ignored. What comes of it, if anything, is lent by
    /// the next `flush` or `turn`.
    public func perform(_ command: TransportCommand) {
        switch command {
        case .write(let id, let bytes): write(bytes, to: id)
        case .setReading(let id, let isOn): setReading(id, isOn)
        case .finishWriting(let id): finishWriting(id)
        case .close(let id): close(id, lingers: true)
        case .closeAtOnce(let id): close(id, lingers: false)
        case .abort(let id): abort(id)
        case .startTLS(let id, let peer): startTLS(id, peer)
        case .dial(let id, let endpoint): dial(id, endpoint)
        case .cancelDial(let id): cancelDial(id)
        }
    }

    /// Bytes of one write from which on it is worth more to keep it where it is than to copy it.
    private static let largeWrite = 16 * 1024
    /// Bytes queued within one turn that are not kept waiting for its end.
    private static let queueWorthWriting = 64 * 1024
    /// Lent pieces that are worth a call.
    private static let maximumLentPieces = 32

    private func write(_ bytes: ArraySlice<UInt8>, to id: ConnectionID) {
        guard !bytes.isEmpty, let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        guard connections.entries[slot].marks.isDisjoint(with: .finishing), connections.entries[slot].failure == nil else {
            return
        }
        touch(slot)
        let isLending = !connections.entries[slot].lent.isEmpty
        if isLending || bytes.count >= Self.largeWrite, !connections.entries[slot].marks.contains(.blocked) {
            if !isLending { lenders.append(id) }
            connections.entries[slot].lent.append(bytes)
            if connections.entries[slot].lent.count >= Self.maximumLentPieces { push(slot) }
            return
        }
        enqueue(bytes, slot)
        if connections.entries[slot].queue.count >= Self.queueWorthWriting { push(slot) }
    }

    func enqueue(_ bytes: ArraySlice<UInt8>, _ slot: Int) {
        connections.entries[slot].queue.append(bytes, pool: &pool)
        statistics.queuedBytes += bytes.count
    }

    /// Writes large pieces now, while they are still where they were lent: to be called after the commands that follow one
    /// event. (A later call, or the next `flush`, does as well; but what they lie in cannot be used for the next read
    /// meanwhile.)
    public func writeLent() {
        if lenders.isEmpty { return }
        for id in lenders {
            if let slot = connections.slot(of: id) { push(slot) }
        }
        lenders.removeAll(keepingCapacity: true)
    }

    /// Offers the queue and what is lent behind it to the kernel, unless the socket is known to be full. Of what is lent,
    /// whatever the kernel does not take is queued.
    func push(_ slot: Int) {
        if connections.entries[slot].marks.contains(.encrypted) { return pushEncrypted(slot) }
        var lent: [ArraySlice<UInt8>] = []
        swap(&lent, &connections.entries[slot].lent)
        let queued = connections.entries[slot].queue.count
        guard queued > 0 || !lent.isEmpty, connections.entries[slot].failure == nil else { return }
        guard !connections.entries[slot].marks.contains(.blocked) else { return lent.forEach { enqueue($0, slot) } }
        let descriptor = connections.entries[slot].descriptor
        let outcome: CallOutcome
        if lent.isEmpty {
            outcome = transmit(descriptor, connections.entries[slot].queue.unsent)
        } else if queued == 0, lent.count == 1 {
            outcome = transmit(descriptor, lent[0])
        } else {
            outcome = transmit(descriptor, [connections.entries[slot].queue.unsent] + lent)
        }
        let offered = lent.reduce(queued) { $0 + $1.count }
        var taken = note(outcome, offered: offered, slot)
        connections.entries[slot].unreported += taken
        let takenOfQueue = min(taken, queued)
        consume(takenOfQueue, slot)
        taken -= takenOfQueue
        if connections.entries[slot].failure != nil { return }
        for piece in lent {
            let gone = min(taken, piece.count)
            taken -= gone
            if gone < piece.count { enqueue(piece.dropFirst(gone), slot) }
        }
    }

    /// Counts what a write came to and remembers a full or failed socket; returns the number of bytes taken.
    func note(_ outcome: CallOutcome, offered: Int, _ slot: Int) -> Int {
        statistics.writes += 1
        switch outcome {
        case .moved(let count):
            statistics.bytesWritten += count
            if count < offered {
                connections.entries[slot].marks.insert(.blocked)
                if connections.entries[slot].phase == .closing { extendFlush(slot) }
            }
            return count
        case .wouldBlock:
            connections.entries[slot].marks.insert(.blocked)
            return 0
        case .failed(let code):
            connections.entries[slot].failure = connectionErrorText(code)
            return 0
        }
    }

    func consume(_ count: Int, _ slot: Int) {
        statistics.queuedBytes -= count
        connections.entries[slot].queue.consume(count, pool: &pool)
    }

    // MARK: The other commands

    private func setReading(_ id: ConnectionID, _ isOn: Bool) {
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        if isOn {
            connections.entries[slot].marks.remove(.paused)
        } else {
            connections.entries[slot].marks.insert(.paused)
        }
        touch(slot)
    }

    private func finishWriting(_ id: ConnectionID) {
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        connections.entries[slot].marks.insert(.finishing)
        touch(slot)
    }

    private func close(_ id: ConnectionID, lingers: Bool) {
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        connections.entries[slot].phase = .closing
        connections.entries[slot].marks.insert(.finishing)
        if !lingers { connections.entries[slot].marks.insert(.parting) }
        touch(slot)
        // What waits for a handshake would wait for ever: nothing is read any more.
        if let layer = connections.entries[slot].tls, !layer.isOpen { return end(slot, failure: nil) }
        if connections.entries[slot].marks.contains(.finished) {
            timers.set(.close(id), at: Self.now().advanced(by: .milliseconds(limits.lingerMs)))
        } else if connections.entries[slot].marks.contains(.blocked) {
            extendFlush(slot)  // otherwise the next flush finds out whether it is
        }
    }

    /// A closing connection made progress, or begins to need some.
    private func extendFlush(_ slot: Int) {
        timers.set(.close(connections.id(of: slot)), at: Self.now().advanced(by: limits.flushTimeout))
    }

    private func abort(_ id: ConnectionID) {
        guard let slot = connections.slot(of: id), connections.isAlive(slot) else { return }
        prepareReset(connections.entries[slot].descriptor)
        end(slot, failure: nil)
    }
}

/// Ends our stream; the peer reads what was written before. Fails harmlessly if the connection is already gone.
func shutDownWriting(_ descriptor: Int32) {
    shutdown(descriptor, Int32(SHUT_WR))
}
