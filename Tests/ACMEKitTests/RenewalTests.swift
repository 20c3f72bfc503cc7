// Renewals: after two thirds of a life or when the CA suggests (RFC 9773), once, with jitter, and in time though things fail.
// And the quota, which new names have and renewals have not.

import MachineCore
import Primitives
import Testing

@testable import ACMEKit

@Suite struct RenewalTests {
    private static let day: Int64 = 86_400

    private func issued(_ names: ACMENames, _ change: (ACMEWorld) -> Void = { _ in }) throws -> ACMEWorld {
        let world = try ACMEWorld()
        change(world)
        world.start([names])
        #expect(world.runUntilIssued([names]))
        return world
    }

    @Test func withoutAdviceACertificateIsRenewedAfterTwoThirdsOfItsLife() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) { $0.ca.offersRenewalInfo = false }
        world.run(for: .seconds(59 * Self.day), inputs: 20_000)
        #expect(world.certificates.count == 1)
        world.run(for: .seconds(5 * Self.day), inputs: 20_000)
        #expect(world.certificates.count == 2 && world.ca.violations == [])
        #expect(world.certificates[0].credential.keyPEM != world.certificates[1].credential.keyPEM)
        #expect(world.ca.orders[1].replaces == nil)
    }

    @Test func theCAsWindowIsKeptAndMayBeMoved() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) {
            $0.ca.renewalWindow = (ACMEWorld.epoch + 30 * Self.day, ACMEWorld.epoch + 31 * Self.day)
        }
        world.run(for: .seconds(60))
        let planned = try #require(world.client.status(now: world.now).entries[0].renewAt)
        #expect((30 * Self.day...31 * Self.day).contains(planned - ACMEWorld.epoch))
        world.ca.renewalWindow = (ACMEWorld.epoch + 10 * Self.day, ACMEWorld.epoch + 11 * Self.day)
        world.run(for: .seconds(10 * Self.day - 120), inputs: 20_000)
        #expect(world.certificates.count == 1 && world.logged("acme.renewal-planned").count == 2)
        world.run(for: .seconds(Self.day + 120), inputs: 20_000) { $0.certificates.count == 2 }
        #expect(world.certificates.count == 2)
    }

    @Test func aWindowThatIsPastMeansNow() throws {
        let names = try names("gw.example.com")
        let world = try issued(names)
        world.run(for: .seconds(60))
        world.ca.renewalWindow = (ACMEWorld.epoch - 2 * Self.day, ACMEWorld.epoch - Self.day)
        world.run(for: .seconds(Self.day)) { $0.certificates.count == 2 }
        #expect(world.certificates.count == 2)
        #expect(world.ca.orders[1].replaces == world.ca.certificates[0].renewalID)
        #expect(world.ca.certificates[0].isReplaced)
    }

    @Test func theCASaysHowOftenItIsAsked() throws {
        let names = try names("gw.example.com")
        let window = (ACMEWorld.epoch + 30 * Self.day, ACMEWorld.epoch + 31 * Self.day)
        for (field, range) in [("3600", 20...26), ("1", 1_300...1_500), ("99999999", 1...2), (nil, 3...5)]
            as [(String?, ClosedRange<Int>)]
        {
            let world = try issued(names) {
                $0.ca.renewalWindow = window
                $0.ca.renewalRetryAfter = field
            }
            world.run(for: .seconds(Self.day), inputs: 20_000)
            #expect(range.contains(world.steps.count { $0 == "request ari" }), "\(field ?? "none")")
        }
    }

    @Test(arguments: ["{}", "{\"suggestedWindow\":{\"start\":\"2026-01-02T00:00:00Z\",\"end\":\"2026-01-01T00:00:00Z\"}}", "["])
    func adviceThatMakesNoSenseIsNone(_ body: String) throws {
        let names = try names("gw.example.com")
        let world = try issued(names) {
            $0.ca.rewrite = { path, response in
                path.hasPrefix("/ari/") ? ACMEResponse(status: 200, body: Array(body.utf8)) : response
            }
        }
        world.run(for: .seconds(59 * Self.day), inputs: 20_000)
        #expect(world.certificates.count == 1)
        world.run(for: .seconds(5 * Self.day), inputs: 20_000)
        #expect(world.certificates.count == 2)
    }

    @Test func aWindowAfterTheEndOfTheLifeIsNotWaitedFor() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) {
            $0.ca.renewalWindow = (ACMEWorld.epoch + 300 * Self.day, ACMEWorld.epoch + 301 * Self.day)
        }
        world.run(for: .seconds(80 * Self.day), inputs: 20_000)
        #expect(world.certificates.count == 2)
    }

    @Test func whatWasReplacedAlreadyIsOrderedWithoutSayingSo() throws {
        let names = try names("gw.example.com")
        let world = try issued(names)
        world.run(for: .seconds(60))
        world.ca.certificates[0].isReplaced = true
        world.ca.renewalWindow = (ACMEWorld.epoch - 2 * Self.day, ACMEWorld.epoch - Self.day)
        world.run(for: .seconds(Self.day)) { $0.certificates.count == 2 }
        #expect(world.certificates.count == 2 && world.failures.isEmpty)
    }

    @Test func aCAThatAlwaysWantsRenewalsGetsFourAWeek() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) {
            $0.ca.renewalWindow = (ACMEWorld.epoch - 2 * Self.day, ACMEWorld.epoch - Self.day)
        }
        world.run(for: .seconds(3_500))
        #expect(world.ca.certificates.count == 1)
        world.run(for: .seconds(6 * Self.day), inputs: 20_000)
        #expect(world.ca.certificates.count == 4)
        world.run(for: .seconds(15 * Self.day), inputs: 20_000)
        #expect(world.ca.certificates.count <= 16)
    }

    @Test func theKindOfChallengeThatWorkedIsTriedFirstTheNextTime() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) { $0.ca.failingKinds = [.tlsALPN] }
        world.steps = []
        world.ca.authorizations = world.ca.authorizations.map {
            var record = $0
            record.status = "expired"
            return record
        }
        world.restart([names])
        world.run(for: .seconds(64 * Self.day), inputs: 20_000) { $0.ca.certificates.count == 2 }
        #expect(world.ca.certificates.count == 2)
        #expect(world.steps.filter { $0.hasPrefix("present") } == ["present http-01"])
    }

    @Test func aRenewalThatFailsIsTriedAgainAndTheOldCertificateStays() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) { $0.ca.offersRenewalInfo = false }
        world.run(for: .seconds(59 * Self.day), inputs: 20_000)
        world.ca.failingKinds = [.tlsALPN, .http]
        world.ca.authorizations[0].status = "expired"
        world.run(for: .seconds(20 * Self.day), inputs: 50_000)
        #expect(world.certificates.count == 1 && (8...40).contains(world.failures.count))
        world.ca.failingKinds = []
        #expect(world.run(for: .seconds(2 * Self.day)) { $0.certificates.count == 2 })
    }

    @Test func differentClientsRenewAtDifferentTimes() {
        let times = (0..<50).map { seed -> Int64 in
            var jitter = Jitter(seed: [UInt8(seed)])
            return RenewalPlan(notBefore: 0, notAfter: 90 * Self.day, jitter: &jitter).renewAt
        }
        #expect(Set(times).count == 50)
        #expect(times.allSatisfy { (60 * Self.day...63 * Self.day).contains($0) })
    }

    @Test func aPlanOutlivesARestart() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) {
            $0.ca.renewalWindow = (ACMEWorld.epoch + 10 * Self.day, ACMEWorld.epoch + 20 * Self.day)
        }
        world.run(for: .seconds(60))
        let plan = world.client.status(now: world.now).entries[0].renewAt
        for _ in 0..<3 {
            world.restart([names])
            world.run(for: .seconds(60))
            #expect(world.client.status(now: world.now).entries[0].renewAt == plan)
        }
    }

    @Test func theTimeOfDayMayBeCorrected() throws {
        let names = try names("gw.example.com")
        let world = try issued(names) { $0.ca.offersRenewalInfo = false }
        world.correctClock(by: 64 * Self.day)
        world.run(for: .seconds(60)) { $0.certificates.count == 2 }
        #expect(world.certificates.count == 2)
        world.correctClock(by: -70 * Self.day)
        world.run(for: .seconds(Self.day))
        #expect(world.certificates.count == 2 && world.failures.isEmpty)
    }

    // MARK: Quota

    @Test func newNamesHaveAQuotaAndRenewalsHaveNot() throws {
        let world = try ACMEWorld { $0.weeklyQuota = 3 }
        world.ca.offersRenewalInfo = false
        world.ca.life = 6 * Self.day
        let sets = try (0..<5).map { try names("n\($0).example.com") }
        world.start(sets)
        world.run(for: .seconds(3_600), inputs: 20_000)
        #expect(world.ca.certificates.count == 3 && world.failures.count == 2)
        #expect(world.failures[0].reason.contains("quota"))
        #expect(world.logged("acme.quota").count == 2)
        #expect(world.client.status(now: world.now).quotaUsed == 3)
        // Renewals go on, and the others come when the week is over.
        world.run(for: .seconds(5 * Self.day), inputs: 50_000)
        #expect(world.ca.certificates.count == 6)
        world.run(for: .seconds(2 * Self.day + 7_200), inputs: 50_000)
        #expect(Set(world.certificates.map(\.names)) == Set(sets))
    }

    @Test func theQuotaOutlivesRestarts() throws {
        let world = try ACMEWorld { $0.weeklyQuota = 2 }
        let sets = try (0..<3).map { try names("n\($0).example.com") }
        world.start(sets)
        for _ in 0..<5 {
            world.run(for: .seconds(100))
            world.restart(sets)
        }
        world.run(for: .seconds(100))
        #expect(world.ca.certificates.count == 2)
    }

    @Test func manySetsAreLookedAfterWithinTheQuota() throws {
        let world = try ACMEWorld()
        world.start(try (0..<150).map { try names("n\($0).example.com") })
        world.run(for: .seconds(Self.day), inputs: 20_000)
        #expect(world.ca.certificates.count == 50 && world.ca.violations == [])
        #expect(world.failures.count == 100 && world.ca.requestCount < 600)
    }

    @Test func strangersNamesAreNobodysBusiness() throws {
        // There is no message by which a name that was not wanted could come in: 10,000 challenges and responses of nobody.
        let world = try ACMEWorld()
        world.start([])
        for number in 0..<10_000 as Range<UInt64> {
            world.send(.presented(ACMEChallengeID(rawValue: number)))
            world.send(.response(ACMERequestID(rawValue: number), ACMEResponse(status: 200)))
        }
        world.run(inputs: 30_000)
        #expect(world.ca.requestCount == 0 && world.disk.isEmpty)
    }
}
