// What is said of a lack of descriptors, and how often.

import MachineCore
import Testing

@testable import SocketKit

@Suite struct ShortageTests {
    private let accept = DescriptorShortage("accept connections", isOfMachine: false)

    @Test func aSpellIsSaidOnceAndThenOnceAMinuteWithHowOftenItHappened() {
        var spells = ShortageSpells()
        var said: [(second: Int, times: String)] = []
        // Ten times a second for three minutes, as a listener that pauses 100 ms meets it.
        for tenth in 0..<1_800 {
            let now = Moment(nanoseconds: UInt64(tenth) * 100_000_000)
            guard let record = spells.record(of: accept, limit: 1_024, at: now) else { continue }
            #expect(record.level == .error && record.event == "process.out-of-descriptors")
            said.append((tenth / 10, record.fields.first { $0.name == "times" }?.value ?? ""))
        }
        #expect(said.map(\.second) == [0, 60, 120])
        #expect(said.map(\.times) == ["1", "600", "600"])
    }

    @Test func afterSilenceItIsNews() {
        var spells = ShortageSpells()
        #expect(spells.record(of: accept, limit: 9, at: Moment(nanoseconds: 0)) != nil)
        #expect(spells.record(of: accept, limit: 9, at: Moment(nanoseconds: 9_000_000_000)) == nil)
        #expect(spells.record(of: accept, limit: 9, at: Moment(nanoseconds: 18_000_000_000)) == nil)
        #expect(spells.record(of: accept, limit: 9, at: Moment(nanoseconds: 28_000_000_000)) != nil)
    }

    @Test func theAdviceNamesWhatToRaise() throws {
        var spells = ShortageSpells()
        let first = spells.record(of: accept, limit: 1_024, at: Moment(nanoseconds: 0))
        let own = try #require(first)
        let advice = own.fields.last?.value ?? ""
        #expect(advice.contains("1024") && advice.contains("LimitNOFILE") && advice.contains("ulimit"))
        var others = ShortageSpells()
        let shared = DescriptorShortage("connect to 127.0.0.1:80", isOfMachine: true)
        let line = others.record(of: shared, limit: 1_024, at: Moment(nanoseconds: 0))
        let record = try #require(line)
        #expect(record.fields.last?.value.contains("fs.file-max") == true)
        #expect(record.fields.first?.value == "connect to 127.0.0.1:80")
    }
}
