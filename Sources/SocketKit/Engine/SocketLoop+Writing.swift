// Commands, and how bytes leave. Small writes gather in the connection's queue until the end of the turn, so that what a
// machine says in several pieces costs one call. A large write goes to the kernel at once, together with what was queued before
// it, and only what the kernel has no room for is copied. A full socket is not tried again until the poller says it has room.

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
        case .close(let id): close(id)
        case .abort(let id): abort(id)
        case .dial(let id, let endpoint): dial(id, endpoint)
        case .cancelDial(let id): cancelDial(id)
        }
    }

    /// Bytes of one write from which on it is worth a call of its own.
    private static let largeWrite = 16 * 1024
    /// Bytes queued within one turn that are not kept waiting for its end.
    private static let queueWorthWriting = 64 * 1024

    private func write(_ bytes: ArraySlice<UInt8>, to id: ConnectionID) {
        guard !bytes.isEmpty, let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        guard connections.entries[slot].marks.isDisjoint(with: .finishing), connections.entries[slot].failure == nil else {
            return
        }
        touch(slot)
        if bytes.count >= Self.largeWrite, !connections.entries[slot].marks.contains(.blocked) {
            return writeNow(bytes, slot)
        }
        enqueue(bytes, slot)
        if connections.entries[slot].queue.count >= Self.queueWorthWriting { push(slot) }
    }

    private func enqueue(_ bytes: ArraySlice<UInt8>, _ slot: Int) {
        connections.entries[slot].queue.append(bytes, pool: &pool)
        statistics.queuedBytes += bytes.count
    }

    /// Offers the queue and `bytes` behind it to the kernel, and queues what it does not take.
    private func writeNow(_ bytes: ArraySlice<UInt8>, _ slot: Int) {
        let queued = connections.entries[slot].queue.count
        let descriptor = connections.entries[slot].descriptor
        let outcome =
            queued == 0 ? transmit(descriptor, bytes) : transmit(descriptor, connections.entries[slot].queue.unsent, bytes)
        let taken = note(outcome, offered: queued + bytes.count, slot)
        let takenOfQueue = min(taken, queued)
        consume(takenOfQueue, slot)
        guard connections.entries[slot].failure == nil, taken - takenOfQueue < bytes.count else { return }
        enqueue(bytes.dropFirst(taken - takenOfQueue), slot)
    }

    /// Offers the queue to the kernel, unless the socket is known to be full.
    func push(_ slot: Int) {
        let queued = connections.entries[slot].queue.count
        guard queued > 0, connections.entries[slot].failure == nil else { return }
        guard !connections.entries[slot].marks.contains(.blocked) else { return }
        let outcome = transmit(connections.entries[slot].descriptor, connections.entries[slot].queue.unsent)
        consume(note(outcome, offered: queued, slot), slot)
    }

    /// Counts what a write came to and remembers a full or failed socket; returns the number of bytes taken.
    private func note(_ outcome: CallOutcome, offered: Int, _ slot: Int) -> Int {
        statistics.writes += 1
        switch outcome {
        case .moved(let count):
            statistics.bytesWritten += count
            connections.entries[slot].unreported += count
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

    private func consume(_ count: Int, _ slot: Int) {
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

    private func close(_ id: ConnectionID) {
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        connections.entries[slot].phase = .closing
        connections.entries[slot].marks.insert(.finishing)
        touch(slot)
        if connections.entries[slot].marks.contains(.finished) {
            timers.set(.close(id), at: Self.now().advanced(by: .milliseconds(limits.lingerMs)))
        } else if !connections.entries[slot].queue.isEmpty {
            extendFlush(slot)
        }
    }

    /// A closing connection made progress, or begins to need some.
    private func extendFlush(_ slot: Int) {
        timers.set(.close(connections.id(of: slot)), at: Self.now().advanced(by: limits.flushTimeout))
    }

    private func abort(_ id: ConnectionID) {
        guard let slot = connections.slot(of: id), connections.entries[slot].isAlive else { return }
        prepareReset(connections.entries[slot].descriptor)
        end(slot, failure: nil)
    }
}

/// Ends our stream; the peer reads what was written before. Fails harmlessly if the connection is already gone.
func shutDownWriting(_ descriptor: Int32) {
    shutdown(descriptor, Int32(SHUT_WR))
}
