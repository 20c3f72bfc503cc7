// Accounts: terms, contacts, keys that the CA knows already, accounts of other kinds, and accounts that are no more.

import MachineCore
import Primitives
import Testing

@testable import ACMEKit

@Suite struct AccountTests {
    @Test func theCAHearsOfTermsAndContacts() throws {
        let world = try ACMEWorld { $0.contact = ["mailto:admin@example.com"] }
        world.ca.termsOfService = "https://ca.test/terms"
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names]))
        #expect(world.ca.accounts[0].contact == ["mailto:admin@example.com"] && world.ca.accounts[0].agreed)
    }

    @Test func termsThatNobodyAgreedToStopEverythingAndAreNamed() throws {
        let world = try ACMEWorld { $0.agreesToTerms = false }
        world.ca.termsOfService = "https://ca.test/terms"
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(86_000))
        #expect(world.ca.accounts.isEmpty && world.ca.requestCount <= 2)
        let problem = try #require(world.client.status(now: world.now).problem)
        #expect(problem.contains("https://ca.test/terms"))
    }

    @Test func anExternalAccountIsBound() throws {
        let world = try ACMEWorld {
            $0.externalAccount = ACMEExternalAccount(keyID: "external", key: FakeCA.externalKey)
        }
        world.ca.requiresExternalAccount = true
        let names = try names("gw.example.com")
        world.start([names])
        #expect(world.runUntilIssued([names]))
        #expect(world.ca.accounts[0].binding)
    }

    @Test func aMissingExternalAccountIsSaid() throws {
        let world = try ACMEWorld()
        world.ca.requiresExternalAccount = true
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(1_000))
        #expect(world.ca.accounts.isEmpty)
        #expect(world.client.status(now: world.now).problem?.contains("an account of its own") ?? false)
    }

    @Test func onlyAnExistingAccountIsUsedIfSoConfigured() throws {
        let world = try ACMEWorld { $0.makesAccount = false }
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(1_000))
        #expect(world.ca.accounts.isEmpty && world.logged("acme.no-account").count == 1)
        // Somebody else has made it with this key.
        let key = try #require(world.files.first { $0.name.contains("account") })
        #expect(String(decoding: key.contents, as: UTF8.self).contains("PRIVATE KEY"))
        world.configuration.makesAccount = true
        world.restart([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        world.configuration.makesAccount = false
        world.disk = world.disk.filter { !$0.key.contains("certificate") && !$0.key.contains("ledger") }
        world.certificates = []
        world.restart([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.accounts.count == 1)
    }

    @Test func aDeactivatedAccountIsReplacedOnceADay() throws {
        let world = try ACMEWorld()
        let (first, second, third) = (try names("a.example.com"), try names("b.example.com"), try names("c.example.com"))
        world.start([first])
        #expect(world.runUntilIssued([first]))
        world.ca.accounts[0].status = "deactivated"
        world.send(.want(second))
        #expect(world.runUntilIssued([second], for: .seconds(600)))
        #expect(world.ca.accounts.count == 2 && world.ca.accounts[0].point != world.ca.accounts[1].point)
        #expect(world.logged("acme.account-replaced").count == 1)
        world.ca.accounts[1].status = "revoked"
        world.send(.want(third))
        world.run(for: .seconds(40_000))
        #expect(world.ca.accounts.count == 2 && world.client.status(now: world.now).problem != nil)
        #expect(world.runUntilIssued([third], for: .seconds(3 * 86_400)))
        #expect(world.ca.accounts.count == 3 && world.ca.requestCount < 150)
    }

    @Test func anAccountThatTheCAHasForgottenIsMadeAgainWithTheSameKey() throws {
        let world = try ACMEWorld()
        let (first, second) = (try names("a.example.com"), try names("b.example.com"))
        world.start([first])
        #expect(world.runUntilIssued([first]))
        world.ca.accounts[0].status = "forgotten"
        world.send(.want(second))
        #expect(world.runUntilIssued([second], for: .seconds(600)))
        #expect(world.ca.accounts.count == 2 && world.ca.accounts[0].point == world.ca.accounts[1].point)
    }

    @Test func aCAThatForgetsEveryAccountIsNotFloodedWithThem() throws {
        let world = try ACMEWorld()
        world.ca.rewrite = { path, response in
            path == "/new-order" ? FakeCA.problem("accountDoesNotExist", 400) : response
        }
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(5 * 86_400))
        #expect(world.ca.accounts.count == 1 && world.ca.requestCount < 200)
    }

    @Test func anOrderOfAnotherAccountIsNotGoneOnWith() throws {
        let world = try ACMEWorld()
        world.ca.validationPolls = 1_000
        let names = try names("gw.example.com")
        world.start([names])
        world.run(for: .seconds(5))
        // The account's file is lost, and another account made.
        world.disk = world.disk.filter { !$0.key.contains("account") }
        world.ca.validationPolls = 0
        world.restart([names])
        #expect(world.runUntilIssued([names], for: .seconds(60)))
        #expect(world.ca.accounts.count == 2 && world.ca.orders.count == 2 && world.ca.violations == [])
    }

    @Test func newTermsAreSaidWithTheirAddress() throws {
        let world = try ACMEWorld()
        var response = FakeCA.problem("userActionRequired", 403, detail: "the terms have changed")
        response.body = Array(
            """
            {"type":"urn:ietf:params:acme:error:userActionRequired","detail":"the terms have changed",
            "instance":"https://ca.test/new-terms"}
            """.utf8)
        world.ca.instead = [("/newAccount", response)]
        world.start([try names("gw.example.com")])
        world.run(for: .seconds(60))
        #expect(world.client.status(now: world.now).problem == "the terms have changed; https://ca.test/new-terms")
    }
}
