// A certificate from nothing, at CAs that are slow, suspicious or picky. The fake CA checks every signature and state.

import MachineCore
import Primitives
import Testing

@testable import ACMEKit

@Suite struct IssuingTests {
    @Test func aCertificateComesFromNothing() throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names]))
        world.run(for: .seconds(60))
        #expect(world.ca.violations == [])
        #expect(world.ca.accounts.count == 1 && world.ca.orders.count == 1 && world.certificates.count == 1)
        let certificate = try #require(world.certificates.first)
        #expect(certificate.credential.chainPEM == world.ca.certificates[0].chain)
        #expect(world.presented.isEmpty)
        #expect(world.disk.keys.sorted().map { $0.split(separator: "-")[1].prefix(6) } == ["accoun", "certif", "ledger"])
        let status = world.client.status(now: world.now)
        #expect(status.entries[0].notAfter == certificate.notAfter && status.entries[0].step == nil)
        #expect(status.quotaUsed == 1 && status.problem == nil)
    }

    @Test func theStepsOfAnOrderAreThese() throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names]))
        world.run(for: .seconds(1))
        #expect(
            world.steps == [
                "request dir", "store account", "request new-nonce", "request newAccount", "store account", "store order",
                "request new-order", "store order", "request authz", "present tls-alpn-01", "request challenge",
                "request authz", "withdraw tls-alpn-01", "request order", "store ledger", "store order",
                "request finalize", "request certificate", "store certificate", "certificate", "store ledger",
                "remove order", "request ari",
            ])
    }

    @Test(arguments: [2, 3]) func noncesThatAreRefusedAreReplaced(_ every: Int) throws {
        let world = try ACMEWorld()
        world.ca.refusesNonceEvery = every
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.violations == [])
        #expect(world.ca.certificates.count == 1 && world.failures.isEmpty)
    }

    @Test func aCAThatRefusesEveryNonceIsLeftAloneAfterAWhile() throws {
        let world = try ACMEWorld()
        world.ca.refusesNonceEvery = 1
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(30))
        #expect(world.ca.requestCount < 20)
        world.run(for: .seconds(86_400))
        #expect(world.ca.requestCount < 400)
    }

    @Test func aSlowCAIsPolledPatiently() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 8
        world.ca.processingPolls = 6
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(400)))
        #expect(world.ca.violations == [] && world.ca.orders.count == 1 && world.failures.isEmpty)
        #expect(world.ca.requestCount < 40)
    }

    @Test func aCAThatNeverDecidesIsGivenUpAfterTheTimeLimit() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = .max - 1
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(1_000))
        #expect(world.failures.count == 1 && world.presented.isEmpty)
        #expect(world.failures[0].reason.contains("within 900 s"))
        #expect(world.ca.requestCount < 60)
    }

    @Test func severalNamesAreProvenOneAfterTheOther() throws {
        let world = try ACMEWorld()
        let names = try names("b.example.com", "a.example.com", "192.0.2.7", "2001:db8::7")
        world.start([names])
        #expect(world.runUntilIssued([names]))
        #expect(world.ca.violations == [])
        #expect(world.ca.certificates[0].names == Set(names.identifiers))
        #expect(world.ca.authorizations.count == 4)
    }

    @Test func whatIsAuthorizedAlreadyIsNotProvenAgain() throws {
        let world = try ACMEWorld()
        let (first, second) = (try names("a.example.com"), try names("a.example.com", "b.example.com"))
        world.start([first])
        #expect(world.runUntilIssued([first]))
        world.send(.want(second))
        #expect(world.runUntilIssued([second]))
        #expect(world.steps.filter { $0.hasPrefix("present") }.count == 2)
        #expect(world.ca.violations == [])
    }

    @Test func twoOrdersForOneNameAreNeverUnderWayAtOnce() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 4
        let sets = [try names("a.example.com"), try names("a.example.com", "b.example.com"), try names("c.example.com")]
        world.start(sets + sets)
        var most = 0
        world.run(for: .seconds(600)) { world in
            let open = world.ca.orders.filter { $0.status == "pending" && $0.identifiers.contains(.dns("a.example.com")) }
            most = max(most, open.count)
            return world.certificates.count == 3
        }
        #expect(most == 1 && world.certificates.count == 3 && world.ca.orders.count == 3)
    }

    @Test func noMoreThanFourOrdersAreUnderWay() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 3
        let sets = try (0..<12).map { try names("n\($0).example.com") }
        world.start(sets)
        var most = 0
        world.run(for: .seconds(3_600)) { world in
            most = max(most, world.ca.orders.count { $0.status != "valid" })
            return world.certificates.count == 12
        }
        #expect(most == 4 && world.certificates.count == 12 && world.ca.violations == [])
    }

    @Test func theFirstChallengeThatFailsGivesWayToTheNext() throws {
        let world = try ACMEWorld()
        world.ca.failingKinds = [.tlsALPN]
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.steps.filter { $0.hasPrefix("present") } == ["present tls-alpn-01", "present http-01"])
        #expect(
            world.ca.orders.map(\.status) == ["invalid", "valid"] || world.ca.orders.map(\.status) == ["pending", "valid"])
        #expect(world.failures.isEmpty && world.ca.violations == [] && world.presented.isEmpty)
    }

    @Test func aCAThatKeepsTheAuthorizationNeedsNoSecondOrder() throws {
        let world = try ACMEWorld()
        world.ca.failingKinds = [.tlsALPN]
        world.ca.keepsAuthorizations = true
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.orders.count == 1 && world.ca.violations == [])
    }

    @Test func whatTheHostCannotPutInPlaceGivesWay() throws {
        let world = try ACMEWorld()
        world.unpresentable = [.tlsALPN]
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.orders.count == 1 && world.ca.violations == [])
        #expect(world.logged("acme.not-presented").count == 1)
    }

    @Test func aHostThatSaysNothingHasATimeLimit() throws {
        let world = try ACMEWorld()
        world.isHostSilent = true
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(100))
        #expect(world.failures.count == 1 && world.presented.isEmpty)
        #expect(world.failures[0].reason.contains("within 30 s"))
    }

    @Test func whenAllChallengesFailTheReasonsAreSaidAndTheNamesWait() throws {
        let world = try ACMEWorld()
        world.ca.failingKinds = [.tlsALPN, .http]
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(60))
        #expect(world.failures.count == 1)
        #expect(
            world.failures[0].reason
                == "tls-alpn-01 for gw.example.com: nobody listens there; http-01 for gw.example.com: nobody listens there")
        #expect((1_080...1_320).contains(world.failures[0].retryAt - world.unixSeconds + 60))
        // Five failed validations an hour are allowed for a name.
        world.run(for: .seconds(3_540))
        #expect(world.steps.count { $0.hasPrefix("present") } <= 4)
        world.ca.failingKinds = []
        #expect(world.runUntilIssued([names], for: .seconds(86_400)))
        #expect(world.client.status(now: world.now).entries[0].failure == nil)
    }

    @Test func aPreferredKindThatTheCADoesNotOfferIsPassedOver() throws {
        let world = try ACMEWorld()
        world.ca.offeredKinds = [.http]
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        world.ca.offeredKinds = []
        let other = try self.other()
        world.send(.want(other))
        world.run(for: .seconds(60))
        #expect(world.failures.last?.reason == "the CA offers neither tls-alpn-01 nor http-01 for other.example.com")
    }

    private func other() throws -> ACMENames { try names("other.example.com") }

    @Test func aProfileIsAskedForWhereItIsOffered() throws {
        for (offered, expected) in [(["classic", "shortlived"], "shortlived"), ([], nil)] as [([String], String?)] {
            let world = try ACMEWorld { $0.profile = "shortlived" }
            world.ca.profiles = offered
            let names = try names("192.0.2.7")
            world.start([names])
            #expect(world.runUntilIssued([names]))
            #expect(world.ca.orders[0].profile == expected && world.ca.violations == [])
            #expect(world.logged("acme.no-profile").isEmpty == (expected != nil))
        }
    }

    @Test func aProfileThatIsRefusedIsLeftOut() throws {
        let world = try ACMEWorld { $0.profile = "shortlived" }
        world.ca.profiles = ["shortlived"]
        world.ca.instead = [("/new-order", FakeCA.problem("invalidProfile", 400))]
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.orders[0].profile == nil)
    }

    @Test func namesThatAreNotWantedAnyMoreAreGivenUp() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 1_000
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(10))
        #expect(world.presented.count == 1)
        world.send(.unwant(names))
        let before = world.ca.requestCount
        world.run(for: .seconds(7_200))
        #expect(world.presented.isEmpty && world.ca.requestCount == before)
        #expect(!world.disk.keys.contains { $0.contains("-order-") })
        #expect(world.client.nextDeadline == nil)
    }
}
