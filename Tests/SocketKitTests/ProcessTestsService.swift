// Notifications arrive at a real socket, named by a path or abstractly.

import Testing

@testable import SocketKit

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A service manager: a bound datagram socket.
private struct Manager {
    var descriptor: Int32

    init(_ address: [UInt8]) {
        #if canImport(Glibc)
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        #else
            descriptor = socket(AF_UNIX, SOCK_DGRAM, 0)
        #endif
        let result = withSocketAddress(address) { bind(descriptor, $0, $1) }
        #expect(result == 0)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    /// The next message, or nil if there is none.
    func next() -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

@Suite struct ServiceNotifierTests {
    private func talk(_ notifier: ServiceNotifier, to manager: Manager) {
        #expect(notifier.isActive)
        #expect(notifier.ready(status: "listening on 0.0.0.0:3000"))
        #expect(manager.next() == "READY=1\nSTATUS=listening on 0.0.0.0:3000")
        #expect(notifier.ready())
        #expect(manager.next() == "READY=1")
        #expect(notifier.status("3 agents\nREADY=0\r\nX=1"))
        #expect(manager.next() == "STATUS=3 agents READY=0 X=1")
        #expect(notifier.reloading())
        let reloading = manager.next() ?? ""
        #expect(reloading.hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        #expect(UInt64(reloading.dropFirst(27)) != nil)
        #expect(notifier.stopping())
        #expect(manager.next() == "STOPPING=1")
        #expect(notifier.stopping(status: "draining"))
        #expect(manager.next() == "STOPPING=1\nSTATUS=draining")
        #expect(manager.next() == nil)
    }

    @Test func messagesArriveAtAPath() {
        withTemporaryDirectory { directory in
            let path = directory + "/notify"
            let manager = Manager(Array(path.utf8))
            talk(ServiceNotifier(environment: ["NOTIFY_SOCKET": path]), to: manager)
            close(manager.descriptor)
            #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": path]).ready())
            unlink(path)
            #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": path]).ready())
        }
    }

    #if os(Linux)
        @Test func messagesArriveAtAnAbstractName() {
            let name = "miagent-test-\(getpid())"
            // The address ends with the name: a zero more would be another name to everyone else.
            #expect(withSocketAddress([0] + Array(name.utf8)) { $1 } == socklen_t(2 + 1 + name.utf8.count))
            let manager = Manager([0] + Array(name.utf8))
            talk(ServiceNotifier(environment: ["NOTIFY_SOCKET": "@" + name]), to: manager)
            close(manager.descriptor)
        }
    #endif

    @Test func withoutAManagerNothingIsSaid() {
        for value in [nil, "", "@", "relative/path", "vsock:2:1234", "/" + String(repeating: "x", count: 200), "/a\0b"] {
            let notifier = ServiceNotifier(environment: value.map { ["NOTIFY_SOCKET": $0] } ?? [:])
            #expect(!notifier.isActive)
            #expect(!notifier.ready() && !notifier.stopping() && !notifier.status("x") && !notifier.reloading())
        }
    }
}
