// Drives any machine by poll(2): sockets, a clock, and no SocketKit. Enough for an agent whose host responds to its requests.

import MachineCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

final class PollLoop<M: Machine> {
    private struct Connection {
        let descriptor: Int32
        var unsent: [UInt8] = []
        var isReading = true
        /// The peer will send no more.
        var isAtEnd = false
        var whenSent = WhenSent.goOn
    }

    /// What happens to a connection when all that was written is sent.
    private enum WhenSent { case goOn, halfClose, close }

    /// Called with each note of the machine.
    var onNote: (M.Note, PollLoop) -> Void = { _, _ in }

    private var machine: M
    private var connections: [ConnectionID: Connection] = [:]
    private var inputs: [MachineInput<M.Message>] = []
    private var connectionCount: UInt32 = 0
    private let began = ContinuousClock.now

    init(_ machine: M) {
        self.machine = machine
        signal(SIGPIPE, SIG_IGN)
    }

    func send(_ message: M.Message) { inputs.append(.message(message)) }

    /// Waits for something to happen, or for the machine's deadline, and sees it through to the bytes written.
    func turn() {
        wait()
        inputs.append(.tick)
        while !inputs.isEmpty {
            var pending: [MachineInput<M.Message>] = []
            swap(&pending, &inputs)
            for input in pending { tell { $0.handle(input, now: $1, into: &$2) } }
            tell { $0.finishTurn(now: $1, into: &$2) }
            for id in connections.keys { write(id) }
        }
    }

    /// Lets the machine act, and does what it wants done.
    private func tell(_ act: (inout M, Moment, inout [MachineOutput<M.Note>]) -> Void) {
        var outputs: [MachineOutput<M.Note>] = []
        act(&machine, now, &outputs)
        for output in outputs {
            switch output {
            case .transport(let command): perform(command)
            case .note(let note): onNote(note, self)
            }
        }
    }

    private var now: Moment { Moment().advanced(by: ContinuousClock.now - began) }

    private func perform(_ command: TransportCommand) {
        switch command {
        case .dial(let dial, let endpoint): connect(dial, endpoint)
        case .cancelDial: break  // `connect` has come to an end already
        case .startTLS(let id, _): end(id, error: "this loop speaks no TLS")
        case .write(let id, let bytes): connections[id]?.unsent += bytes
        case .setReading(let id, let isReading): connections[id]?.isReading = isReading
        case .finishWriting(let id): connections[id]?.whenSent = .halfClose
        case .close(let id), .closeAtOnce(let id): connections[id]?.whenSent = .close
        case .abort(let id): end(id, error: nil)
        }
    }

    // MARK: Sockets

    /// Waits for the name and for the connection; a loop with more to do would do neither here.
    private func connect(_ dial: DialID, _ endpoint: Endpoint) {
        guard case .tcp(let host, let port) = endpoint else { return report(.dialFailed(dial, reason: "not over TCP")) }
        var hints = addrinfo()
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var addresses: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &addresses)
        guard status == 0 else { return report(.dialFailed(dial, reason: String(cString: gai_strerror(status)))) }
        defer { freeaddrinfo(addresses) }
        for address in sequence(first: addresses, next: { $0?.pointee.ai_next }).compactMap({ $0?.pointee }) {
            let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
            if systemConnect(descriptor, address.ai_addr, address.ai_addrlen) == 0 { return adopt(descriptor, dial) }
            _ = close(descriptor)
        }
        report(.dialFailed(dial, reason: String(cString: strerror(errno))))
    }

    private func adopt(_ descriptor: Int32, _ dial: DialID) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        connectionCount += 1
        let id = ConnectionID(slot: connectionCount, generation: 0)
        connections[id] = Connection(descriptor: descriptor)
        report(.connected(dial, id))
    }

    private func wait() {
        let ids = Array(connections.keys)
        var requests = ids.compactMap { connections[$0] }.map { connection in
            let reads = connection.isReading && !connection.isAtEnd ? POLLIN : 0
            let writes = connection.unsent.isEmpty ? 0 : POLLOUT
            return pollfd(fd: connection.descriptor, events: Int16(reads | writes), revents: 0)
        }
        guard poll(&requests, nfds_t(requests.count), timeout) > 0 else { return }
        for (id, request) in zip(ids, requests) where Int32(request.revents) & ~Int32(POLLOUT) != 0 { read(id) }
    }

    /// Milliseconds until the machine's deadline, rounded up; −1 without one.
    private var timeout: Int32 {
        if !inputs.isEmpty { return 0 }
        guard let deadline = machine.nextDeadline else { return -1 }
        return Int32(clamping: deadline.since(now).wholeMilliseconds + 1)
    }

    private func read(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(connection.descriptor, &bytes, bytes.count, 0)
        if count > 0 { return report(.received(id, bytes[..<count])) }
        if count < 0 { return endUnlessItMustWait(id) }
        if connection.isAtEnd { return end(id, error: nil) }  // and it takes no more, either
        connections[id]?.isAtEnd = true
        report(.receivedEOF(id))
    }

    private func write(_ id: ConnectionID) {
        while let connection = connections[id], !connection.unsent.isEmpty {
            let count = systemSend(connection.descriptor, connection.unsent, connection.unsent.count, 0)
            if count < 0 { return endUnlessItMustWait(id) }
            connections[id]?.unsent.removeFirst(count)
            report(.wrote(id, count))
        }
        guard let connection = connections[id] else { return }
        switch connection.whenSent {
        case .goOn: break
        case .halfClose:
            shutdown(connection.descriptor, Int32(SHUT_WR))
            connections[id]?.whenSent = .goOn
        case .close: end(id, error: nil)
        }
    }

    private func endUnlessItMustWait(_ id: ConnectionID) {
        if errno != EAGAIN, errno != EINTR { end(id, error: String(cString: strerror(errno))) }
    }

    private func end(_ id: ConnectionID, error: String?) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        _ = close(connection.descriptor)
        report(.closed(id, error: error))
    }

    private func report(_ event: TransportEvent) { inputs.append(.transport(event)) }
}

// Under other names, since members of the class have these.
private let systemConnect = connect
private let systemSend = send
