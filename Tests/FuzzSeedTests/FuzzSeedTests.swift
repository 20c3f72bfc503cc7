// Runs every seed of Tests/Fuzz/Seeds through the body of its kind, whole, cut short and damaged: what the fuzzer once found
// stays found by plain `swift test`. A body traps where its invariant does not hold, so each kind runs in a process of its own;
// the process leaves behind which input it was at, and the test names it.

import Foundation
import TestSupport
import Testing

@Suite struct FuzzSeedTests {
    @Test func theFolderHoldsTheKnownKindsAndNoOther() throws {
        #expect(try SeedFolder.entries() == SeedKind.allCases.map(\.rawValue).sorted())
    }

    @Test(arguments: SeedKind.allCases) func eachKindHasAtLeastEightSmallSeeds(_ kind: SeedKind) throws {
        let seeds = try SeedFolder.seeds(of: kind)
        #expect(seeds.count >= 8)
        for seed in seeds { #expect(seed.bytes.count <= 4096, "\(kind.rawValue)/\(seed.name)") }
    }

    @Test(arguments: SeedKind.allCases) func noTwoSeedsOfAKindAreTheSame(_ kind: SeedKind) throws {
        let seeds = try SeedFolder.seeds(of: kind)
        #expect(Set(seeds.map(\.bytes)).count == seeds.count)
    }

    @Test func damageIsTheSameEachTimeAndDiffersFromTheSeed() {
        let seed = Seed(name: "any", bytes: Array("{\"a\":[1,2,3]}".utf8))
        let inputs = variants(of: seed)
        #expect(inputs.map(\.bytes) == variants(of: seed).map(\.bytes))
        #expect(inputs.first?.bytes == seed.bytes)
        #expect(inputs.dropFirst().allSatisfy { $0.bytes != seed.bytes })
        #expect(Set(inputs.map(\.what)).count == inputs.count)
    }

    @Test(arguments: SeedKind.allCases) func everySeedKeepsItsInvariantWholeCutAndDamaged(_ kind: SeedKind) async throws {
        let note = FileManager.default.temporaryDirectory.appending(path: "miagent-fuzz-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: note) }
        let result = await #expect(processExitsWith: .success) { [kind, path = note.path as String] in
            for seed in try SeedFolder.seeds(of: kind) {
                for input in variants(of: seed) {
                    try Data("\(kind.rawValue)/\(seed.name), \(input.what): \(input.bytes)".utf8)
                        .write(to: URL(fileURLWithPath: path))
                    kind.run(input.bytes)
                }
            }
        }
        if result == nil { Issue.record("at \((try? String(contentsOf: note, encoding: .utf8)) ?? "the start")") }
    }
}

/// An input made from a seed, and how it was made.
struct Variant {
    let what: String
    let bytes: [UInt8]
}

/// `seed` whole; cut short at several points; twice over; and with bytes overwritten, the same ones each time.
func variants(of seed: Seed) -> [Variant] {
    let bytes = seed.bytes
    var variants = [Variant(what: "whole", bytes: bytes)]
    let cuts = Set([0, 1, bytes.count / 4, bytes.count / 2, bytes.count * 3 / 4, bytes.count - 2, bytes.count - 1])
    for cut in cuts.sorted() where (0..<bytes.count).contains(cut) {
        variants.append(Variant(what: "first \(cut) bytes", bytes: Array(bytes.prefix(cut))))
    }
    guard !bytes.isEmpty else { return variants }
    variants.append(Variant(what: "twice over", bytes: bytes + bytes))
    var random = SplitMix(seed: bytes.reduce(1469) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
    for round in 1...10 {
        var damaged = bytes
        // One bit first, then more and more: a single bit leaves most of a decoder's way open.
        for _ in 0..<(1 + round / 3) {
            damaged[Int.random(in: damaged.indices, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        variants.append(Variant(what: "damage \(round)", bytes: damaged))
    }
    return variants
}
