// The bytes of connections with TLS: what is read goes through the engine to the machine, and what the machine writes through
// it to the socket, at the end of the turn, so that what was written in several pieces shares records and a call.
//
// Nothing is encrypted while the socket is full: it waits as plaintext, and of ciphertext there is what one call was offered.
// `ciphertext` is where it is made, and empty between these functions.

import MachineCore

extension SocketLoop {
    // MARK: Reading

    /// Takes what was read: what it holds is lent, and what is to be said in reply is queued.
    func takeCiphertext(_ slot: Int, _ handler: (TransportEvent) -> Void) {
        guard let layer = connections.entries[slot].tls else { return }
        let id = connections.id(of: slot)
        let wasOpen = layer.isOpen
        var failure: TLSError?
        plaintext.removeAll(keepingCapacity: true)
        do throws(TLSError) {
            try layer.engine.receive(readBuffer[...], plaintext: &plaintext, ciphertext: &ciphertext)
        } catch {
            failure = error
        }
        queueCiphertext(slot, layer)
        if !wasOpen, layer.isOpen, !announce(slot, layer, handler) { return }
        if !plaintext.isEmpty, connections.entries[slot].phase == .open {
            handler(.received(id, plaintext[...]))
            guard isCurrent(id, slot) else { return }
        }
        if let failure { return failTLS(slot, failure) }
        if layer.engine.phase == .ended { endOfStream(slot, handler) }
    }

    /// The socket's stream is over. Whether that is an orderly end; if not, the connection has failed.
    func endOfCiphertext(_ slot: Int) -> Bool {
        guard connections.entries[slot].phase == .open, let layer = connections.entries[slot].tls else { return true }
        do throws(TLSError) {
            try layer.engine.receiveEOF()
            return true
        } catch {
            failTLS(slot, error)
            return false
        }
    }

    // MARK: Writing

    /// Queues what the engine has to say.
    func queueCiphertext(_ slot: Int, _ layer: TLSLayer) {
        guard !ciphertext.isEmpty else { return }
        append(ciphertext[...], layer)
        ciphertext.removeAll(keepingCapacity: true)
        touch(slot)
    }

    /// Queues bytes as they are, for a client that does not speak TLS.
    func sendPlainly(_ bytes: [UInt8], _ slot: Int) {
        guard let layer = connections.entries[slot].tls else { return }
        append(bytes[...], layer)
        touch(slot)
    }

    private func append(_ bytes: ArraySlice<UInt8>, _ layer: TLSLayer) {
        layer.outgoing.append(bytes, pool: &pool)
        statistics.queuedBytes += bytes.count
    }

    /// What `push` is for a connection with TLS.
    func pushEncrypted(_ slot: Int) {
        guard let layer = connections.entries[slot].tls else { return }
        var lent: [ArraySlice<UInt8>] = []
        swap(&lent, &connections.entries[slot].lent)
        guard connections.entries[slot].failure == nil else { return }
        if layer.isOpen, !connections.entries[slot].marks.contains(.blocked) {
            do throws(TLSError) {
                try layer.seal(connections.entries[slot].queue.unsent, into: &ciphertext)
                for piece in lent { try layer.seal(piece, into: &ciphertext) }
            } catch {
                connections.entries[slot].failure = error.description
            }
            consume(connections.entries[slot].queue.count, slot)
        } else {
            for piece in lent { enqueue(piece, slot) }
        }
        transmit(slot, layer)
        connections.entries[slot].unreported += layer.takeWritten()
    }

    /// Offers what waits, and `ciphertext` behind it, to the kernel.
    private func transmit(_ slot: Int, _ layer: TLSLayer) {
        defer { emptyCiphertext() }
        if !layer.outgoing.isEmpty { queueCiphertext(slot, layer) }
        guard !connections.entries[slot].marks.contains(.blocked) else { return }
        let descriptor = connections.entries[slot].descriptor
        let waiting = layer.outgoing.count
        if waiting > 0 {
            let taken = note(SocketKit.transmit(descriptor, layer.outgoing.unsent), offered: waiting, slot)
            statistics.queuedBytes -= taken
            layer.outgoing.consume(taken, pool: &pool)
        } else if !ciphertext.isEmpty {
            let taken = note(SocketKit.transmit(descriptor, ciphertext[...]), offered: ciphertext.count, slot)
            if taken < ciphertext.count { append(ciphertext[taken...], layer) }
        }
    }

    /// Empties it, and gives its memory back if it is more than a turn needs as a rule.
    private func emptyCiphertext() {
        if ciphertext.capacity > Self.usualCiphertext { ciphertext = [] } else { ciphertext.removeAll(keepingCapacity: true) }
    }

    private static var usualCiphertext: Int { 1024 * 1024 }

    // MARK: The end

    /// Says, once all is written, that no more will be (`close_notify`). Whether that still waits for the socket.
    func closeTLS(_ slot: Int) -> Bool {
        guard let layer = connections.entries[slot].tls, !layer.engine.isClosed else { return false }
        layer.engine.close(into: &ciphertext)
        transmit(slot, layer)
        return connections.entries[slot].hasUnsent
    }

    /// Frees what TLS of the connection holds.
    func releaseTLS(_ slot: Int) {
        timers.cancel(.handshake(connections.id(of: slot)))
        guard let layer = connections.entries[slot].tls else { return }
        statistics.queuedBytes -= layer.outgoing.count
        layer.outgoing.removeAll(pool: &pool)
        connections.entries[slot].tls = nil
    }
}
