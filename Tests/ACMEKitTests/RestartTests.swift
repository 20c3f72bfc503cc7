// The power fails after each step that a certificate takes, named as in IssuingTests, and the next start goes on from the disk:
// one account, one certificate, and no order that the CA has for nothing but one whose response was lost. Then the same with
// requests and responses that are lost on the way.

import MachineCore
import Primitives
import Testing

@testable import ACMEKit

@Suite struct RestartTests {
    /// How a run without mishaps goes.
    private func steps(_ change: (ACMEWorld) -> Void, _ names: ACMENames) throws -> [String] {
        let world = try ACMEWorld()
        change(world)
        world.start([names])
        world.runUntilIssued([names])
        world.run(for: .seconds(10))
        return world.steps
    }

    enum Course: String, CaseIterable, Sendable {
        case plain, slow, secondChallenge, severalNames

        func prepare(_ world: ACMEWorld) {
            world.ca.termsOfService = "https://ca.test/terms"
            switch self {
            case .plain, .severalNames: break
            case .slow: (world.ca.validationPolls, world.ca.processingPolls) = (2, 2)
            case .secondChallenge: world.ca.failingKinds = [.tlsALPN]
            }
        }

        func names() throws -> ACMENames {
            try ACMENames(self == .severalNames ? ["a.example.com", "b.example.com", "192.0.2.7"] : ["gw.example.com"])
        }
    }

    @Test(arguments: Course.allCases) func aPowerCutAfterAnyStepCostsNothing(_ course: Course) throws {
        let names = try course.names()
        let steps = try self.steps(course.prepare, names)
        #expect(steps.count >= 23)
        for count in steps.indices {
            let world = try ACMEWorld()
            course.prepare(world)
            world.start([names])
            world.stepLimit = count + 1
            world.run { $0.steps.count >= count + 1 }
            world.stepLimit = nil
            let after = "after step \(count): \(steps[count])"
            #expect(world.steps == Array(steps[...count]), "\(after)")
            world.restart([names])
            world.certificates = []
            world.runUntilIssued([names])
            world.run(for: .seconds(10))
            #expect(!world.certificates.isEmpty, "\(after)")
            #expect(world.ca.violations == [], "\(after)")
            #expect(world.ca.accounts.count == 1, "\(after)")
            #expect(world.ca.certificates.count == 1, "\(after)")
            // An order whose response was lost; one whose challenge the CA looked for in vain.
            let mayBeLost = ["request new-order", "request challenge", "request authz", "withdraw tls-alpn-01"]
            let usual = course == .secondChallenge ? 2 : 1
            #expect(world.ca.orders.count <= usual + (mayBeLost.contains(steps[count]) ? 1 : 0), "\(after)")
            #expect(world.presented.isEmpty && world.failures.isEmpty, "\(after)")
            #expect(!world.disk.keys.contains { $0.contains("-order-") }, "\(after)")
            #expect(world.client.status(now: world.now).quotaUsed == 1, "\(after)")
        }
    }

    @Test(arguments: Course.allCases, [ACMEWorld.Loss.request, .response])
    func aRequestOrResponseThatIsLostCostsNothingButTime(_ course: Course, _ loss: ACMEWorld.Loss) throws {
        let names = try course.names()
        let requests = try steps(course.prepare, names).filter { $0.hasPrefix("request") }
        for index in requests.indices {
            let world = try ACMEWorld()
            course.prepare(world)
            world.losses = [index: loss]
            world.start([names])
            let at = "\(loss) \(index) lost: \(requests[index])"
            world.runUntilIssued([names], for: .seconds(600))
            world.run(for: .seconds(10))
            #expect(world.certificates.count == 1, "\(at)")
            #expect(world.ca.violations == [], "\(at)")
            #expect(world.ca.accounts.count == 1 && world.ca.certificates.count == 1, "\(at)")
            #expect(world.presented.isEmpty, "\(at)")
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>) func aLineThatLosesEveryOtherRequestIsNoObstacle(_ seed: UInt64) throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        var random = Jitter(seed: [UInt8(seed)])
        for index in 0..<1_000 where Bool.random(using: &random) {
            world.losses[index] = Bool.random(using: &random) ? .request : .response
        }
        world.start([names])
        #expect(world.runUntilIssued([names], for: .seconds(5 * 86_400)))
        #expect(world.ca.violations == [] && world.ca.accounts.count == 1)
    }

    @Test func aCAThatIsDownIsTriedAgainLessAndLessOften() throws {
        let world = try ACMEWorld()
        for index in 0..<200 { world.losses[index] = .request }
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(60))
        #expect((3...6).contains(world.steps.count))
        #expect(world.client.status(now: world.now).problem == "connection refused")
        world.run(for: .seconds(86_400))
        #expect((10...45).contains(world.steps.count))
        world.losses = [:]
        world.send(.retry)
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.client.status(now: world.now).problem == nil)
    }

    @Test func whatComesFromTheDiskIsUsedAtOnceThoughTheCAIsDown() throws {
        let world = try ACMEWorld()
        let names = try names("gw.example.com")
        world.start([names])
        world.runUntilIssued([names])
        world.run(for: .seconds(10))
        let issued = world.certificates[0]
        world.certificates = []
        for index in 0..<1_000 { world.losses[index] = .request }
        world.restart([names])
        world.run(for: .seconds(5))
        #expect(world.certificates == [issued] && world.ca.orders.count == 1)
    }

    @Test func aFullDiskHoldsAllRequestsBack() throws {
        let world = try ACMEWorld()
        world.isDiskFull = true
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(300))
        #expect(world.ca.accounts.isEmpty && world.ca.orders.isEmpty)
        #expect((5...12).contains(world.logged("acme.not-stored").count))
        world.isDiskFull = false
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.violations == [])
    }

    @Test func anOrderThatTheCAHasForgottenIsMadeAgain() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 1_000
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(5))
        #expect(world.disk.keys.contains { $0.contains("-order-") })
        world.ca.orders = []
        world.ca.validationPolls = 0
        world.restart([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.failures.isEmpty)
    }

    @Test func anAuthorizationThatHasExpiredMeanwhileIsMadeAgain() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 1_000
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(5))
        world.ca.authorizations[0].status = "expired"
        world.ca.validationPolls = 0
        world.restart([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.orders.count == 2 && world.failures.isEmpty)
    }

    @Test func failuresOutliveARestart() throws {
        let world = try ACMEWorld()
        world.ca.failingKinds = [.tlsALPN, .http]
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(60))
        let orders = world.ca.orders.count
        for _ in 0..<20 {
            world.restart([names])
            world.run(for: .seconds(20))
        }
        #expect(world.ca.orders.count == orders)
        #expect(world.client.status(now: world.now).entries[0].failure?.contains("nobody listens there") ?? false)
    }
}
