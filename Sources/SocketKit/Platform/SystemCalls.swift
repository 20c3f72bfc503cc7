// The calls of the hot path with Swift's types: each retries when interrupted and says what happened as a value.
// Pointers appear here, in the files beside it and in the pollers, and nowhere else in the engine.
//
// Unsafe here: memory lent to a call while it runs, always with its count: an array's room that `recv` fills, bytes that `send`
// reads, and a vector of them, whose addresses hold because each piece is lent until the call has returned (`gather`).

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// What a read or a write came to.
enum CallOutcome {
    /// So many bytes; 0 from a read is the end of the stream.
    case moved(Int)
    /// The kernel has nothing, or no room, now.
    case wouldBlock
    /// The call failed with this `errno`.
    case failed(Int32)

    init(_ result: Int) {
        if result >= 0 {
            self = .moved(result)
        } else if errno == EAGAIN || errno == EWOULDBLOCK {
            self = .wouldBlock
        } else {
            self = .failed(errno)
        }
    }
}

/// Reads up to `limit` bytes into `buffer`, which holds them and nothing else afterwards. If another reference still holds what
/// the buffer had before, it gets new memory: `removeAll(keepingCapacity:)` copies nothing.
func receive(_ descriptor: Int32, into buffer: inout [UInt8], limit: Int) -> CallOutcome {
    buffer.removeAll(keepingCapacity: true)
    var outcome = CallOutcome.wouldBlock
    buffer.append(addingCapacity: limit) { span in
        unsafe span.withUnsafeMutableBufferPointer { memory, count in
            outcome = CallOutcome(retrying { unsafe recv(descriptor, memory.baseAddress, memory.count, 0) })
            if case .moved(let read) = outcome { count = read }
        }
    }
    return outcome
}

/// Writes from the front of `bytes`.
func transmit(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> CallOutcome {
    unsafe bytes.withUnsafeBytes { memory in
        CallOutcome(retrying { unsafe send(descriptor, memory.baseAddress, memory.count, Platform.sendFlags) })
    }
}

/// Writes from the front of `pieces`, one behind the other, in one call.
func transmit(_ descriptor: Int32, _ pieces: [ArraySlice<UInt8>]) -> CallOutcome {
    unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: pieces.count) { vector in
        unsafe gather(pieces[...], into: vector) {
            CallOutcome(retrying { unsafe writev(descriptor, vector.baseAddress, Int32(truncatingIfNeeded: pieces.count)) })
        }
    }
}

/// Fills the end of `vector` with the addresses of `pieces`, which are valid as long as `call` runs.
private func gather(
    _ pieces: ArraySlice<ArraySlice<UInt8>>, into vector: UnsafeMutableBufferPointer<iovec>, _ call: () -> CallOutcome
) -> CallOutcome {
    guard let first = pieces.first else { return call() }
    return unsafe first.withUnsafeBytes { memory in
        // The kernel only reads through this pointer; `iovec` has no way to say so.
        let start = unsafe UnsafeMutableRawPointer(mutating: memory.baseAddress)
        unsafe vector[vector.count - pieces.count] = unsafe iovec(iov_base: start, iov_len: memory.count)
        return unsafe gather(pieces.dropFirst(), into: vector, call)
    }
}

/// The call's result, after as many attempts as signals interrupt.
@inline(__always)
func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// Sets an integer option; failures are harmless where it is used (an option that this kind of socket does not have).
func setOption(_ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
    var value = value
    unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
}

/// Reads an integer option; nil if the socket does not have it.
func option(_ descriptor: Int32, _ level: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, level, name, &value, &length) == 0 ? value : nil
}

/// The error that a socket has stored (and forgets by being asked), or 0.
func takeStoredError(_ descriptor: Int32) -> Int32 {
    option(descriptor, SOL_SOCKET, SO_ERROR) ?? errno
}

/// Makes the close that follows send a reset.
func prepareReset(_ descriptor: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
}

/// The system's text for an `errno`.
func errorText(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}

/// The system's text for what a socket's input and output usually fail with; a constant for the usual two.
func connectionErrorText(_ code: Int32) -> String {
    switch code {
    case ECONNRESET: "connection reset by the peer"
    case EPIPE: "closed by the peer"
    default: errorText(code)
    }
}

/// Closes a descriptor; for types that have a `close` of their own.
func systemClose(_ descriptor: Int32) {
    close(descriptor)
}

/// Binds a socket; for types that have a `bind` of their own.
func systemBind(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
    unsafe address.lend { unsafe bind(descriptor, $0, $1) }
}

/// Connects a socket; the result of the call.
func systemConnect(_ descriptor: Int32, _ address: SocketAddress) -> Int32 {
    unsafe address.lend { unsafe connect(descriptor, $0, $1) }
}

/// Makes a socket listen; for types that have a `listen` of their own.
func systemListen(_ descriptor: Int32, _ backlog: Int32) -> Int32 {
    listen(descriptor, backlog)
}
