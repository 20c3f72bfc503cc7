// Listeners: made from literal addresses and Unix paths (never from names that need a resolver), or inherited from a
// service manager. Accepting is bounded in each turn, and whatever runs out (descriptors, memory, room in the table) pauses it
// instead of spinning on a listener that stays readable.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A listening socket of a loop.
public struct Listener: Sendable, Hashable {
    /// Its number in `accepted` events: 0 for the loop's first.
    public var index: Int
    /// Where it listens, with the real port where 0 was asked for.
    public var endpoint: Endpoint

    /// The listener with this number.
    public init(index: Int, endpoint: Endpoint) {
        self.index = index
        self.endpoint = endpoint
    }
}

/// Who else may listen on a port. Where several sockets do, Linux gives each a share of the new connections.
public enum PortSharing: Sendable, Hashable {
    /// No one else.
    case none
    /// No one now; later sockets of this user that use `further`.
    case first
    /// Those that use `first` or `further`.
    case further
}

/// What a loop knows of a listener.
struct ListenerState {
    /// Negative once closed.
    var descriptor: Int32
    /// Whether it waits for a timer or for room, unwatched.
    var isPaused = false
    /// What clients are served TLS with; nil: they are not.
    var tls: TLSContext?
    /// Set for a Unix path that is ours to remove: what stood there when we made it.
    var path: (text: String, device: dev_t, node: ino_t)?
}

extension SocketLoop {
    /// Listens on a literal address, `localhost` (127.0.0.1) or a Unix path; `::` takes IPv4 too. Port 0 takes a free one. A
    /// Unix socket that no one listens on is replaced; a live one, or a file of another kind, is an error. `sharing` is about
    /// ports alone. `backlog` is the number of connections that wait.
    public func listen(
        on endpoint: Endpoint, backlog: Int32 = 4096, sharing: PortSharing = .none
    ) throws(SocketError) -> Listener {
        let address = try Self.listeningAddress(endpoint)
        let descriptor = Platform.streamSocket(address.family)
        guard descriptor >= 0 else { throw SocketError("listen on", endpoint.text, code: errno) }
        do throws(SocketError) {
            return try bind(descriptor, to: address, backlog: backlog, sharing)
        } catch {
            systemClose(descriptor)
            throw error
        }
    }

    /// Closes all listeners, and removes the paths of Unix sockets that are still theirs; connections go on.
    public func stopListening() {
        for index in listeners.indices where listeners[index].descriptor >= 0 {
            let state = listeners[index]
            listeners[index].descriptor = -1
            listeners[index].path = nil
            timers.cancel(.accept(index))
            // The port is free at once, even where the poller closes later.
            shutdown(state.descriptor, Int32(SHUT_RDWR))
            poller.close(state.descriptor)
            if let path = state.path, let file = Self.socketFile(path.text), file == (path.device, path.node) {
                _ = removeName(path.text)
            }
        }
    }

    // MARK: Accepting

    /// Accepts a bounded number of connections.
    func acceptBatch(_ index: Int, _ handler: (TransportEvent) -> Void) {
        for _ in 0..<max(1, limits.acceptsPerTurn) {
            guard index < listeners.count, listeners[index].descriptor >= 0, !listeners[index].isPaused else { return }
            if connections.count >= limits.maximumConnections { return pauseAccepting(index) }
            var peer = SocketAddress()
            let descriptor = Platform.accept(listeners[index].descriptor, &peer)
            let goesOn =
                descriptor >= 0 ? accept(descriptor, from: peer, index, handler) : acceptFailed(errno, index)
            if !goesOn { return }
        }
    }

    /// Takes an accepted connection in; false if the poller has no room for it.
    private func accept(
        _ descriptor: Int32, from peer: SocketAddress, _ index: Int, _ handler: (TransportEvent) -> Void
    ) -> Bool {
        do throws(SocketError) {
            let slot = try add(descriptor)
            statistics.accepted += 1
            if let context = listeners[index].tls {
                acceptTLS(slot, context, TLSAcceptance(peer: peer.hostText, listener: index))
                return true
            }
            handler(.accepted(connections.id(of: slot), peer: peer.hostText, listener: index))
            return true
        } catch {
            noteShortage("accept connections", error.code)
            pauseAccepting(index, .milliseconds(100))
            return false
        }
    }

    /// Puts a connected descriptor into the table and under the poller; closes it if the poller refuses.
    func add(_ descriptor: Int32) throws(SocketError) -> Int {
        let slot = connections.insert(descriptor, .open)
        connections.entries[slot].interest = .read
        connections.entries[slot].marks = .watched
        do throws(SocketError) {
            try poller.watch(descriptor, .read, token: connections.id(of: slot).rawValue)
        } catch {
            poller.close(descriptor)
            connections.remove(slot)
            throw error
        }
        return slot
    }

    /// Whether to go on accepting after this error (accept(2) lists those that concern one connection only).
    private func acceptFailed(_ code: Int32, _ index: Int) -> Bool {
        switch code {
        case EAGAIN, EWOULDBLOCK: return false
        case EMFILE, ENFILE:
            noteShortage("accept connections", code)
            shedOne(index)
            pauseAccepting(index, .milliseconds(100))
            return false
        case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM:
            return true
        default:
            pauseAccepting(index, .milliseconds(100))
            return false
        }
    }

    /// Descriptors have run out: the longest waiting connection is closed, so that its client need not wait.
    private func shedOne(_ index: Int) {
        guard spareDescriptor >= 0 else { return reopenSpare() }
        systemClose(spareDescriptor)
        var ignored = SocketAddress()
        let descriptor = Platform.accept(listeners[index].descriptor, &ignored)
        if descriptor >= 0 { systemClose(descriptor) }
        reopenSpare()
    }

    private func reopenSpare() {
        spareDescriptor = openDescriptor("/dev/null", O_RDONLY)
    }

    /// Stops watching the listener, for a while or (nil) until there is room in the table.
    private func pauseAccepting(_ index: Int, _ duration: Duration? = nil) {
        statistics.acceptPauses += 1
        listeners[index].isPaused = true
        try? poller.change(listeners[index].descriptor, [], token: Token.ofListener(index))
        if let duration { timers.set(.accept(index), at: Self.now().advanced(by: duration)) }
    }

    /// Watches a paused listener again.
    func resumeAccepting(_ index: Int) {
        guard listeners[index].descriptor >= 0, listeners[index].isPaused else { return }
        if spareDescriptor < 0 { reopenSpare() }
        listeners[index].isPaused = false
        do throws(SocketError) {
            try poller.change(listeners[index].descriptor, .read, token: Token.ofListener(index))
        } catch {
            pauseAccepting(index, .milliseconds(100))
        }
    }

    /// Watches those again that waited for room.
    func resumeAcceptingForRoom() {
        for index in listeners.indices where listeners[index].isPaused && timers[.accept(index)] == nil {
            resumeAccepting(index)
        }
    }

    // MARK: Making

    private static func listeningAddress(_ endpoint: Endpoint) throws(SocketError) -> SocketAddress {
        switch endpoint {
        case .tcp(let host, let port):
            let literal = host.lowercased() == "localhost" ? "127.0.0.1" : host
            if let address = SocketAddress(literal: literal, port: port) { return address }
            throw SocketError("listen on", endpoint.text, reason: "not a literal address")
        case .unix(let path):
            if let address = SocketAddress(path: path) { return address }
            throw SocketError("listen on", endpoint.text, reason: "the path is empty or too long")
        }
    }

    private func bind(
        _ descriptor: Int32, to address: SocketAddress, backlog: Int32, _ sharing: PortSharing
    ) throws(SocketError) -> Listener {
        if address.family != AF_UNIX {
            setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            if sharing == .further { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
            // Accepted sockets inherit this on Linux, which saves a call for each.
            Platform.prepareStream(descriptor)
            if address.family == AF_INET6 { setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
        }
        var result = systemBind(descriptor, address)
        if result != 0, errno == EADDRINUSE, case .unix(let path) = address.endpoint, try Self.removeIfStale(path, address) {
            result = systemBind(descriptor, address)
        }
        // Only now: binding with it would join whoever has the port already, be it another program of this user.
        if sharing == .first, address.family != AF_UNIX { setOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        guard result == 0, systemListen(descriptor, backlog) == 0 else {
            throw Self.listenError(on: address, code: errno)
        }
        guard case .unix(let path) = address.endpoint else {
            return try add(descriptor, SocketAddress.local(of: descriptor)?.endpoint ?? address.endpoint, path: nil)
        }
        return try add(descriptor, address.endpoint, path: path)
    }

    /// The system's text, and what it means here.
    static func listenError(on address: SocketAddress, code: Int32) -> SocketError {
        let advice: String? =
            switch code {
            case EADDRINUSE where address.family != AF_UNIX:
                "another program listens there; choose another port, or end that one"
            case EACCES where (1..<1024).contains(address.port):
                "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another, or put a proxy in front"
            case EADDRNOTAVAIL: "this machine has no such address"
            default: nil
            }
        let reason = errorText(code) + (advice.map { ": \($0)" } ?? "")
        return SocketError("listen on", address.text, code: code, reason: reason)
    }

    private func add(_ descriptor: Int32, _ endpoint: Endpoint, path: String?) throws(SocketError) -> Listener {
        let index = listeners.count
        try poller.watch(descriptor, .read, token: Token.ofListener(index))
        var state = ListenerState(descriptor: descriptor)
        if let path, let (device, node) = Self.socketFile(path) { state.path = (path, device, node) }
        listeners.append(state)
        return Listener(index: index, endpoint: endpoint)
    }

    /// Removes the socket file at `path` if no one listens there; false if a process does, or if it is no socket.
    private static func removeIfStale(_ path: String, _ address: SocketAddress) throws(SocketError) -> Bool {
        guard socketFile(path) != nil else {
            throw SocketError("listen on", address.text, reason: "a file of another kind is there")
        }
        let probe = Platform.streamSocket(AF_UNIX)
        guard probe >= 0 else { throw SocketError("listen on", address.text, code: errno) }
        defer { systemClose(probe) }
        let isRefused = systemConnect(probe, address) != 0 && errno == ECONNREFUSED
        guard isRefused else { throw SocketError("listen on", address.text, code: EADDRINUSE) }
        return removeName(path)
    }

    /// What identifies the socket at `path`; nil if there is none.
    private static func socketFile(_ path: String) -> (dev_t, ino_t)? {
        guard let status = fileStatus(at: path), status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        return (status.st_dev, status.st_ino)
    }
}
