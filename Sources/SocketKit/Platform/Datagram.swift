// One datagram to a Unix socket.
//
// Unsafe here: an address in C's form, lent to a call for as long as it runs, with its length; a message and its length.

#if canImport(CLinux)
    import CLinux  // its header claims sys/socket.h
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sends `message` to the Unix socket `address` (the bytes of `sun_path`), which gets a second to take it; whether it was sent.
func sendDatagram(_ message: [UInt8], to address: [UInt8]) -> Bool {
    let descriptor = socket(AF_UNIX, datagramSocketType, 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var timeout = timeval(tv_sec: 1, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    let count = unsafe withSocketAddress(address) { pointer, length in
        retrying { unsafe sendto(descriptor, message, message.count, sendFlags, pointer, length) }
    }
    return count == message.count
}

/// Calls `body` with the socket address of a Unix socket. Its length is that of the name: the zeros after an abstract name
/// would be part of it.
func withSocketAddress<Result>(
    _ path: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.prefix(capacity)) }
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    let terminator = path.first == 0 ? 0 : 1
    let length = socklen_t(offset + min(capacity, path.count + terminator))
    return unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
}

#if canImport(Glibc)
    private let datagramSocketType = Int32(SOCK_DGRAM.rawValue)
#else
    private let datagramSocketType = SOCK_DGRAM
#endif

#if canImport(Darwin)
    private let sendFlags: Int32 = 0
#else
    private let sendFlags = Int32(MSG_NOSIGNAL)
#endif
