// Sockets that no loop owns, for tests of what untrusted peers do.

import Testing

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

#if canImport(Glibc)
    let streamType = Int32(SOCK_STREAM.rawValue)
#else
    let streamType = Int32(SOCK_STREAM)
#endif

/// A port of 127.0.0.1 that is taken, so that no other process gets it. Unless it listens it refuses all who dial it.
final class BoundPort {
    let number: UInt16
    let descriptor: Int32

    init(listening: Bool = false) throws {
        let descriptor = socket(AF_INET, streamType, 0)
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        number = UInt16(bigEndian: address.sin_port)
        try #require(isBound && (!listening || listen(descriptor, 8) == 0))
    }

    deinit { close(descriptor) }
}

/// A path in the temporary directory that nothing is at; short enough for a Unix socket.
func temporaryPath() -> String {
    "/tmp/socketkit-\(getpid())-\(UInt32.random(in: .min ... .max)).sock"
}
