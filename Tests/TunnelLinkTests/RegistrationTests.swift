// What an agent says of itself, and what a gateway says to it beside web traffic.

import HTTPCodec
import RPCCore
import Testing

@testable import TunnelLink

@Suite struct RegistrationTests {
    @Test func versionsAreNamedOfferedAndOrdered() {
        #expect(TunnelVersion.offer(upTo: .v1) == "miagent.v1")
        #expect(TunnelVersion.offer(upTo: .v2) == "miagent.v1, miagent.v2")
        #expect(TunnelVersion(subprotocol: "miagent.v1") == .v1)
        #expect(TunnelVersion(subprotocol: "miagent.v2") == .v2)
        for name in ["miagent.v3", "miagent", "MIAGENT.V1", " miagent.v1", ""] {
            #expect(TunnelVersion(subprotocol: name) == nil, "\(name)")
        }
        #expect(TunnelVersion.v1 < .v2)
    }

    @Test func idsAreShortAndPlain() {
        let longest = String(repeating: "a", count: 64)
        for id in ["a", "Z", "0", "my-agent", "a.b_c-d", "-", "_", "a..b", "a.", longest] {
            #expect(AgentDescription.isValidID(id), "\(id)")
        }
        for id in ["", ".", ".a", longest + "a", "a b", "a/b", "a%2fb", "é", "a\u{301}", "a\0", "a\n", "１", "@", "[", "`", "{"]
        {
            #expect(!AgentDescription.isValidID(id), "\(id)")
        }
    }

    @Test(arguments: TunnelVersion.allCases) func registrationReadsAsDocumented(version: TunnelVersion) throws {
        var peer = RawPeer(of: agentRole, version)
        var description = AgentDescription(
            agentID: "pi", type: "pi-coding", host: "VM-0-17", model: "minimax/M2.7", status: "busy", version: "1.0")
        peer.session.register(description)
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"pi","type":"pi-coding","host":"VM-0-17",\
                "model":"minimax/M2.7","status":"busy","version":"1.0","webService":{"enabled":true}}}
                """)
        description.token = "s3cret"
        description.servesWeb = false
        peer.session.register(description)
        let received = peer.receivedText()
        let text = try #require(received)
        #expect(text.hasSuffix(#""webService":{"enabled":false},"token":"s3cret"}}"#))
        description.wantsInspection = true
        peer.session.register(description)
        #expect(peer.receivedText()?.hasSuffix(#""token":"s3cret","inspect":true}}"#) == true)
    }

    @Test func theGatewayLearnsWhatTheAgentSays() {
        var pair = Pair(.v2, largestCut: 7)
        var description = AgentDescription(
            agentID: "a", type: "t", host: "h", model: "mödel", status: "s", version: "v", servesWeb: false, token: "k")
        description.wantsInspection = true
        pair.agent.session.register(description)
        pair.settle()
        #expect(pair.gateway.received == [.register(.integer(1), description)])
        let welcome = Welcome(
            sessionID: "s1", webURL: "http://gw/web/a/", ping: .seconds(7), initialWindow: 70_000, maximumStreams: 9)
        pair.gateway.session.welcome(.integer(1), welcome)
        pair.settle()
        #expect(pair.agent.received == [.welcome(welcome)])
        pair.agent.session.adopt(welcome)
        #expect(pair.agent.session.limits.initialWindow == 70_000)
        #expect(pair.agent.session.limits.maximumStreams == 9)
        #expect(pair.isClean)
    }

    @Test func theWelcomeReadsAsDocumented() {
        var peer = RawPeer(of: .gateway, .v2)
        let welcome = Welcome(
            sessionID: "s1", webURL: "http://gw/web/a/", ping: .seconds(20), initialWindow: 262_144, maximumStreams: 256)
        peer.session.welcome(.integer(1), welcome)
        #expect(
            peer.receivedText() == """
                {"jsonrpc":"2.0","id":1,"result":{"sessionId":"s1","webUrl":"http://gw/web/a/","pingMs":20000,\
                "initialWindow":262144,"maxStreams":256}}
                """)
    }

    @Test func aWelcomeThatLeavesThingsOutKeepsWhatWasSo() {
        for result in ["{}", "true", "null", #"{"pingMs":0}"#, #"{"initialWindow":-1}"#, #"{"maxStreams":"many"}"#] {
            var peer = RawPeer(of: agentRole, .v2)
            peer.session.register(AgentDescription(agentID: "a"))
            let events = peer.say(#"{"jsonrpc":"2.0","id":1,"result":\#(result)}"#)
            let limits = TunnelLimits()
            let welcome = Welcome(
                sessionID: "", webURL: "", ping: .seconds(20), initialWindow: limits.initialWindow,
                maximumStreams: limits.maximumStreams)
            #expect(events == [.welcome(welcome)], "\(result)")
        }
    }

    @Test func aGatewayThatAllowsMoreStreamsDoesNotMakeTheAgentAllowThem() {
        var session = TunnelSession(agentRole, version: .v2)
        session.adopt(Welcome(sessionID: "", webURL: "", ping: .seconds(1), initialWindow: 1, maximumStreams: 1_000_000))
        #expect(session.limits.maximumStreams == TunnelLimits().maximumStreams)
    }

    @Test func aRefusalIsTold() {
        var pair = Pair(.v1)
        pair.agent.session.register(AgentDescription(agentID: "a"))
        pair.settle()
        let failure = TunnelFailure.unauthorized.failure("the token is wrong")
        pair.gateway.session.refuse(.integer(1), failure)
        pair.settle()
        #expect(pair.agent.received == [.refused(failure)])
        #expect(failure.code == -32001)
        #expect(pair.isClean)
    }

    @Test func aResponseToNoRegistrationOrASecondOneIsIgnored() {
        var peer = RawPeer(of: agentRole, .v2)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"result":{}}"#).isEmpty)
        peer.session.register(AgentDescription(agentID: "a"))
        #expect(peer.say(#"{"jsonrpc":"2.0","id":"1","result":{}}"#).isEmpty)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"result":{}}"#).count == 1)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"result":{}}"#).isEmpty)
        #expect(peer.say(#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"late"}}"#).isEmpty)
    }

    @Test func statusUpdatesCarryOnlyWhatChanged() {
        var agent = RawPeer(of: agentRole, .v2)
        agent.session.update(StatusUpdate(status: "busy"))
        #expect(agent.receivedText() == #"{"jsonrpc":"2.0","method":"agent.status","params":{"status":"busy"}}"#)
        agent.session.update(StatusUpdate(model: "m", servesWeb: true))
        let text = agent.receivedText()
        #expect(text == #"{"jsonrpc":"2.0","method":"agent.status","params":{"model":"m","webService":{"enabled":true}}}"#)
        var gateway = RawPeer(of: .gateway, .v2)
        #expect(gateway.say(text ?? "") == [.status(StatusUpdate(model: "m", servesWeb: true))])
        #expect(gateway.say(#"{"jsonrpc":"2.0","method":"agent.status","params":{}}"#) == [.status(StatusUpdate())])
        #expect(gateway.say(#"{"jsonrpc":"2.0","method":"agent.status","params":{"status":1}}"#).isEmpty)
        #expect(gateway.received().isEmpty)
    }

    @Test func drainIsANotificationWithATime() {
        var gateway = RawPeer(of: .gateway, .v2)
        gateway.session.drain(within: .milliseconds(1_500))
        let text = gateway.receivedText()
        #expect(text == #"{"jsonrpc":"2.0","method":"gateway.drain","params":{"withinMs":1500}}"#)
        var agent = RawPeer(of: agentRole, .v2)
        #expect(agent.say(text ?? "") == [.drain(within: .milliseconds(1_500))])
        #expect(agent.say(#"{"jsonrpc":"2.0","method":"gateway.drain"}"#) == [.drain(within: .zero)])
        #expect(agent.say(#"{"jsonrpc":"2.0","method":"gateway.drain","params":{"withinMs":-1}}"#).isEmpty)
        #expect(gateway.say(text ?? "").isEmpty)
    }

    @Test func anIdMayComeFromTheURLAlone() {
        var peer = RawPeer(of: .gateway, .v1)
        peer.session.agentIDInURL = "from-url"
        let events = peer.say(#"{"jsonrpc":"2.0","id":"r","method":"agent.register","params":{"type":"t"}}"#)
        #expect(events == [.register(.string("r"), AgentDescription(agentID: "from-url", type: "t"))])
    }

    @Test func theWebServiceIsOnUnlessTheAgentSaysOtherwise() {
        let cases = [
            ("", true), (#","webService":{}"#, true), (#","webService":{"enabled":true}"#, true),
            (#","webService":{"enabled":false}"#, false), (#","webService":null"#, false),
            (#","webService":{"port":4173}"#, true),
        ]
        for (member, expected) in cases {
            var peer = RawPeer(of: .gateway, .v2)
            let events = peer.say(#"{"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"a"\#(member)}}"#)
            #expect(events == [.register(.integer(1), AgentDescription(agentID: "a", servesWeb: expected))], "\(member)")
        }
    }

    @Test func whatIsShownOnAPageIsCutHoweverItIsMade() throws {
        let plain = String(repeating: "x", count: 5_000)
        let combining = "e" + String(repeating: "\u{301}", count: 50_000)
        for text in [plain, combining] {
            var peer = RawPeer(of: .gateway, .v2)
            let events = peer.say(
                """
                {"jsonrpc":"2.0","id":1,"method":"agent.register","params":{"agentId":"a","type":"\(text)","host":"\(text)"}}
                """)
            guard case .register(_, let description)? = events.first else {
                Issue.record("not registered: \(events.count)")
                continue
            }
            #expect((1...200).contains(description.type.unicodeScalars.count))
            #expect((1...200).contains(description.host.unicodeScalars.count))
            let updates = peer.say(#"{"jsonrpc":"2.0","method":"agent.status","params":{"model":"\#(text)"}}"#)
            guard case .status(let update)? = updates.first else {
                Issue.record("no update")
                continue
            }
            #expect((1...200).contains(update.model?.unicodeScalars.count ?? 0))
        }
    }
}
