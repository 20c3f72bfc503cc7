// TLS on a connection of the simulated network, between a machine and its end of the connection: the machine writes and reads
// plain bytes, and what travels is what an engine makes of them. The engine comes from the test, since this module has none.

import MachineCore

/// One end of TLS, as an engine has it.
public protocol ConnectionCipher: AnyObject {
    /// What the handshake came to; nil before its end.
    var facts: TLSFacts? { get }
    /// Whether the peer has said that it sends no more.
    var hasEnded: Bool { get }
    /// What a client says first.
    func start() throws -> [UInt8]
    /// Takes what came: what it held, and what is to be said in reply.
    func receive(_ bytes: ArraySlice<UInt8>) throws -> (plaintext: [UInt8], reply: [UInt8])
    /// Nothing more comes; throws if the peer did not say so.
    func receiveEOF() throws
    /// What carries these bytes.
    func send(_ bytes: ArraySlice<UInt8>) throws -> [UInt8]
    /// What says that no more is sent.
    func close() -> [UInt8]
}

/// To the connection it is a host, to the machine the end of a connection.
final class EncryptedEnd: AnyHost, ConnectionEnd {
    private(set) var id: ConnectionID
    private let cipher: any ConnectionCipher
    private var host: any AnyHost
    private var below: (any ConnectionEnd)?
    /// Who is to be announced when the handshake is over; nil at a client, which is known already.
    private var client: String?
    private var isOpen = false
    private var isOver = false
    private var saidEOF = false
    /// Written before the end of the handshake, and whether the end was.
    private var early: [UInt8] = []
    private var finishesEarly = false
    /// What `wrote` was not yet said of, as it was written and as it travels.
    private var underWay = (plaintext: 0, ciphertext: 0)
    private var isAway = false
    private var missed: [TransportEvent] = []

    init(_ cipher: any ConnectionCipher, at host: any AnyHost, as id: ConnectionID, on below: (any ConnectionEnd)? = nil) {
        self.cipher = cipher
        self.host = host
        self.id = id
        self.below = below
    }

    /// A client says its hello.
    func start() { attempt { put(try cipher.start()) } }

    // MARK: The connection's host

    var name: String { host.name }
    var nextDeadline: Moment? { nil }
    var machineHost: any AnyHost { host }
    func turn() -> Bool { false }
    func newID() -> ConnectionID { host.newID() }
    func attach(_ end: any ConnectionEnd) { below = end }
    func detach(_ id: ConnectionID) { host.detach(self.id) }
    func deliver(_ event: TransportEvent) { handle(event) }

    func handle(_ event: TransportEvent) {
        switch event {
        case .accepted(_, let peer, _): client = peer
        case .received(_, let bytes): attempt { try receive(bytes) }
        case .receivedEOF: attempt { try cipher.receiveEOF() }
        case .wrote(_, let count): wrote(count)
        case .closed(_, let error): end(error)
        case .connected, .secured, .dialFailed: break
        }
    }

    private func receive(_ bytes: ArraySlice<UInt8>) throws {
        let (plaintext, reply) = try cipher.receive(bytes)
        put(reply)
        announce()
        if !plaintext.isEmpty { tell(.received(id, plaintext[...])) }
        if cipher.hasEnded, !saidEOF {
            saidEOF = true
            tell(.receivedEOF(id))
        }
    }

    private func announce() {
        guard !isOpen, let facts = cipher.facts else { return }
        isOpen = true
        if let client { tell(.accepted(id, peer: client, listener: 0)) }
        tell(.secured(id, facts))
        if !early.isEmpty { write(early[...]) }
        if finishesEarly { finishWriting() }
    }

    private func wrote(_ count: Int) {
        underWay.ciphertext -= count
        let taken = underWay.plaintext - min(underWay.plaintext, underWay.ciphertext)
        underWay.plaintext -= taken
        if taken > 0 { tell(.wrote(id, taken)) }
    }

    private func end(_ error: String?) {
        guard !isOver else { return }
        isOver = true
        if isOpen || client == nil { tell(.closed(id, error: error)) }
    }

    private func attempt(_ action: () throws -> Void) {
        guard !isOver else { return }
        do { try action() } catch {
            end("\(error)")
            below?.abort()
        }
    }

    private func put(_ ciphertext: [UInt8]) {
        guard !ciphertext.isEmpty else { return }
        underWay.ciphertext += ciphertext.count
        below?.write(ciphertext[...])
    }

    private func tell(_ event: TransportEvent) {
        if isAway { missed.append(event) } else { host.deliver(event) }
    }

    // MARK: The machine's end

    func startTLS(_ peer: TLSPeer) {}

    func write(_ bytes: ArraySlice<UInt8>) {
        guard isOpen else { return early.append(contentsOf: bytes) }
        attempt {
            underWay.plaintext += bytes.count
            put(try cipher.send(bytes))
        }
    }

    func setReading(_ isOn: Bool) { below?.setReading(isOn) }

    func finishWriting() {
        guard isOpen else { return finishesEarly = true }
        put(cipher.close())
        below?.finishWriting()
    }

    func close(lingers: Bool) {
        put(cipher.close())
        below?.close(lingers: lingers)
    }

    func abort() { below?.abort() }

    func leave() -> Bool {
        guard !isOver else { return false }
        isAway = true
        return true
    }

    func arrive(at host: any AnyHost, as id: ConnectionID) {
        self.host = host
        self.id = id
    }

    func resume() {
        isAway = false
        let events = missed
        missed = []
        for event in events { host.deliver(event.renamed(id)) }
    }
}
