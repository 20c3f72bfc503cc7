// Hosts of this machine alone, and what only looks like one.

import MachineCore
import Testing

@Suite struct LoopbackHostTests {
    @Test(arguments: ["localhost", "LocalHost", "127.0.0.1", "127.9.8.7", "::1", "[::1]"])
    func theseAreThisMachine(host: String) {
        #expect(LoopbackHost.contains(host))
        if host != "::1" {
            #expect(LoopbackHost.containsHost(of: host))
            #expect(LoopbackHost.containsHost(of: host + ":4040"))
        }
    }

    @Test(
        arguments: [
            "", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1evil", "127.0.0.256", "127.1",
            "127.0.0.+1", "128.0.0.1", "[::2]", "::2", "192.168.0.2",
        ])
    func theseAreNot(host: String) {
        #expect(!LoopbackHost.contains(host))
        #expect(!LoopbackHost.containsHost(of: host + ":4040"))
    }

    @Test(arguments: ["localhost:x", "127.0.0.1:80:80", "localhost@evil.example:80"])
    func whatIsNoAuthorityIsNot(text: String) {
        #expect(!LoopbackHost.containsHost(of: text))
    }
}
