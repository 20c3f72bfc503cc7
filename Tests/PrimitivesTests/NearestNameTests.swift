// Which of the known names a misspelt one is near to.

import Primitives
import Testing

@Suite struct NearestNameTests {
    @Test func nearNamesDifferInCaseOrTwoEditsOrBeginAlike() {
        let names = ["port", "pathPrefix", "timeoutMs", "host"]
        #expect(nearestName(to: "PORT", among: names) == "port")
        #expect(nearestName(to: "prot", among: names) == "port")
        #expect(nearestName(to: "ports", among: names) == "port")
        #expect(nearestName(to: "timeoutMS", among: names) == "timeoutMs")
        #expect(nearestName(to: "timeout", among: names) == "timeoutMs")
        #expect(nearestName(to: "pathprefx", among: names) == "pathPrefix")
        #expect(nearestName(to: "hots", among: names) == "host")
        #expect(nearestName(to: "banana", among: names) == nil)
        #expect(nearestName(to: "", among: names) == nil)
        #expect(nearestName(to: "xy", among: ["ab", "xyz"]) == "xyz")
        #expect(nearestName(to: String(repeating: "x", count: 100_000), among: names) == nil)
    }
}
