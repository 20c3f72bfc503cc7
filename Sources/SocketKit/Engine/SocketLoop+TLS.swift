// TLS in the loop: its settings, and handshakes. A client is announced when its handshake is over; one that fails is closed
// without a word to the machine.

import MachineCore
import X509

/// What TLS of a loop has in common.
struct LoopTLS {
    /// What clients of this loop's dials use, by name.
    var clients: [TLSProfile: TLSContext] = [:]
    /// Clients of listeners whose handshake is not over.
    var handshakes = HandshakeQueue()
    /// What is presented to a certificate authority that checks a name, by name: also in contexts to come.
    var challenges: [String: TLSCredential] = [:]
}

extension SocketLoop {
    // MARK: Settings

    /// From the next connection on, clients of `listener` are served TLS with these settings; nil: plain bytes. Connections
    /// that are there keep what they have.
    /// - Throws: what is wrong with the settings; the listener keeps those that it has.
    public func setTLS(_ settings: TLSServerSettings?, for listener: Listener) throws(TLSError) {
        guard listener.index < listeners.count else { return }
        var context: TLSContext?
        if let settings {
            let made = try TLSContext(server: settings)
            for (name, credential) in tls.challenges { try made.setChallenge(for: name, credential) }
            context = made
        }
        listeners[listener.index].tls = context
    }

    /// From the next `startTLS` on, `profile` stands for these settings.
    /// - Throws: what is wrong with the settings; the profile keeps those that it has.
    public func setTLS(_ settings: TLSClientSettings, for profile: TLSProfile) throws(TLSError) {
        tls.clients[profile] = try TLSContext(client: settings)
    }

    /// Replaces the keys of session tickets at all listeners: the first seals, all open.
    public func setTicketKeys(_ keys: [TLSTicketKey]) {
        for listener in listeners { listener.tls?.ticketKeys = keys }
    }

    /// Presents `credential` from now on to a certificate authority that checks `serverName` (RFC 8737); nil withdraws it.
    public func setChallenge(for serverName: String, _ credential: TLSCredential?) throws(TLSError) {
        for listener in listeners { try listener.tls?.setChallenge(for: serverName, credential) }
        tls.challenges[serverName] = credential
    }

    // MARK: Handshakes

    /// Begins the handshake with a client.
    func acceptTLS(_ slot: Int, _ context: TLSContext, _ acceptance: TLSAcceptance) {
        let id = connections.id(of: slot)
        connections.entries[slot].marks.insert([.encrypted, .unannounced])
        if tls.handshakes.count >= limits.maximumHandshakes, let oldest = tls.handshakes.oldest, isCurrent(oldest, oldest.slot)
        {
            failTLS(oldest.slot, .handshake("given up, since \(limits.maximumHandshakes) others are under way"))
        }
        tls.handshakes.append(id, acceptance)
        do throws(TLSError) {
            connections.entries[slot].tls = TLSLayer(try TLSEngine(server: context))
            timers.set(.handshake(id), at: moment.advanced(by: limits.handshakeTimeout))
        } catch {
            failTLS(slot, error)
        }
    }

    /// Begins the handshake with a server.
    func startTLS(_ id: ConnectionID, _ peer: TLSPeer) {
        guard let slot = connections.slot(of: id), connections.entries[slot].phase == .open else { return }
        guard !connections.entries[slot].marks.contains(.encrypted) else { return }
        guard let context = tls.clients[peer.profile] else {
            return end(slot, failure: "there are no TLS settings for `\(peer.profile.rawValue)`")
        }
        do throws(TLSError) {
            let layer = TLSLayer(try TLSEngine(client: context, host: peer.host))
            connections.entries[slot].tls = layer
            connections.entries[slot].marks.insert(.encrypted)
            try layer.engine.start(into: &ciphertext)
            queueCiphertext(slot, layer)
            timers.set(.handshake(id), at: Self.now().advanced(by: limits.handshakeTimeout))
        } catch {
            end(slot, failure: error.description)
        }
    }

    /// A handshake is over: says so. False if the connection is gone then.
    func announce(_ slot: Int, _ layer: TLSLayer, _ handler: (TransportEvent) -> Void) -> Bool {
        let id = connections.id(of: slot)
        timers.cancel(.handshake(id))
        guard let facts = layer.engine.facts else { return false }
        if let acceptance = tls.handshakes.remove(id) {
            if facts.applicationProtocol == "acme-tls/1" {
                closeUnannounced(slot)  // the authority has seen what it wanted
                return false
            }
            connections.entries[slot].marks.remove(.unannounced)
            handler(.accepted(id, peer: acceptance.peer, listener: acceptance.listener))
            guard isCurrent(id, slot) else { return false }
        }
        statistics.handshakes += 1
        handler(.secured(id, facts))
        return isCurrent(id, slot)
    }

    func handshakeTimeout(_ id: ConnectionID) {
        guard let slot = connections.slot(of: id), connections.isAlive(slot) else { return }
        failTLS(slot, .handshake("not over within \(limits.handshakeTimeout)"))
    }

    /// TLS on the connection has failed: the alert is still sent, if there is one.
    func failTLS(_ slot: Int, _ error: TLSError) {
        if connections.entries[slot].marks.contains(.unannounced) {
            noteLostHandshake(slot, error)
            if error == .plainHTTP { sendPlainly(plainHTTPResponse, slot) }
            closeUnannounced(slot)
        } else {
            push(slot)
            end(slot, failure: error.description)
        }
    }

    /// Closes a connection that the machine does not know of, so that the peer can read what is queued.
    private func closeUnannounced(_ slot: Int) {
        timers.cancel(.handshake(connections.id(of: slot)))
        connections.entries[slot].phase = .closing
        connections.entries[slot].marks.insert([.finishing, .unannounced])
        touch(slot)
    }

    /// A client's connection ended before its handshake did.
    func noteLostHandshake(_ slot: Int, _ failure: String?) {
        noteLostHandshake(slot, .handshake(failure ?? "the connection ended"))
    }

    private func noteLostHandshake(_ slot: Int, _ error: TLSError) {
        guard let acceptance = tls.handshakes.remove(connections.id(of: slot)) else { return }
        statistics.failedHandshakes += 1
        onHandshakeFailure(TLSHandshakeFailure(peer: acceptance.peer, listener: acceptance.listener, error: error))
    }
}
