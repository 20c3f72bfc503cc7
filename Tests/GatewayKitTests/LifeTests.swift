// How long an agent is believed to be alive, how it ends, and how the gateway ends.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct LifeTests {
    @Test func anAgentThatAnswersItsPingsStays() {
        let world = World()
        let agent = world.agent()
        world.wait(.seconds(3_600))
        #expect(!world.wire(agent.id).isGone)
        #expect(world.gateway.agentRecords.first?.roundTrip == .zero)
        world.end()
    }

    @Test func anAgentThatAnswersNothingIsCutAfterOnePingAndItsDeadline() throws {
        let world = World { $0.web.timeout = .seconds(60) }
        let agent = world.agent()
        let visitor = world.visit(get("/web/a/"))
        _ = try agent.request()
        agent.isAlive = false
        world.wait(.seconds(29))
        #expect(!world.wire(agent.id).isGone)
        world.wait(.seconds(1))
        #expect(world.wire(agent.id).isAborted)
        #expect(try world.expectAnswer(visitor).errorCode == "agent-lost")
        let lost = world.takeLogs("agent.lost")
        #expect(lost.count == 1 && lost.first?.fields.contains(.init("reason", "it did not answer a ping")) == true)
        #expect(try world.get("/web/a/").errorCode == "agent-offline")
        world.end()
    }

    @Test func anyByteCountsAsLife() {
        let world = World()
        let agent = world.agent()
        agent.isAlive = false
        for _ in 0..<30 {
            world.wait(.seconds(9))
            var bytes: [UInt8] = []
            var socket = WSConnection(.client(seed: [3]))
            #expect(socket.ping([], into: &bytes) == true)
            world.send(agent.id, bytes)
            #expect(!world.wire(agent.id).isGone)
        }
        world.wait(.seconds(30))
        #expect(world.wire(agent.id).isGone)
        world.end()
    }

    @Test func goodbyeAndBrokenRulesEndTheTunnel() {
        let world = World()
        let polite = world.agent("p")
        polite.close()
        #expect(world.wire(polite.id).isClosing)
        #expect(polite.events.last == .closed(.normal, reason: ""))
        let rude = world.agent("r")
        world.send(rude.id, [0x82, 0x01, 0x00])  // not masked
        #expect(world.wire(rude.id).isClosing)
        guard case .closed(.protocolError, _)? = rude.events.last else {
            Issue.record("\(rude.events)")
            return
        }
        let silent = world.agent("s")
        world.finish(silent.id)
        #expect(world.wire(silent.id).isClosing)
        #expect(world.gateway.counters.agents == 0)
        #expect(world.takeLogs("agent.lost").count == 3)
        world.end()
    }

    @Test func nonsenseFromAnAgentEndsNothing() throws {
        let world = World()
        let agent = world.agent()
        var socket = WSConnection(.client(seed: [3]))
        for text in [
            "{", "[]", "nonsense", #"{"jsonrpc":"2.0","id":1,"method":"web.request"}"#,
            #"{"jsonrpc":"2.0","id":"web_9","result":1}"#,
        ] {
            var bytes: [UInt8] = []
            #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
            world.send(agent.id, bytes)
        }
        let id = world.visit(get("/web/a/"))
        agent.answer(try agent.request().id)
        #expect(try world.expectAnswer(id).status == 200)
        world.end()
    }

    @Test func anAgentThatAsksAndNeverReadsTheAnswersIsCut() {
        let world = World { $0.limits.tunnel.maximumBacklog = 20_000 }
        let agent = world.agent()
        world.hold(agent.id)
        var socket = WSConnection(.client(seed: [3]))
        for _ in 0..<1_000 where !world.wire(agent.id).isGone {
            var bytes: [UInt8] = []
            let text = #"{"jsonrpc":"2.0","id":1,"method":"x"}"#
            #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
            world.send(agent.id, bytes)
            #expect(world.gateway.counters.bufferedBytes < 21_000)
        }
        #expect(world.wire(agent.id).isAborted)
        world.end()
    }

    @Test func statusUpdatesChangeWhatIsShownAndServed() throws {
        let world = World()
        let agent = world.agent()
        agent.session.update(StatusUpdate(status: "busy", model: "m2", servesWeb: false))
        agent.flush()
        let description = try #require(world.gateway.agentRecords.first?.description)
        #expect(description.status == "busy" && description.model == "m2" && !description.servesWeb)
        #expect(try world.get("/web/a/").errorCode == "no-web-service")
        let stranger = world.dial(query: "agentId=b")
        stranger.session.update(StatusUpdate(status: "ghost"))
        stranger.flush()
        #expect(world.gateway.agentRecords.count == 1)
        world.end()
    }

    // MARK: Draining

    @Test func drainingLetsWhatIsInFlightFinishAndClosesTheRest() throws {
        let world = World()
        let agent = world.agent()
        let busy = world.visit(get("/web/a/"))
        let streaming = world.visit(get("/web/a/"))
        let idle = world.visit(get("/healthz"))
        let request = try agent.request()
        let stream = try agent.request()
        agent.begin(stream.id)
        agent.send(stream.id, "a")
        world.tell(.drain(within: .seconds(30)))
        #expect(agent.has(.drain(within: .seconds(30))))
        #expect(!world.wire(idle).isClosing && !world.wire(busy).isClosing && !world.wire(streaming).isClosing)
        world.wait(.seconds(1))
        #expect(world.wire(idle).isClosing && !world.wire(busy).isClosing && !world.wire(streaming).isClosing)
        let stranger = world.visit(World.handshake("agentId=late"))
        #expect(try world.expectAnswer(stranger).errorCode == "overloaded")
        agent.answer(request.id, 200, HTTPFields(), "done")
        #expect(try world.expectAnswer(busy).fields[.connection] == "close")
        #expect(!world.hasDrained)
        agent.send(stream.id, "b", end: true)  // its head promised to keep the connection
        #expect(try world.expectAnswer(streaming).text == "ab")
        world.send(streaming, get("/web/a/"))
        agent.answer(try agent.request().id, 200, HTTPFields(), "more")
        let last = try world.expectAnswer(streaming)
        #expect(last.text == "more" && last.fields[.connection] == "close")
        #expect(world.wire(streaming).isClosing)
        #expect(world.hasDrained)
        #expect(agent.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        world.tell(.drain(within: .seconds(1)))
        world.end()
    }

    @Test func whatIsStillThereAtTheEndOfADrainIsCut() throws {
        let world = World()
        let agent = world.agent()
        let id = world.visit(get("/web/a/"))
        _ = try agent.request()
        world.tell(.drain(within: .seconds(3)))
        world.wait(.seconds(2))
        #expect(!world.hasDrained)
        world.wait(.seconds(1))
        #expect(world.wire(id).isAborted && world.wire(agent.id).isGone)
        #expect(world.hasDrained)
        world.end()
    }

    @Test func anEmptyGatewayDrainsAtOnce() {
        let world = World()
        world.tell(.drain(within: .seconds(30)))
        #expect(world.hasDrained)
        world.end()
    }

    @Test func whoIsBeingRefusedWhenADrainBeginsDoesNotHoldItUp() throws {
        let world = World()
        let id = world.visit("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
        #expect(try world.expectAnswer(id).status == 404)
        world.tell(.drain(within: .seconds(30)))
        world.send(id, "de")
        #expect(!world.wire(id).isClosing && !world.hasDrained)
        world.wait(.seconds(1))
        #expect(world.wire(id).isClosing && world.hasDrained)
        world.end()
    }

    @Test func anAgentThatRegistersAfterTheNoticeLeavesTheOldTunnelAlone() throws {
        let world = World()
        let old = world.agent()
        let visitor = world.visit(get("/web/a/"))
        let request = try old.request()
        let new = world.dial()
        world.tell(.drain(within: .seconds(30)))
        new.register(AgentDescription(agentID: "a"))
        #expect(!world.wire(old.id).isClosing && !world.wire(new.id).isClosing)
        old.answer(request.id, 200, HTTPFields(), "whole")
        #expect(try world.expectAnswer(visitor).text == "whole")
        world.end()
    }

    @Test func aVersionOneAgentIsSentAwayWhenNothingOfItIsInFlight() throws {
        let world = World()
        let idle = world.agent("i", .v1)
        let busy = world.agent("b", .v1)
        let visitor = world.visit(get("/web/b/"))
        let request = try busy.request()
        world.tell(.drain(within: .seconds(30)))
        #expect(idle.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        #expect(!world.wire(busy.id).isClosing)
        busy.answer(request.id, 200, HTTPFields(), "whole")
        #expect(try world.expectAnswer(visitor).text == "whole")
        #expect(busy.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        #expect(world.hasDrained)
        world.end()
    }

    // MARK: Reconfiguring

    @Test func aNewConfigurationHoldsAtOnce() throws {
        let world = World()
        let agent = world.agent()
        var configuration = GatewayConfiguration()
        configuration.web.authTokens = ["t"]
        configuration.web.pathPrefix = "/x"
        world.tell(.reconfigure(configuration))
        #expect(try world.get("/web/a/").errorCode == "not-found")
        #expect(try world.get("/x/a/").errorCode == "unauthorized")
        let id = world.visit(get("/x/a/", "Authorization: Bearer t\r\n"))
        agent.answer(try agent.request().id)
        #expect(try world.expectAnswer(id).status == 200)
        world.end()
    }
}
