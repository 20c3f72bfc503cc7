// A CA that is broken or hostile: whatever it sends, the client neither traps nor grows nor loops fast, and says what is wrong.

import HTTPCodec
import MachineCore
import Primitives
import RPCCore
import Testing
import X509

@testable import ACMEKit

@Suite struct HostileTests {
    /// Bodies that are not what any resource should be.
    static let bodies: [[UInt8]] = [
        [], Array("null".utf8), Array("[]".utf8), Array("{}".utf8), Array("\"\\ud800\"".utf8), Array("{\"status\":".utf8),
        Array(repeating: UInt8(ascii: "["), count: 100_000), Array(repeating: 0xff, count: 1_000),
        Array("{\"status\":\"valid\"}".utf8), Array("{\"status\":\"pending\",\"authorizations\":[]}".utf8),
        Array("{\"status\":\"ready\"}".utf8), Array("{\"status\":\"processing\"}".utf8), Array("{\"status\":7}".utf8),
        Array("{\"status\":\"pending\",\"authorizations\":[\"http://evil.example/\"]}".utf8),
        Array("{\"status\":\"pending\",\"authorizations\":[\"https://ca.test/new-order\"],\"identifier\":{}}".utf8),
        Array("{\"status\":\"valid\",\"certificate\":\"https://ca.test/authz/0\"}".utf8),
        Array("{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"gw.example.com\"},\"challenges\":{}}".utf8),
        Array(
            ("{\"status\":\"pending\",\"authorizations\":["
                + Array(repeating: "\"https://ca.test/authz/0\"", count: 1_000).joined(separator: ",") + "]}").utf8),
        Array("{\"newNonce\":\"https://ca.test/x\",\"newAccount\":\"ftp://x\",\"newOrder\":1}".utf8),
        Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8),
        Array(String(repeating: "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", count: 500).utf8),
        Array("{\"suggestedWindow\":{\"start\":\"0000-01-01T00:00:00Z\",\"end\":\"9999-12-31T23:59:60Z\"}}".utf8),
    ]

    @Test(arguments: [
        "/dir", "/new-nonce", "/newAccount", "/new-order", "/authz", "/challenge", "/order", "/certificate", "/ari",
    ])
    func noBodyOfAnyResourceDoesHarm(_ path: String) throws {
        for (index, body) in Self.bodies.enumerated() {
            for status in [200, [301, 403, 503][index % 3]] {
                let world = try ACMEWorld()
                world.ca.rewrite = { place, response in
                    guard place.hasPrefix(path) else { return response }
                    return ACMEResponse(status: status, fields: response.fields, body: body)
                }
                world.start([try names("gw.example.com")])
                let before = world.ca.requestCount
                world.run(for: .seconds(7_200), inputs: 1_000)
                #expect(world.ca.requestCount - before < 300, "\(path) \(status) \(body.count)")
                #expect(world.disk.values.reduce(0) { $0 + $1.count } < 50_000)
            }
        }
    }

    @Test func damageAnywhereInAnyResponseDoesNoHarm() throws {
        for seed in 0..<120 as Range<UInt64> {
            var random = Jitter(seed: [UInt8(truncatingIfNeeded: seed), UInt8(truncatingIfNeeded: seed >> 8)])
            let world = try ACMEWorld()
            world.ca.renewalWindow = (ACMEWorld.epoch + 10, ACMEWorld.epoch + 20)
            world.ca.rewrite = { _, response in
                var response = response
                guard !response.body.isEmpty, Int.random(in: 0..<4, using: &random) == 0 else { return response }
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: response.body.indices, using: &random)
                    response.body[place] = UInt8.random(in: 0x20...0x7e, using: &random)
                }
                return response
            }
            world.start([try names("gw.example.com")])
            world.run(for: .seconds(7_200), inputs: 2_000)
            #expect(world.ca.requestCount < 400)
        }
    }

    @Test func aResponseThatIsTooLargeIsNone() throws {
        let world = try ACMEWorld { $0.limits.responseBytes = 10_000 }
        world.ca.rewrite = { path, response in
            guard path == "/dir" else { return response }
            var response = response
            response.body += Array(repeating: 0x20, count: 10_000)
            return response
        }
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(10))
        #expect(world.client.status(now: world.now).problem == "a response of more than 10000 bytes")
    }

    @Test func waitsThatTheCAAsksForHaveBounds() throws {
        for field in ["99999999999999999999", "-5", "0", "Fri, 31 Dec 9999 23:59:59 GMT", "tomorrow", ""] {
            let world = try ACMEWorld()
            world.ca.validationPolls = 5
            world.ca.processingPolls = 5
            world.ca.rewrite = { _, response in
                var response = response
                response.fields.removeAll("Retry-After")
                response.fields.add("Retry-After", field)
                return response
            }
            let names = try names("gw.example.com")
            world.start([names])
            #expect(!world.runUntilIssued([names], for: .seconds(2)), "\(field): polled too fast")
            world.runUntilIssued([names], for: .seconds(30 * 86_400))
            #expect(world.ca.requestCount < 1_000, "\(field)")
        }
    }

    @Test func noncesThatAreNoneAreNotUsed() throws {
        for nonce in ["", "a b", "a\"b", String(repeating: "A", count: 1_000), "ü"] {
            let world = try ACMEWorld()
            world.ca.rewrite = { _, response in
                var response = response
                response.fields.removeAll("Replay-Nonce")
                response.fields.add("Replay-Nonce", nonce)
                return response
            }
            world.start([try names("gw.example.com")])
            world.run(for: .seconds(100))
            #expect(world.ca.accounts.isEmpty && world.ca.violations == [])
            #expect(world.client.status(now: world.now).problem == "a response without a Replay-Nonce")
        }
    }

    @Test func tokensThatWouldLeaveTheirFolderAreNotUsed() throws {
        for token in ["../../etc/passwd", "a/b", "", "a b", String(repeating: "x", count: 1_000)] {
            let world = try ACMEWorld()
            world.ca.rewrite = { path, response in
                guard path.hasPrefix("/authz/") else { return response }
                let text = String(decoding: response.body, as: UTF8.self)
                let parts = text.split(separator: "\"token\":\"", omittingEmptySubsequences: false)
                let changed = parts.dropFirst().map { "\"token\":\"" + token + $0.drop { $0 != "\"" } }
                return ACMEResponse(
                    status: 200, fields: response.fields, body: Array((String(parts[0]) + changed.joined()).utf8))
            }
            world.start([try names("gw.example.com")])
            world.run(for: .seconds(10))
            #expect(!world.steps.contains { $0.hasPrefix("present") })
        }
    }

    @Test func namesOfOthersAreNotProven() throws {
        let world = try ACMEWorld()
        world.ca.rewrite = { path, response in
            guard path.hasPrefix("/authz/") else { return response }
            let body = String(decoding: response.body, as: UTF8.self)
                .split(separator: "gw.example.com", omittingEmptySubsequences: false).joined(separator: "bank.example.com")
            return ACMEResponse(status: 200, fields: response.fields, body: Array(body.utf8))
        }
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(10))
        #expect(!world.steps.contains { $0.hasPrefix("present") })
        #expect(world.failures[0].reason == "the CA sent an authorization for a name that was not asked for")
    }

    enum WrongCertificate: String, CaseIterable, Sendable { case otherKey, otherNames, expired, notOne }

    @Test(arguments: WrongCertificate.allCases) func aCertificateThatIsOfNoUseIsNotUsed(_ kind: WrongCertificate) throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        world.ca.rewrite = { path, response in
            guard path.hasPrefix("/certificate/"), response.status == 200,
                let facts = Certificate(chainPEM: String(decoding: response.body, as: UTF8.self)),
                let point = facts.publicPoint
            else { return response }
            let der = TestCertificate.make(
                names: kind == .otherNames ? [.dns("bank.example.com")] : names.identifiers,
                point: kind == .otherKey ? Array(repeating: 7, count: 64) : point, serial: [1],
                notBefore: ACMEWorld.epoch - 86_400,
                notAfter: kind == .expired ? ACMEWorld.epoch - 10 : ACMEWorld.epoch + 86_400)
            let text = kind == .notOne ? "hello" : PEMBlock(label: "CERTIFICATE", bytes: der).text
            return ACMEResponse(status: 200, fields: response.fields, body: Array(text.utf8))
        }
        world.start([names])
        world.run(for: .seconds(30))
        #expect(world.certificates.isEmpty && world.failures.count == 1)
        let reasons: [WrongCertificate: String] = [
            .otherKey: "for another key", .otherNames: "without all of the names", .expired: "has expired",
            .notOne: "cannot be read",
        ]
        #expect(world.failures[0].reason.contains(reasons[kind] ?? "?"))
        world.run(for: .seconds(7 * 86_400), inputs: 20_000)
        #expect(world.ca.certificates.count <= 5, "the quota of a set holds for failures, too")
    }

    @Test func whatACASaysIsMadeVisible() throws {
        let world = try ACMEWorld()
        world.ca.instead = [
            (
                "/new-order",
                FakeCA.problem("caa", 400, detail: "a\u{1b}[31m\nb\u{202e}c" + String(repeating: "x", count: 10_000))
            )
        ]
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(10))
        #expect(world.failures[0].reason.hasPrefix("a [31m b cxxx"))
        #expect(world.failures[0].reason.count <= 501)
    }

    @Test func manySetsAreRefusedBeyondTheLimit() throws {
        let world = try ACMEWorld { $0.limits.sets = 5 }
        world.start(try (0..<7).map { try names("n\($0).example.com") })
        world.run(for: .seconds(10))
        #expect(world.refusals.count == 2 && world.refusals[0].reason.contains("5 certificates"))
    }

    @Test func lateAndForeignRepliesAreIgnored() throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        world.start([names])
        for number in 0..<20 as Range<UInt64> {
            world.send(.notPresented(ACMEChallengeID(rawValue: number &+ 1_000), reason: "?"))
            world.send(.failed(ACMERequestID(rawValue: number &+ 1_000), reason: "?"))
            world.send(.stored(name: "nothing-\(number)"))
            world.send(.notStored(name: "nothing-\(number)", reason: "?"))
        }
        world.send(.start([]))
        #expect(world.runUntilIssued([names]))
        #expect(world.failures.isEmpty && world.logged("acme.not-stored").isEmpty)
    }
}
