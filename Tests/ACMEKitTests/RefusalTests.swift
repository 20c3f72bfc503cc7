// What a CA may refuse, and what is made of it: by the type of the problem, not by its text.

import MachineCore
import Primitives
import Testing

@testable import ACMEKit

@Suite struct RefusalTests {
    /// Refuses the first request for `path` so; how long until the next attempt, and the reason that is said.
    private func wait(_ path: String, _ response: ACMEResponse) throws -> (seconds: Int64, reason: String) {
        let world = try ACMEWorld()
        world.ca.instead = [(path, response)]
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(300)) { !$0.failures.isEmpty || !$0.certificates.isEmpty }
        guard let failure = world.failures.first else { return (0, "") }
        let seconds = failure.retryAt - world.unixSeconds
        #expect(world.presented.isEmpty)
        #expect(world.runUntilIssued([names], for: .seconds(200_000)))
        #expect(world.ca.violations == [])
        return (seconds, failure.reason)
    }

    @Test func aRateLimitIsKept() throws {
        let (seconds, reason) = try wait(
            "/new-order", FakeCA.problem("rateLimited", 429, detail: "too many certificates", retryAfter: "7200"))
        #expect(seconds == 7_200 && reason == "too many certificates")
    }

    @Test func aRateLimitMayBeADate() throws {
        let (seconds, _) = try wait(
            "/new-order", FakeCA.problem("rateLimited", 429, retryAfter: "Sun, 01 Mar 2026 12:00:00 GMT"))
        #expect((43_100...43_200).contains(seconds))
    }

    @Test func noRateLimitIsLongerThanADay() throws {
        let (seconds, _) = try wait("/new-order", FakeCA.problem("rateLimited", 429, retryAfter: "999999999"))
        #expect(seconds == 86_400)
    }

    @Test func aRateLimitWithoutATimeIsAnHour() throws {
        let (seconds, _) = try wait("/new-order", FakeCA.problem("rateLimited", 429))
        #expect((3_240...3_960).contains(seconds))
        let (others, _) = try wait("/new-order", ACMEResponse(status: 429, body: Array("slow down".utf8)))
        #expect((3_240...3_960).contains(others))
    }

    @Test func namesThatTheCAWillNotHaveWaitADay() throws {
        for kind in ["rejectedIdentifier", "unsupportedIdentifier"] {
            let (seconds, _) = try wait("/new-order", FakeCA.problem(kind, 400, detail: "policy forbids"))
            #expect(seconds >= 77_760)
        }
    }

    @Test func refusalsThatAPersonHasToMendWaitTwentyMinutes() throws {
        for kind in ["caa", "dns", "malformed", "badCSR", "unknownKind"] {
            let (seconds, reason) = try wait("/new-order", FakeCA.problem(kind, 400, detail: "so it is"))
            #expect((1_080...1_320).contains(seconds) && reason == "so it is", "\(kind)")
        }
    }

    @Test(arguments: ["/dir", "/new-nonce", "/new-order", "/authz", "/challenge", "/order", "/certificate"])
    func troubleOfTheServerPasses(_ path: String) throws {
        let world = try ACMEWorld()
        world.ca.instead = (0..<3).map { _ in (path, ACMEResponse(status: 503, body: Array("<html>".utf8))) }
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(900)))
        #expect(world.ca.violations == [] && world.ca.accounts.count == 1 && world.ca.certificates.count == 1)
    }

    @Test(arguments: ["/dir", "/new-nonce", "/newAccount", "/new-order", "/authz", "/challenge", "/order", "/certificate"])
    func troubleThatDoesNotPassIsLeftAloneLongerAndLonger(_ path: String) throws {
        let world = try ACMEWorld()
        world.ca.rewrite = { $0.hasPrefix(path) ? FakeCA.problem("serverInternal", 500) : $1 }
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(86_400), inputs: 20_000)
        #expect(world.ca.requestCount < 500, "\(world.ca.requestCount)")
        let before = world.ca.requestCount
        world.run(for: .seconds(86_400), inputs: 20_000)
        #expect(world.ca.requestCount - before < 150)
        #expect(world.presented.isEmpty)
    }

    @Test func anOrderThatIsNotReadyIsWaitedFor() throws {
        let world = try ACMEWorld()
        world.ca.instead = [("/order/0/finalize", FakeCA.problem("orderNotReady", 403))]
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.orders.count == 1 && world.failures.isEmpty)
        #expect(world.client.status(now: world.now).quotaUsed == 1)
    }

    @Test func unauthorizedAtANewOrderIsAskedAboutAndIsNotTheAccountsFault() throws {
        let (seconds, reason) = try wait("/new-order", FakeCA.problem("unauthorized", 403, detail: "not for you"))
        #expect((54...66).contains(seconds) && reason == "not for you")
    }

    @Test func subproblemsNameTheirNames() throws {
        let body = """
            {"type":"urn:ietf:params:acme:error:malformed","detail":"some names are refused","subproblems":[
            {"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"forbidden","identifier":{"type":"dns",
            "value":"a.example.com"}}]}
            """
        let (_, reason) = try wait("/new-order", ACMEResponse(status: 400, body: Array(body.utf8)))
        #expect(reason == "some names are refused; a.example.com: forbidden")
    }

    @Test func withoutCryptographyItIsSaidAndTriedAgain() throws {
        let world = try ACMEWorld()
        world.crypto.breakDown()
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(600))
        #expect(world.client.status(now: world.now).problem == "a key cannot be made: no randomness")
        world.crypto.breakDown(false)
        #expect(world.runUntilIssued([names], for: .seconds(7_200)))
    }

    @Test func anOperatorMayCutAWaitShort() throws {
        let world = try ACMEWorld()
        world.ca.failingKinds = [.tlsALPN, .http]
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(60))
        world.ca.failingKinds = []
        world.send(.retry)
        #expect(world.runUntilIssued([names], for: .seconds(60)))
    }
}
