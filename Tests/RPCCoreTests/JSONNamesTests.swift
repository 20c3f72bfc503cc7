// Duplicate names: refused in objects of any size, however they are escaped, and nowhere else.

import RPCCore
import Testing

@Suite struct JSONNamesTests {
    @Test(arguments: [
        Refusal(#"{"a":1,"a":2}"#, .duplicateName("a"), at: 7), Refusal(#"{"":1,"":2}"#, .duplicateName(""), at: 6),
        Refusal(#"{"a":1,"\u0061":2}"#, .duplicateName("a"), at: 7),
        Refusal(#"{"\u0061":1,"a":2}"#, .duplicateName("a"), at: 12),
        Refusal(#"{"/":1,"\/":2}"#, .duplicateName("/"), at: 7), Refusal(#"{"é":1,"\u00e9":2}"#, .duplicateName("é"), at: 8),
        Refusal(#"{"\ud83d\ude00":1,"😀":2}"#, .duplicateName("😀"), at: 18),
        Refusal(#"[{"a":{"b":1,"b":2}}]"#, .duplicateName("b"), at: 13),
        Refusal(#"{"a":{"a":1},"a":2}"#, .duplicateName("a"), at: 13),
        Refusal(#"{"a":1,"b":2,"b":3,"a":4}"#, .duplicateName("b"), at: 13),
        Refusal(#"{"abcdefghij":1,"abcdefghij":2}"#, .duplicateName("abcdefghij"), at: 16),
    ])
    func aSecondMemberOfOneNameIsRefused(refusal expected: Refusal) {
        #expect(refusal(of: expected.text) == JSONError(expected.code, offset: expected.offset))
    }

    @Test(arguments: [
        #"{"a":1,"A":2}"#, #"{"a":{"a":{"a":1}}}"#, #"[{"a":1},{"a":1}]"#, #"{"a":1,"a ":2,"aa":3}"#,
        #"{"\u00e9":1,"e\u0301":2}"#,
        #"{"abcdefg":1,"abcdefgh":2,"abcdefgi":3}"#, #"{"\u0000":1,"":2}"#, #"{"a":"a","b":"a"}"#, #"{"\\u0061":1,"a":2}"#,
    ])
    func namesThatDifferAreKept(text: String) {
        #expect(refusal(of: Array(text.utf8)) == nil)
    }

    @Test(arguments: [2, 15, 16, 17, 18, 100, 1000])
    func everyPairIsFoundWhereverItStands(count: Int) {
        let limits = JSONLimits(maximumBytes: 1 << 20)
        let names = (0..<count).map { "x-long-common-prefix-\($0)" }
        #expect(refusal(of: object(names), limits: limits) == nil)
        for (first, second) in [(0, 1), (0, count - 1), (count / 2, count - 1), (count - 2, count - 1)] where first < second {
            var twice = names
            twice[second] = twice[first]
            #expect(refusal(of: object(twice), limits: limits)?.code == .duplicateName(names[first]))
        }
    }

    @Test func ofSeveralDuplicatesTheFirstInTheTextIsNamed() {
        let names = (0..<40).map { "n\($0 % 30)" }
        #expect(refusal(of: object(names)) == JSONError(.duplicateName("n0"), offset: 1 + 10 * 7 + 20 * 8))
    }

    @Test func aHugeObjectCostsNoMoreThanItsLength() {
        // 60,000 members: pairwise comparison would take minutes here.
        let text = object((0..<60_000).map { "k\($0)" })
        #expect(refusal(of: text, limits: .init(maximumBytes: 1 << 21)) == nil)
    }

    /// `{"name":0,…}`
    private func object(_ names: [String]) -> [UInt8] {
        Array(("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}").utf8)
    }
}
