// Two sessions and the wire between them, which carries bytes in random portions: what both daemons do, without sockets.

import HTTPCodec
import TestSupport
import Testing
import TunnelLink

/// One end: its session, what it was told, and the bytes that it wrote and the peer has not read.
struct End {
    var session: TunnelSession
    /// Everything but data.
    var received: [TunnelEvent] = []
    /// Data, by stream.
    var bodies: [StreamID: [UInt8]] = [:]
    /// Whether what comes is consumed at once; else it is held, as for a visitor that does not read.
    var consumes = true
    /// Streams that may not send until `resume`.
    var paused: Set<StreamID> = []
    private var wire: [UInt8] = []
    private var wireStart = 0

    init(_ session: TunnelSession) { self.session = session }

    /// Has the session send a request, which it must.
    mutating func open(_ request: WebRequest) throws -> StreamID {
        let id = session.open(request)
        return try #require(id)
    }

    /// Everything that the session has to tell.
    mutating func listen() {
        while let event = session.next() {
            if case .data(let id, let bytes) = event {
                bodies[id, default: []] += bytes
                if consumes { session.consumed(bytes.count, on: id) }
                continue
            }
            if case .resume(let id) = event { paused.remove(id) }
            received.append(event)
        }
    }

    /// Up to `count` of the bytes that are ready; the transport took them.
    mutating func write(_ count: Int) -> ArraySlice<UInt8> {
        let ready = session.takeOutput()
        if wireStart == wire.count {
            wire = Array(ready)
            wireStart = 0
        } else {
            wire += ready
        }
        let piece = wire[wireStart..<min(wire.count, wireStart + count)]
        wireStart = piece.endIndex
        session.wrote(piece.count)
        return piece
    }

    var isClean: Bool {
        session.openStreams == 0 && session.queuedBytes == 0 && session.backlog == 0 && wireStart == wire.count
    }
}

/// A gateway and an agent.
struct Pair {
    var gateway: End
    var agent: End
    private var random: SplitMix
    private let largestCut: Int

    init(_ version: TunnelVersion, limits: TunnelLimits = .init(), seed: UInt64 = 1, largestCut: Int = 20_000) {
        gateway = End(TunnelSession(.gateway, version: version, limits: limits))
        agent = End(TunnelSession(agentRole, version: version, limits: limits))
        gateway.session.admit()
        random = SplitMix(seed: seed)
        self.largestCut = largestCut
    }

    /// Carries one portion each way. False: there was nothing to carry.
    mutating func carry() -> Bool {
        let down = gateway.write(Int.random(in: 1...largestCut, using: &random))
        agent.session.receive(down)
        agent.listen()
        let up = agent.write(Int.random(in: 1...largestCut, using: &random))
        gateway.session.receive(up)
        gateway.listen()
        return !down.isEmpty || !up.isEmpty
    }

    /// Carries until nothing moves.
    mutating func settle() {
        gateway.listen()
        agent.listen()
        while carry() {}
    }

    var isClean: Bool { gateway.isClean && agent.isClean }
}

/// A body on its way into a session, in pieces, pausing when told to.
struct Source {
    let id: StreamID
    let bytes: [UInt8]
    let piece: Int
    var trailers = HTTPFields()
    var position = 0
    var isDone = false

    /// Sends one piece, unless the session said that it is full.
    mutating func step(_ end: inout End) {
        guard !isDone, !end.paused.contains(id) else { return }
        let next = bytes[position..<min(bytes.count, position + piece)]
        position += next.count
        isDone = position == bytes.count
        let outcome = end.session.send(next, on: id, end: isDone, trailers: isDone ? trailers : HTTPFields())
        switch outcome {
        case .sent: break
        case .full: end.paused.insert(id)
        case .overflow, .gone: Issue.record("stream \(id.rawValue): \(outcome)")
        }
    }
}
