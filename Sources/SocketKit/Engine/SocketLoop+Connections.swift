// What happens to an open connection: readiness in, events out, and how it ends.
//
// Hangups and errors are reported by epoll whether one wants them or not, in every wait. So each report changes something: it
// is read, or ends the connection, or, if both directions are shut while the machine has paused reading, the connection is
// parked (taken out of the poller) until the machine reads on or a write fails.

import MachineCore

extension SocketLoop {
    /// Handles what the poller reported about the connection in `slot`.
    func take(_ conditions: Readiness.Conditions, _ slot: Int, _ handler: (TransportEvent) -> Void) {
        if connections.entries[slot].phase == .connecting { return attemptEnded(slot) }
        guard connections.isAlive(slot) else { return }
        let id = connections.id(of: slot)
        if conditions.contains(.write), connections.entries[slot].marks.contains(.blocked) {
            connections.entries[slot].marks.remove(.blocked)
            settle(slot, handler)
            guard isCurrent(id, slot) else { return }
        }
        if conditions.isDisjoint(with: [.read, .hangup, .error]) { return }
        if connections.entries[slot].wantedInterest.contains(.read) {
            readOnce(slot, handler)
        } else if conditions.contains(.error) {
            let code = takeStoredError(connections.entries[slot].descriptor)
            end(slot, failure: code == 0 ? nil : connectionErrorText(code))
        } else if conditions.contains(.hangup) {
            hangUp(slot)
        }
        if connections.slot(of: id) == slot { lendEnd(slot, handler) }
    }

    /// Whether `slot` still is the live connection `id`, after a handler was called.
    func isCurrent(_ id: ConnectionID, _ slot: Int) -> Bool {
        connections.slot(of: id) == slot && connections.isAlive(slot)
    }

    /// Puts the connection on the list of those that the next flush settles.
    func touch(_ slot: Int) {
        if connections.entries[slot].marks.insert(.touched).inserted { touched.append(connections.id(of: slot)) }
    }

    // MARK: Reading

    /// Reads once; what comes is lent, or discarded if the machine has closed the connection.
    private func readOnce(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        statistics.reads += 1
        switch receive(connections.entries[slot].descriptor, into: &readBuffer, limit: limits.readBytes) {
        case .moved(0):
            if !connections.entries[slot].marks.contains(.encrypted) || endOfCiphertext(slot) { endOfStream(slot, handler) }
        case .moved(let count):
            statistics.bytesRead += count
            guard connections.entries[slot].phase == .open else { break }
            if connections.entries[slot].marks.contains(.encrypted) {
                takeCiphertext(slot, handler)
            } else {
                handler(.received(connections.id(of: slot), readBuffer[...]))
            }
        case .wouldBlock:
            break
        case .failed(let code):
            end(slot, failure: connectionErrorText(code))
        }
    }

    /// The peer's stream is over. Reading stops being of interest; if ours is over too, so is the connection.
    func endOfStream(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        connections.entries[slot].marks.insert(.sawEOF)
        touch(slot)
        if connections.entries[slot].phase == .open { handler(.receivedEOF(connections.id(of: slot))) }
    }

    /// Both directions are shut and the machine does not read.
    private func hangUp(_ slot: Int) {
        if connections.entries[slot].marks.contains(.sawEOF) {
            // All was read, and nothing can be written any more.
            let isOrderly = !connections.entries[slot].hasUnsent
            end(slot, failure: isOrderly ? nil : "closed by the peer")
        } else {
            connections.entries[slot].marks.insert(.parked)
            connections.entries[slot].marks.remove(.watched)
            poller.forget(connections.entries[slot].descriptor)
        }
    }

    // MARK: Settling

    /// Brings a touched connection up to date: writes, reports, half-closes, ends, and updates the poller.
    func settle(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        connections.entries[slot].marks.remove(.touched)
        if connections.isAlive(slot) {
            let id = connections.id(of: slot)
            push(slot)
            report(slot, handler)
            guard connections.slot(of: id) == slot else { return }
            if connections.isAlive(slot) { finish(slot, handler) }
            guard connections.slot(of: id) == slot else { return }
            if connections.isAlive(slot) { updateInterest(slot) }
        }
        lendEnd(slot, handler)
    }

    /// Says how many bytes the socket took since the last time.
    private func report(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        let count = connections.entries[slot].unreported
        if count == 0 { return }
        connections.entries[slot].unreported = 0
        handler(.wrote(connections.id(of: slot), count))
    }

    /// Acts on a failed write, and once the queue is empty on requests to half-close and to close.
    private func finish(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        if connections.entries[slot].failure != nil { return salvage(slot, handler) }
        guard !connections.entries[slot].hasUnsent, connections.entries[slot].marks.contains(.finishing) else { return }
        if connections.entries[slot].marks.contains(.encrypted), closeTLS(slot) { return }
        if connections.entries[slot].marks.contains(.parting) { return end(slot, failure: nil) }
        if connections.entries[slot].marks.insert(.finished).inserted {
            shutDownWriting(connections.entries[slot].descriptor)
            if connections.entries[slot].phase == .closing {
                let linger = Self.now().advanced(by: .milliseconds(limits.lingerMs))
                timers.set(.close(connections.id(of: slot)), at: linger)
            }
        }
        if connections.entries[slot].marks.contains(.sawEOF) { end(slot, failure: nil) }
    }

    /// A write failed, but the peer may have responded before it left (an early 413, say): lends what has already arrived.
    private func salvage(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        let id = connections.id(of: slot)
        var rounds = 16
        while rounds > 0, connections.entries[slot].phase == .open, connections.entries[slot].wantedInterest.contains(.read) {
            rounds -= 1
            let before = statistics.bytesRead
            let failure = connections.entries[slot].failure
            readOnce(slot, handler)
            guard connections.slot(of: id) == slot else { return }
            if connections.entries[slot].phase == .ended { connections.entries[slot].failure = failure }
            if statistics.bytesRead == before { break }
        }
        if connections.isAlive(slot) { end(slot, failure: connections.entries[slot].failure) }
    }

    private func updateInterest(_ slot: Int) {
        let wanted = connections.entries[slot].wantedInterest
        let marks = connections.entries[slot].marks
        if marks.contains(.watched) ? wanted == connections.entries[slot].interest : wanted.isEmpty { return }
        connections.entries[slot].interest = wanted
        connections.entries[slot].marks.subtract(.parked)
        connections.entries[slot].marks.insert(.watched)
        statistics.interestChanges += 1
        let token = connections.id(of: slot).rawValue
        do throws(SocketError) {
            if marks.contains(.watched) {
                try poller.change(connections.entries[slot].descriptor, wanted, token: token)
            } else {
                try poller.watch(connections.entries[slot].descriptor, wanted, token: token)
            }
        } catch {
            noteShortage("go on with a connection", error.code)
            end(slot, failure: error.description)
        }
    }

    // MARK: Ends

    /// Closes the descriptor now; the machine is told by `lendEnd`.
    func end(_ slot: Int, failure: String?) {
        if connections.entries[slot].marks.contains(.unannounced) { noteLostHandshake(slot, failure) }
        release(slot)
        poller.close(connections.entries[slot].descriptor)
        connections.entries[slot].descriptor = -1
        connections.entries[slot].phase = .ended
        connections.entries[slot].failure = failure
        touch(slot)
    }

    /// Says `closed` if the connection has ended, and frees its slot.
    func lendEnd(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        guard connections.entries[slot].phase == .ended else { return }
        let id = connections.id(of: slot)
        let failure = connections.entries[slot].failure
        let isAnnounced = !connections.entries[slot].marks.contains(.unannounced)
        free(slot)
        if isAnnounced { handler(.closed(id, error: failure)) }
    }

    /// Frees the slot, so that there is room for a new connection.
    func free(_ slot: Int) {
        let wasFull = connections.count >= limits.maximumConnections
        connections.remove(slot)
        if wasFull { resumeAcceptingForRoom() }
    }

    /// A closing connection's time is over: at most what the peer never took is lost.
    func closeTimeout(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        let isFlushed = !connections.entries[slot].hasUnsent
        end(slot, failure: isFlushed ? nil : "closed, and the peer took nothing more")
        lendEnd(slot, handler)
    }

    /// Frees what a connection holds beside its descriptor.
    func release(_ slot: Int) {
        statistics.queuedBytes -= connections.entries[slot].queue.count
        connections.entries[slot].queue.removeAll(pool: &pool)
        connections.entries[slot].lent = []
        if connections.entries[slot].marks.contains(.encrypted) { releaseTLS(slot) }
        if connections.entries[slot].phase == .closing { timers.cancel(.close(connections.id(of: slot))) }
    }
}
