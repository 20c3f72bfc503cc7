// Names to addresses without holding the loop up: `getaddrinfo` blocks, so it runs on a queue of its own and the result
// comes back through the waker. `localhost` and names under it never get here (RFC 6761 §6.3).
//
// Unsafe here: the list that `getaddrinfo` makes, walked and copied from before it is freed, and C's text for an error.

import Dispatch
import MachineCore
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Looks names up in the background, for one loop.
final class Resolver: Sendable {
    /// What a lookup came to.
    struct Resolution: Sendable {
        var dial: DialID
        var addresses: [SocketAddress]
        /// Why there are no addresses; nil if there are.
        var reason: String?
    }

    private let resolutions = Mutex<[Resolution]>([])
    private let queue = DispatchQueue(label: "miagent.resolver", attributes: .concurrent)
    private let waker: Waker

    /// A resolver that wakes its loop through `waker` for each resolution.
    init(waker: Waker) {
        self.waker = waker
    }

    /// Starts a lookup; the resolution will be among those of `take()`.
    func resolve(_ host: String, port: UInt16, for dial: DialID) {
        queue.async { [self] in
            let resolution = Self.lookUp(host, port: port, for: dial)
            resolutions.withLock { $0.append(resolution) }
            waker.wake()
        }
    }

    /// The resolutions since the last call.
    func take() -> [Resolution] {
        resolutions.withLock { list in
            let taken = list
            list.removeAll()
            return taken
        }
    }

    private static func lookUp(_ host: String, port: UInt16, for dial: DialID) -> Resolution {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Platform.streamType
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let result = unsafe getaddrinfo(host, String(port), &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard result == 0 else {
            return Resolution(dial: dial, addresses: [], reason: unsafe "\(host): \(String(cString: gai_strerror(result)))")
        }
        var addresses: [SocketAddress] = []
        var entry = unsafe list
        while let current = unsafe entry?.pointee {
            if let pointer = unsafe current.ai_addr,
                let address = unsafe SocketAddress(copying: pointer, length: current.ai_addrlen)
            {
                addresses.append(address)
            }
            unsafe entry = unsafe current.ai_next
        }
        return Resolution(dial: dial, addresses: addresses, reason: addresses.isEmpty ? "\(host): no address" : nil)
    }
}
