// How long an agent is believed to be alive, how it ends, and how the gateway ends.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink
import WireWS

@testable import GatewayKit

@Suite struct LifeTests {
    @Test func anAgentThatAnswersItsPingsStays() {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        fixture.wait(.seconds(3_600))
        #expect(!fixture.connection(agent.id).isGone)
        #expect(fixture.gateway.agentRecords.first?.roundTrip == .zero)
        fixture.end()
    }

    @Test func anAgentThatAnswersNothingIsCutAfterOnePingAndItsDeadline() throws {
        let fixture = GatewayFixture { $0.web.timeout = .seconds(60) }
        let agent = fixture.agent()
        let visitor = fixture.visit(get("/web/a/"))
        _ = try agent.request()
        agent.isAlive = false
        fixture.wait(.seconds(29))
        #expect(!fixture.connection(agent.id).isGone)
        fixture.wait(.seconds(1))
        #expect(fixture.connection(agent.id).isAborted)
        #expect(try fixture.expectResponse(visitor).errorCode == "agent-lost")
        let lost = fixture.takeLogs("agent.lost")
        #expect(lost.count == 1 && lost.first?.fields.contains(.init("reason", "it did not answer a ping")) == true)
        #expect(try fixture.get("/web/a/").errorCode == "agent-offline")
        fixture.end()
    }

    @Test func anyByteCountsAsLife() {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        agent.isAlive = false
        for _ in 0..<30 {
            fixture.wait(.seconds(9))
            var bytes: [UInt8] = []
            var socket = WSConnection(.client(seed: [3]))
            #expect(socket.ping([], into: &bytes) == true)
            fixture.send(agent.id, bytes)
            #expect(!fixture.connection(agent.id).isGone)
        }
        fixture.wait(.seconds(30))
        #expect(fixture.connection(agent.id).isGone)
        fixture.end()
    }

    @Test func goodbyeAndBrokenRulesEndTheTunnel() {
        let fixture = GatewayFixture()
        let polite = fixture.agent("p")
        polite.close()
        #expect(fixture.connection(polite.id).isClosing)
        #expect(polite.events.last == .closed(.normal, reason: ""))
        let rude = fixture.agent("r")
        fixture.send(rude.id, [0x82, 0x01, 0x00])  // not masked
        #expect(fixture.connection(rude.id).isClosing)
        guard case .closed(.protocolError, _)? = rude.events.last else {
            Issue.record("\(rude.events)")
            return
        }
        let silent = fixture.agent("s")
        fixture.finish(silent.id)
        #expect(fixture.connection(silent.id).isClosing)
        #expect(fixture.gateway.counters.agents == 0)
        #expect(fixture.takeLogs("agent.lost").count == 3)
        fixture.end()
    }

    @Test func nonsenseFromAnAgentEndsNothing() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        var socket = WSConnection(.client(seed: [3]))
        for text in [
            "{", "[]", "nonsense", #"{"jsonrpc":"2.0","id":1,"method":"web.request"}"#,
            #"{"jsonrpc":"2.0","id":"web_9","result":1}"#,
        ] {
            var bytes: [UInt8] = []
            #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
            fixture.send(agent.id, bytes)
        }
        let id = fixture.visit(get("/web/a/"))
        agent.respond(try agent.request().id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }

    @Test func anAgentThatAsksAndNeverReadsTheResponsesIsCut() {
        let fixture = GatewayFixture { $0.limits.tunnel.maximumBacklog = 20_000 }
        let agent = fixture.agent()
        fixture.hold(agent.id)
        var socket = WSConnection(.client(seed: [3]))
        for _ in 0..<1_000 where !fixture.connection(agent.id).isGone {
            var bytes: [UInt8] = []
            let text = #"{"jsonrpc":"2.0","id":1,"method":"x"}"#
            #expect(socket.text(Array(text.utf8)[...], into: &bytes) == true)
            fixture.send(agent.id, bytes)
            #expect(fixture.gateway.counters.bufferedBytes < 21_000)
        }
        #expect(fixture.connection(agent.id).isAborted)
        fixture.end()
    }

    @Test func statusUpdatesChangeWhatIsShownAndServed() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        agent.session.update(StatusUpdate(status: "busy", model: "m2", servesWeb: false))
        agent.flush()
        let description = try #require(fixture.gateway.agentRecords.first?.description)
        #expect(description.status == "busy" && description.model == "m2" && !description.servesWeb)
        #expect(try fixture.get("/web/a/").errorCode == "no-web-service")
        let unregistered = fixture.dial(query: "agentId=b")
        unregistered.session.update(StatusUpdate(status: "ghost"))
        unregistered.flush()
        #expect(fixture.gateway.agentRecords.count == 1)
        fixture.end()
    }

    // MARK: Draining

    @Test func drainingLetsWhatIsInFlightFinishAndClosesTheRest() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let busy = fixture.visit(get("/web/a/"))
        let streaming = fixture.visit(get("/web/a/"))
        let idle = fixture.visit(get("/healthz"))
        let request = try agent.request()
        let stream = try agent.request()
        agent.begin(stream.id)
        agent.send(stream.id, "a")
        fixture.tell(.drain(within: .seconds(30)))
        #expect(agent.has(.drain(within: .seconds(30))))
        #expect(
            !fixture.connection(idle).isClosing && !fixture.connection(busy).isClosing
                && !fixture.connection(streaming).isClosing)
        fixture.wait(.seconds(1))
        #expect(
            fixture.connection(idle).isClosing && !fixture.connection(busy).isClosing
                && !fixture.connection(streaming).isClosing)
        let unregistered = fixture.visit(GatewayFixture.handshake("agentId=late"))
        #expect(try fixture.expectResponse(unregistered).errorCode == "overloaded")
        agent.respond(request.id, 200, HTTPFields(), "done")
        #expect(try fixture.expectResponse(busy).fields[.connection] == "close")
        #expect(!fixture.hasDrained)
        agent.send(stream.id, "b", end: true)  // its head promised to keep the connection
        #expect(try fixture.expectResponse(streaming).text == "ab")
        fixture.send(streaming, get("/web/a/"))
        agent.respond(try agent.request().id, 200, HTTPFields(), "more")
        let last = try fixture.expectResponse(streaming)
        #expect(last.text == "more" && last.fields[.connection] == "close")
        #expect(fixture.connection(streaming).isClosing)
        #expect(fixture.hasDrained)
        #expect(agent.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        fixture.tell(.drain(within: .seconds(1)))
        fixture.end()
    }

    @Test func whatIsStillThereAtTheEndOfADrainIsCut() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        _ = try agent.request()
        fixture.tell(.drain(within: .seconds(3)))
        fixture.wait(.seconds(2))
        #expect(!fixture.hasDrained)
        fixture.wait(.seconds(1))
        #expect(fixture.connection(id).isAborted && fixture.connection(agent.id).isGone)
        #expect(fixture.hasDrained)
        fixture.end()
    }

    @Test func anEmptyGatewayDrainsAtOnce() {
        let fixture = GatewayFixture()
        fixture.tell(.drain(within: .seconds(30)))
        #expect(fixture.hasDrained)
        fixture.end()
    }

    @Test func whoIsBeingRefusedWhenADrainBeginsDoesNotHoldItUp() throws {
        let fixture = GatewayFixture()
        let id = fixture.visit("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc")
        #expect(try fixture.expectResponse(id).status == 404)
        fixture.tell(.drain(within: .seconds(30)))
        fixture.send(id, "de")
        #expect(!fixture.connection(id).isClosing && !fixture.hasDrained)
        fixture.wait(.seconds(1))
        #expect(fixture.connection(id).isClosing && fixture.hasDrained)
        fixture.end()
    }

    @Test func anAgentThatRegistersAfterTheNoticeLeavesTheOldTunnelAlone() throws {
        let fixture = GatewayFixture()
        let old = fixture.agent()
        let visitor = fixture.visit(get("/web/a/"))
        let request = try old.request()
        let new = fixture.dial()
        fixture.tell(.drain(within: .seconds(30)))
        new.register(AgentDescription(agentID: "a"))
        #expect(!fixture.connection(old.id).isClosing && !fixture.connection(new.id).isClosing)
        old.respond(request.id, 200, HTTPFields(), "whole")
        #expect(try fixture.expectResponse(visitor).text == "whole")
        fixture.end()
    }

    @Test func aVersionOneAgentIsSentAwayWhenNothingOfItIsInFlight() throws {
        let fixture = GatewayFixture()
        let idle = fixture.agent("i", .v1)
        let busy = fixture.agent("b", .v1)
        let visitor = fixture.visit(get("/web/b/"))
        let request = try busy.request()
        fixture.tell(.drain(within: .seconds(30)))
        #expect(idle.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        #expect(!fixture.connection(busy.id).isClosing)
        busy.respond(request.id, 200, HTTPFields(), "whole")
        #expect(try fixture.expectResponse(visitor).text == "whole")
        #expect(busy.events.last == .closed(.serviceRestart, reason: "the gateway stops"))
        #expect(fixture.hasDrained)
        fixture.end()
    }

    // MARK: Reconfiguring

    @Test func aNewConfigurationHoldsAtOnce() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        var configuration = GatewayConfiguration()
        configuration.web.authTokens = ["t"]
        configuration.web.pathPrefix = "/x"
        fixture.tell(.reconfigure(configuration))
        #expect(try fixture.get("/web/a/").errorCode == "not-found")
        #expect(try fixture.get("/x/a/").errorCode == "unauthorized")
        let id = fixture.visit(get("/x/a/", "Authorization: Bearer t\r\n"))
        agent.respond(try agent.request().id)
        #expect(try fixture.expectResponse(id).status == 200)
        fixture.end()
    }
}
