// UTF-8 in pieces (RFC 3629 §4, RFC 6455 §8.1): what is valid, and how soon a wrong byte is noticed.

import TestSupport
import Testing
import WireWS

@Suite struct UTF8ValidatorTests {
    /// How many bytes are taken before the validator says no, or nil and whether the text is complete.
    private func verdict(_ pieces: [ArraySlice<UInt8>]) -> (failedAtPiece: Int?, isComplete: Bool) {
        var validator = UTF8Validator()
        for (number, piece) in pieces.enumerated() where !validator.validate(piece) { return (number, validator.isComplete) }
        return (nil, validator.isComplete)
    }

    private func isValid(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// After Markus Kuhn's "UTF-8 decoder capability and stress test"; numbers are his sections.
    @Test(arguments: [
        "κόσμε",  // 1
        "\u{0}", "\u{80}", "\u{800}", "\u{10000}",  // 2.1
        "\u{7f}", "\u{7ff}", "\u{ffff}",  // 2.2
        "\u{d7ff}", "\u{e000}", "\u{fffd}", "\u{10ffff}",  // 2.3
        "隧道 – туннель – 🕳️ and a run of plain ASCII that is longer than one step of the loop, é",
    ]) func goodTextPassesHoweverItIsCut(text: String) {
        let bytes = utf8(text)
        #expect(firstDisagreement(over: bytes) { verdict($0) == (nil, true) } == nil)
        #expect(verdict([bytes[...]]) == (nil, true))
    }

    /// Noncharacters are characters here (Kuhn's section 5.3; RFC 3629 allows them).
    @Test(arguments: [[0xef, 0xbf, 0xbe], [0xef, 0xbf, 0xbf], [0xef, 0xb7, 0x90], [0xf0, 0x9f, 0xbf, 0xbe]] as [[UInt8]])
    func noncharactersPass(bytes: [UInt8]) {
        #expect(verdict([bytes[...]]) == (nil, true))
    }

    /// The bytes up to the first that cannot be right, which is the last of each.
    @Test(
        arguments: [
            [0x80], [0xbf], [0x41, 0x80], [0xc3, 0xa9, 0xbf],  // 3.1: unexpected continuation
            [0xc3, 0x20], [0xe2, 0x82, 0x20], [0xe2, 0x20], [0xf0, 0x9f, 0x98, 0x20], [0xf4, 0xf4],  // 3.2: lonely start
            [0xc3, 0xc3], [0xe2, 0x82, 0xe2],  // 3.4: incomplete ones joined
            [0xfe], [0xff], [0xf5], [0xf8], [0xfc],  // 3.5: impossible bytes
            [0xc0], [0xc1], [0xe0, 0x80], [0xe0, 0x9f], [0xf0, 0x80], [0xf0, 0x8f],  // 4: overlong forms
            [0xf4, 0x90],  // above U+10FFFF
            [0xed, 0xa0], [0xed, 0xaf], [0xed, 0xb0], [0xed, 0xbf],  // 5: surrogates
        ] as [[UInt8]]) func aBadByteIsNoticedAtOnce(bad: [UInt8])
    {
        for lead in [0, 1, 15, 16, 17, 40] {
            let bytes = [UInt8](repeating: 0x61, count: lead) + bad
            var validator = UTF8Validator()
            let verdicts = [bytes.dropLast(), bytes.suffix(1), [0x61]].map { validator.validate($0) }
            #expect(verdicts == [true, false, false], "once false, always false")
            #expect(!validator.isComplete)
            #expect(verdict([bytes[...]]).failedAtPiece == 0)
            #expect(verdict([(bytes + pattern(50))[...]]).failedAtPiece == 0)
        }
    }

    @Test(arguments: [[0xc3], [0xe2], [0xe2, 0x82], [0xf0], [0xf0, 0x9f], [0xf0, 0x9f, 0x98]] as [[UInt8]])
    func aTextThatEndsInsideACharacterIsIncomplete(bytes: [UInt8]) {
        #expect(verdict([bytes[...]]) == (nil, false))
        #expect(firstDisagreement(over: [0x61] + bytes) { verdict($0) == (nil, false) } == nil)
    }

    /// Every sequence of up to four bytes over all bytes at which the grammar turns.
    @Test func agreesWithTheStandardLibraryAboutEveryPrefix() {
        let edges: [UInt8] = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
            0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ]
        let completions: [[UInt8]] =
            [[]] + [0x80, 0x90, 0xa0].flatMap { [[$0], [$0, 0x80], [$0, 0x80, 0x80]] as [[UInt8]] }
        var possible: [[UInt8]] = [[]]
        for _ in 1...4 {
            var longer: [[UInt8]] = []
            for prefix in possible where prefix.count < 2 || prefix[0] >= 0x80 {
                for byte in edges {
                    let bytes = prefix + [byte]
                    let isPossible = completions.contains { isValid(bytes + $0) }
                    let (failedAtPiece, isComplete) = verdict([bytes[...]])
                    #expect((failedAtPiece == nil) == isPossible, "\(bytes)")
                    #expect(isComplete == isValid(bytes), "\(bytes)")
                    if isPossible { longer.append(bytes) }
                }
            }
            possible = longer
        }
        #expect(possible.count > 100)
    }

    /// Whole characters take another path than cut ones: every first byte, with room behind.
    @Test func agreesWithTheStandardLibraryAboutWholeCharacters() {
        let rests: [[UInt8]] = [
            [], [0x7f], [0x80], [0xbf], [0xc0], [0x80, 0x80], [0xbf, 0xbf], [0x80, 0x7f], [0x80, 0xc0],
        ]
        var disagreements: [[UInt8]] = []
        for first: UInt8 in 0x80...0xff {
            for second: UInt8 in [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0] {
                for rest in rests {
                    let bytes = [first, second] + rest + [0x61, 0x61, 0x61, 0x61]
                    let (failedAtPiece, isComplete) = verdict([bytes[...]])
                    if (failedAtPiece == nil && isComplete) != isValid(bytes) { disagreements.append(bytes) }
                }
            }
        }
        #expect(disagreements.isEmpty)
    }

    @Test func agreesWithTheStandardLibraryAboutDamagedText() {
        var random = SplitMix(seed: 6455)
        let text = utf8("ascii ascii ascii ascii é 隧道 🕳 ascii ascii ascii ascii ascii Ω")
        for _ in 0..<2000 {
            var bytes = text
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let (failedAtPiece, isComplete) = verdict([bytes[..<cut], bytes[cut...]])
            #expect((failedAtPiece == nil && isComplete) == isValid(bytes))
        }
    }
}
