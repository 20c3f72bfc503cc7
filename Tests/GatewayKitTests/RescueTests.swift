// Paths that pages of a service meant for their own, and the redirect that takes them there.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct RescueTests {
    private let referer = "Referer: http://gw.example/web/a/page\r\n"

    private func world(_ configure: (inout GatewayConfiguration) -> Void = { _ in }) -> World {
        World {
            $0.web.rescuesAbsolutePaths = true
            configure(&$0)
        }
    }

    private func ask(_ world: World, _ target: String, _ extra: String, method: String = "GET") throws -> Answer {
        try world.get(target, method: method, extra)
    }

    @Test(arguments: ["GET", "HEAD"]) func aPathOfAPageIsSentToItsService(method: String) throws {
        let world = world()
        _ = world.agent()
        let answer = try ask(world, "/style.css?v=1&\u{e9}", referer, method: method)
        #expect(answer.status == 307)
        #expect(answer.fields.first(.location).map { Array($0) } == latin1("/web/a/style.css?v=1&\u{e9}"))
        #expect(answer.fields[.vary] == "Referer" && answer.fields[.cacheControl] == "no-store" && answer.errorCode == nil)
        world.end()
    }

    @Test func itIsOffUnlessAskedFor() throws {
        let world = World()
        _ = world.agent()
        #expect(try ask(world, "/style.css", referer).errorCode == "not-found")
        world.end()
    }

    @Test(arguments: [
        "", "Referer: http://gw.example/\r\n", "Referer: http://gw.example/web/a\r\n", "Referer: http://gw.example/web/\r\n",
        "Referer: http://gw.example/web/b/\r\n", "Referer: http://other.example/web/a/\r\n", "Referer: /web/a/\r\n",
        "Referer: http://gw.example:80/web/a/\r\n", "Referer: http://gw.example@evil.example/web/a/\r\n",
        "Referer: ftp://gw.example/web/a/\r\n", "Referer: http:///web/a/\r\n", "Referer: http://gw.example/web/%61/\r\n",
        "Referer: http://gw.example/x?/web/a/\r\n", "Referer: http://gw.example/web/a?/\r\n",
        "Referer: http://gw.example/web/a/\r\nReferer: http://gw.example/web/a/\r\n",
    ]) func onlyAPageOfAKnownAgentAtThisHostCounts(field: String) throws {
        let world = world()
        _ = world.agent()
        #expect(try ask(world, "/style.css", field).errorCode == "not-found")
        world.end()
    }

    @Test func theSchemeAndTheHostsCaseDoNotMatter() throws {
        let world = world()
        _ = world.agent()
        #expect(try ask(world, "/x", "Referer: HTTPS://GW.Example/web/a/b?c\r\n").status == 307)
        world.end()
    }

    @Test(arguments: [
        "//evil.example/", "/\\evil.example/", "/agent/x", "/healthz/x", "/readyz/", "/metrics/x", "/web",
        "/web/",
        "/web/.x/", "http://gw.example/x",
    ]) func ourOwnAddressesAndOthersHostsAreNotRescued(target: String) throws {
        let world = world()
        _ = world.agent()
        #expect(try ask(world, target, referer).errorCode == "not-found")
        world.end()
    }

    @Test(arguments: ["/apix", "/agents", "/healthz.css", "/webpack.js"]) func whatOnlyLooksLikeOursIsNot(target: String) throws
    {
        let world = world()
        _ = world.agent()
        #expect(try ask(world, target, referer).fields[.location] == "/web/a\(target)")
        world.end()
    }

    @Test func whatHasEffectsIsNotSentOn() throws {
        let world = world()
        _ = world.agent()
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            #expect(try ask(world, "/x", referer, method: method).errorCode == "not-found")
        }
        world.end()
    }

    @Test func whoHasNoTokenLearnsNothing() throws {
        let world = world { $0.web.authTokens = ["t"] }
        _ = world.agent()
        #expect(try ask(world, "/x", referer).errorCode == "not-found")
        #expect(try ask(world, "/x", referer + "Authorization: Bearer t\r\n").status == 307)
        world.end()
    }

    @Test func anAgentThatIsAwayIsKnownStill() throws {
        let world = world()
        world.agent().close()
        #expect(try ask(world, "/x", referer).status == 307)
        world.end()
    }
}
