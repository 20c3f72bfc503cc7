// Files that are torn, foreign, damaged or of a later version: refused with words, and never overwritten where that would cost
// something that cannot be had again.

import MachineCore
import Primitives
import RPCCore
import Testing

@testable import ACMEKit

@Suite struct FileTests {
    /// A world with a certificate, its order's file as it was last beside the others.
    private func world(_ names: ACMENames) throws -> (world: ACMEWorld, order: ACMEFile) {
        let world = try ACMEWorld()
        world.ca.processingPolls = 3
        world.start([names])
        world.run { $0.steps.contains("request finalize") }
        let order = try #require(world.files.first { $0.name.contains("-order-") })
        #expect(world.runUntilIssued([names]))
        world.run(for: .seconds(10))
        return (world, order)
    }

    private func file(_ kind: String, _ world: ACMEWorld) throws -> String {
        try #require(world.disk.keys.first { $0.contains("-\(kind)") })
    }

    @Test func filesSayWhatTheyAreAndHoldTheFormat() throws {
        let (world, order) = try world(try names("gw.example.com"))
        for file in world.files + [order] {
            let root = try JSONDocument(file.contents[...]).root
            #expect(root["format"]?.int64 == 1 && root["directory"]?.string == FakeCA.directory)
            let kind = String(file.name.split(separator: "-")[1].prefix { $0 != "." })
            #expect(root["kind"]?.string == "miagent-acme-" + kind)
            #expect(
                file.name.utf8.allSatisfy {
                    (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e
                })
        }
    }

    @Test(arguments: ["account", "ledger"]) func withoutTheAccountOrTheLedgerNothingIsOrdered(_ kind: String) throws {
        let (first, second) = (try names("a.example.com"), try names("b.example.com"))
        let (world, _) = try world(first)
        let name = try file(kind, world)
        let whole = try #require(world.disk[name])
        let damages: [(String, [UInt8])] = [
            ("torn, or not ours", Array(whole.prefix(whole.count / 2))), ("torn, or not ours", []),
            ("torn, or not ours", Array(repeating: 0, count: 64)), ("not what its name says", Array("{}".utf8)),
            ("reads 1 alone", Self.replacing(whole, "\"format\":1", "\"format\":2")),
            ("of another CA", Self.replacing(whole, "https://ca.test/dir", "https://other/dir")),
        ]
        for (words, contents) in damages {
            world.disk[name] = contents
            (world.refusals, world.logs, world.certificates) = ([], [], [])
            let before = world.ca.requestCount
            world.restart([first, second])
            world.run(for: .seconds(86_400))
            #expect(world.ca.orders.count == 1 && world.ca.accounts.count == 1, "\(words)")
            #expect(world.disk[name] == contents, "\(words)")
            #expect(world.refusals.map(\.names).sorted() == [first, second], "\(words)")
            #expect(world.refusals.allSatisfy { $0.reason.contains(words) && $0.reason.contains(name) }, "\(world.refusals)")
            #expect(world.logged("acme.file-refused").count == 1)
            #expect(world.certificates.map(\.names) == [first], "what there is, is used")
            #expect(world.ca.requestCount == before)
        }
        world.disk[name] = whole
        world.restart([first, second])
        #expect(world.runUntilIssued([second]))
    }

    @Test func aCertificateThatCannotBeReadIsHadAgain() throws {
        let names = try names("gw.example.com")
        let (reference, _) = try world(names)
        let name = try file("certificate", reference)
        let whole = try #require(reference.disk[name])
        let damages: [[UInt8]] = [
            Array(whole.prefix(whole.count - 10)), Self.replacing(whole, "-----BEGIN CERTIFICATE", "-----BEGIN ELSEWHERE"),
            Self.replacing(whole, "BEGIN PRIVATE KEY-----\\n", "BEGIN PRIVATE KEY-----\\nAAAA"),
            Self.replacing(whole, "gw.example.com", "*.example.com"),
        ]
        for contents in damages {
            let (world, _) = try self.world(names)
            world.disk[name] = contents
            world.certificates = []
            world.restart([names])
            #expect(world.runUntilIssued([names]))
            #expect(world.ca.certificates.count == 2 && world.logged("acme.file-refused").count == 1)
        }
    }

    @Test(arguments: ["certificate", "order"]) func whatALaterVersionWroteIsLeftAlone(_ kind: String) throws {
        let names = try names("gw.example.com")
        let (world, order) = try world(names)
        world.disk[order.name] = order.contents
        let name = try file(kind, world)
        let contents = Self.replacing(try #require(world.disk[name]), "\"format\":1", "\"format\":7")
        world.disk = world.disk.filter { !$0.key.contains("-certificate-") || $0.key == name }
        world.disk[name] = contents
        let orders = world.ca.orders.count
        world.restart([names])
        world.run(for: .seconds(86_400))
        #expect(world.disk[name] == contents && world.ca.orders.count == orders)
        #expect(world.refusals.count == 1 && world.refusals[0].reason.contains("has the format 7"))
    }

    @Test func anOrderWhoseKeyIsDamagedIsMadeAnew() throws {
        let names = try names("gw.example.com")
        let (world, order) = try world(names)
        world.disk = world.disk.filter { !$0.key.contains("-certificate-") }
        world.disk[order.name] = Self.replacing(order.contents, "BEGIN PRIVATE KEY", "BEGIN NOTHING")
        world.certificates = []
        world.restart([names])
        #expect(world.runUntilIssued([names]))
    }

    @Test func filesOfOtherCAsAndOfOthersAreNobodysBusiness() throws {
        let names = try names("gw.example.com")
        let (world, _) = try world(names)
        let before = world.disk
        world.disk["notes.txt"] = Array("hello".utf8)
        world.disk["0000000000000000-account.json"] = Array("{".utf8)
        world.certificates = []
        world.restart([names])
        world.run(for: .seconds(10))
        #expect(world.certificates.count == 1 && world.logged("acme.file-refused").isEmpty)
        // Another CA: another account, and what the first one issued is not its business.
        world.configuration.directory = try #require(ACMEURL("https://ca.test/dir?staging"))
        world.ca.rewrite = { _, response in response }
        world.restart([names])
        world.run(for: .seconds(10))
        for (name, contents) in before { #expect(world.disk[name] == contents) }
    }

    @Test func noFileWithDamageAnywhereTraps() throws {
        let (world, order) = try world(try names("gw.example.com"))
        world.disk[order.name] = order.contents
        var random = Jitter(seed: [9])
        for file in world.files {
            for _ in 0..<200 {
                var contents = file.contents
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    contents[Int.random(in: contents.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                var client = ACMEClient(
                    world.configuration, crypto: world.crypto, clock: WallClock(unixNanosecondsAtZero: .max), seed: [])
                var outputs: [MachineOutput<ACMENote>] = []
                let damaged = ACMEFile(name: file.name, contents: contents)
                client.handle(.message(.want(try names("gw.example.com"))), now: Moment(), into: &outputs)
                client.handle(.message(.start([damaged])), now: Moment(), into: &outputs)
                client.handle(.tick, now: Moment(nanoseconds: .max), into: &outputs)
            }
        }
    }

    static func replacing(_ bytes: [UInt8], _ old: String, _ new: String) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let range = text.firstRange(of: old) else {
            Issue.record("\(old) is not there")
            return bytes
        }
        return Array(text.replacingCharacters(range, new).utf8)
    }
}

extension String {
    fileprivate func replacingCharacters(_ range: Range<String.Index>, _ new: String) -> String {
        String(self[..<range.lowerBound]) + new + String(self[range.upperBound...])
    }
}
