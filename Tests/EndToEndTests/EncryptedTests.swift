// Both machines over TLS over a simulated network: records cut anywhere, small buffers, and tunnels that move between loops
// with their engines.

import HTTPCodec
import MachineCore
import SocketKit
import TestSupport
import Testing
import TunnelLink

@Suite(.enabled(if: TLSLibrary.problem == nil, "left out: there is no OpenSSL on this machine"))
struct EncryptedTests {
    @Test(arguments: [1, 3]) func everyRequestComesBackAsItWent(loops: Int) throws {
        let (credential, pin) = try selfSigned("gateway")
        let server = try TLSContext(server: TLSServerSettings([credential]))
        let client = try TLSContext(client: TLSClientSettings(trust: .pins([pin])))
        for seed in UInt64(1)...3 {
            var conditions = SimulatedNetwork.Conditions()
            conditions.kernelBytes = [64 * 1024, 700, 5_000][Int(seed % 3)]
            conditions.writeBytes = [64 * 1024, 700, 90][Int(seed % 3)]
            conditions.readBytes = [64 * 1024, 300, 1_500][Int(seed % 3)]
            let fixture = Fixture(seed: seed, conditions: conditions, loops: loops)
            fixture.useTLS(
                server: { EngineCipher { try TLSEngine(server: server) } },
                client: { peer in EngineCipher { try TLSEngine(client: client, host: peer.host) } })
            for name in ["one", "two", "three"] { try fixture.addAgent(name) }
            #expect(fixture.awaitAgents())
            let visitors = ["one", "two", "three", "one"].map { name in
                fixture.addVisitor([
                    .init(target: "/web/\(name)/length/a"),
                    .init(method: "POST", target: "/web/\(name)/chunked/b", body: fixture.network.random.bytes(30_000)),
                    .init(method: "PUT", target: "/web/\(name)/length/c", body: [1, 2, 3], isChunked: true),
                ])
            }
            #expect(fixture.network.run(limitMs: 3_600_000) { visitors.allSatisfy { $0.machine.isDone } })
            for visitor in visitors {
                #expect(visitor.machine.responses.map(\.isWhole) == [true, true, true])
                #expect(visitor.machine.responses.map(\.body.count) == [0, 30_000, 3])
            }
            if loops > 1 { #expect(fixture.gateway.moves > 0) }
            fixture.expectNothingLeftOver("seed \(seed), \(loops) loops")
        }
    }
}
