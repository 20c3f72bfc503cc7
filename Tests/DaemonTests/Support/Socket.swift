// TCP on loopback for the test's own ends. Every call ends by a deadline; every end of the peer is a value or a `CutOff`. A
// descriptor is closed only by the thread that uses it, so that its number cannot become another test's socket meanwhile;
// who wants to end a conversation from elsewhere cuts it.

import Foundation
import Synchronization

/// A socket. One thread speaks through it and closes it; any thread may `cut` it.
final class Socket: Sendable {
    private let descriptor: Mutex<Int32?>

    private init(adopting descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        Self.setOption(descriptor, IPPROTO_TCP.asInt32, TCP_NODELAY, 1)
        #if canImport(Darwin)
            Self.setOption(descriptor, SOL_SOCKET, SO_NOSIGPIPE, 1)
        #endif
        self.descriptor = Mutex(descriptor)
    }

    deinit { close() }

    // MARK: Making one

    /// A connection to `port` on this machine. `receiveBuffer` makes a small window, for a peer that hardly reads.
    static func connect(to port: UInt16, receiveBuffer: Int32? = nil) throws -> Socket {
        let socket = try make()
        if let receiveBuffer { try socket.withDescriptor { setOption($0, SOL_SOCKET, SO_RCVBUF, receiveBuffer) } }
        let result = try socket.withDescriptor { descriptor in
            withAddress(port) { systemConnect(descriptor, $0, $1) == 0 ? 0 : errno }
        }
        if result == 0 { return socket }
        guard result == EINPROGRESS else { throw TestFailure("connect: \(reason(result))") }
        try socket.wait(for: POLLOUT, Deadline(), "a connection")
        let error = try socket.withDescriptor { descriptor in
            var error: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
            return error
        }
        guard error == 0 else { throw TestFailure("connect to port \(port): \(reason(error))") }
        return socket
    }

    /// A socket with a port of its own that does not listen yet: connections are refused, and no other process gets the port.
    static func bound() throws -> Socket {
        let socket = try make()
        let result = try socket.withDescriptor { descriptor in
            setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
            return withAddress(0) { bind(descriptor, $0, $1) }
        }
        guard result == 0 else { throw TestFailure("bind: \(reason(errno))") }
        return socket
    }

    static func listening() throws -> Socket {
        let socket = try bound()
        try socket.listen()
        return socket
    }

    func listen() throws {
        guard try withDescriptor({ systemListen($0, 256) }) == 0 else { throw TestFailure("listen: \(Self.reason(errno))") }
    }

    /// The port on this side.
    var port: UInt16 {
        get throws {
            try withDescriptor { descriptor in
                var address = sockaddr_in()
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                _ = withUnsafeMutablePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
                }
                return UInt16(bigEndian: address.sin_port)
            }
        }
    }

    /// The next connection; nil as soon as `isStopped` and none is waiting, at once if this socket is `cut` then.
    func accept(until isStopped: Shared<Bool>) -> Socket? {
        while !isStopped.value {
            guard let descriptor = descriptor.withLock({ $0 }) else { return nil }
            let accepted = systemAccept(descriptor)
            if accepted >= 0 { return Socket(adopting: accepted) }
            switch errno {
            case EAGAIN, EINTR, ECONNABORTED:
                var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                _ = poll(&request, 1, 50)  // some systems do not wake it when the socket is cut
            default: return nil
            }
        }
        return nil
    }

    // MARK: Bytes

    /// What has come, at most 64 KiB; empty at the peer's end.
    func receive(by deadline: Deadline = Deadline()) throws -> [UInt8] {
        while true {
            var result = 0
            let bytes = try withDescriptor { descriptor in
                [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                    result = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                    count = max(0, result)
                }
            }
            if result >= 0 { return bytes }
            try waitOrThrow(errno, for: POLLIN, deadline, "bytes from the peer")
        }
    }

    /// Sends all of `bytes`.
    func send(_ bytes: [UInt8], by deadline: Deadline = Deadline()) throws {
        var sent = 0
        while sent < bytes.count {
            let result = try withDescriptor { descriptor in
                bytes[sent...].withUnsafeBytes { systemSend(descriptor, $0.baseAddress, $0.count, noSignal) }
            }
            if result > 0 {
                sent += result
            } else {
                try waitOrThrow(errno, for: POLLOUT, deadline, "room for bytes to the peer")
            }
        }
    }

    // MARK: Ends

    /// Our half is over: the peer sees an end, and may go on.
    func finishWriting() { descriptor.withLock { if let it = $0 { _ = shutdown(it, Int32(SHUT_WR)) } } }

    /// Ends both directions, from any thread; whoever waits on this socket wakes.
    func cut() { descriptor.withLock { if let it = $0 { _ = shutdown(it, Int32(SHUT_RDWR)) } } }

    func close() {
        descriptor.withLock {
            if let it = $0 { _ = systemClose(it) }
            $0 = nil
        }
    }

    /// Ends the connection as a crash or a firewall does, with a reset.
    func reset() {
        descriptor.withLock {
            guard let it = $0 else { return }
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(it, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            _ = systemClose(it)
            $0 = nil
        }
    }

    // MARK: Below

    private static func make() throws -> Socket {
        let descriptor = socket(AF_INET, SOCK_STREAM.asInt32, 0)
        guard descriptor >= 0 else { throw TestFailure("socket: \(reason(errno))") }
        return Socket(adopting: descriptor)
    }

    private func withDescriptor<Result>(_ body: (Int32) throws -> Result) throws -> Result {
        guard let descriptor = descriptor.withLock({ $0 }) else { throw CutOff(wasReset: false) }
        return try body(descriptor)
    }

    private func waitOrThrow(_ error: Int32, for events: some BinaryInteger, _ deadline: Deadline, _ what: String) throws {
        switch error {
        case EAGAIN, EINTR: try wait(for: events, deadline, what)
        case ECONNRESET, EPIPE, ENOTCONN: throw CutOff(wasReset: true)
        default: throw TestFailure(Self.reason(error))
        }
    }

    private func wait(for events: some BinaryInteger, _ deadline: Deadline, _ what: String) throws {
        let ready = try withDescriptor { descriptor in
            var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            return poll(&request, 1, deadline.milliseconds)
        }
        if ready == 0 || deadline.isOver { throw TestFailure("did not come in time: \(what)") }
    }

    private static func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func withAddress<Result>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    private static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }
}

// The functions, by names that the methods above do not hide.
private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    connect(descriptor, address, size)
}
private func systemListen(_ descriptor: Int32, _ backlog: Int32) -> Int32 { listen(descriptor, backlog) }
private func systemAccept(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(descriptor, bytes, count, flags)
}
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

// What C libraries give different types.
#if canImport(Glibc)
    private let noSignal = Int32(MSG_NOSIGNAL)
    extension __socket_type { fileprivate var asInt32: Int32 { Int32(rawValue) } }
#elseif canImport(Musl)
    private let noSignal = MSG_NOSIGNAL
#else
    private let noSignal: Int32 = 0
#endif
extension BinaryInteger { fileprivate var asInt32: Int32 { Int32(self) } }
