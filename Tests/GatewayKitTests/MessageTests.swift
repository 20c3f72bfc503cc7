// Every error of the gateway's own as a text, and on its page in each language: whatever ends the words that stand in it, no
// two marks meet.

import Foundation
import HTTPCodec
import MachineCore
import TestSupport
import Testing
import TunnelLink
import WebConsole

@testable import GatewayKit

@Suite struct MessageTests {
    static let reasons = [
        "it broke off", "A token is needed.", "is the web service running?", "try again!", "no route to host. ",
        "127.0.0.1:1: refused;",
        "",
    ]

    /// One of each, with this text wherever there is one.
    static func errors(_ text: String) -> [GatewayError] {
        let errors: [GatewayError] = [
            .malformed(.badStartLine(text)), .malformed(.tooLarge(.startLine)), .malformed(.tooLarge(.fieldCount)),
            .methodNotAllowed(allow: "GET"), .notFound, .webServiceOff, .unknownAgent("a"),
            .noWebService("a"), .agentOffline("a"), .unauthorized, .forbidden, .crossSite, .tooManyAttempts(seconds: 3),
            .bodyTooLarge(limit: 1), .tooManyStreams("a"), .overloaded, .serviceUnreachable(text), .serviceBroken(text),
            .agentLost("a"), .serviceTimedOut(seconds: 30), .serviceTimedOut(seconds: 0), .requestTimedOut, .upgradeRequired,
            .upgradeDropped, .duplicateAgent("a"), .nameTaken("a", by: "A"), .badAgentID, .inspectorOff(text),
            .notInspected("a"), .unknownExchange,
            .badReplay(text), .replayOff, .replayCut,
        ]
        return errors
    }

    @Test(arguments: reasons) func noTwoMarksMeetInAnError(reason: String) {
        for error in Self.errors(reason) where !reason.hasSuffix(";") {
            let text = error.explanation
            #expect(gluedMarks(in: text) == nil, "\(text)")
            #expect(text.last.map { ".?!".contains($0) } == true, "\(text)")
        }
    }

    @Test(arguments: reasons) func noTwoMarksMeetOnAPage(reason: String) {
        for error in Self.errors(reason) where !reason.hasSuffix(";") {
            var view = ErrorView(status: error.status, code: error.code, explanation: error.explanation)
            view.values = error.values
            for language in Language.allCases {
                let page = String(decoding: ErrorPage.render(view, language).body, as: UTF8.self)
                let main = page.components(separatedBy: "<main").last?.components(separatedBy: "</main>").first ?? ""
                #expect(gluedMarks(in: main) == nil, "\(error.code) \(language)")
            }
        }
    }

    @Test func aMissingAndAWrongTokenReadAlikeAndTheLogTellsThem() throws {
        let fixture = GatewayFixture { $0.web.authTokens = ["good"] }
        for accept in ["", "Accept: application/json\r\n"] {
            let missing = try fixture.get("/web/a/", accept)
            let wrong = try fixture.get("/web/a/", accept + "Authorization: Bearer bad\r\n")
            #expect(missing.status == 401 && wrong.status == 401)
            #expect(missing.text == wrong.text)
            #expect(missing.text.contains("missing or wrong"))
            #expect(missing.fields["www-authenticate"] == wrong.fields["www-authenticate"])
            let lines = fixture.takeLogs("visitor.unauthorized")
            #expect(lines.map { $0.fields.last?.value } == ["no token came", "the token is wrong"])
            #expect(lines.map(\.level) == [.debug, .warning])
            #expect(lines.allSatisfy { $0.fields.first?.name == "peer" }, "what a flood of them is told apart by")
        }
        fixture.end()
    }

    @Test func theLogTellsAnAgentsMissingTokenFromAWrongOne() {
        for (token, reason) in [(nil, "no token came"), ("bad", "the token is wrong")] as [(String?, String)] {
            let fixture = GatewayFixture { $0.gatewayTokens = ["good"] }
            let agent = fixture.dial(.v2)
            agent.register(AgentDescription(agentID: "a", token: token))
            let line = fixture.takeLogs("agent.refused").first
            #expect(line?.fields.contains { $0.name == "reason" && $0.value.hasPrefix(reason) } == true)
            fixture.end()
        }
        let fixture = GatewayFixture { $0.gatewayTokens = ["good"] }
        _ = fixture.visit(GatewayFixture.handshake("agentId=a&token=bad"))
        #expect(fixture.takeLogs("agent.turned-away").first?.fields.contains { $0.value == "the token is wrong" } == true)
        fixture.end()
    }

    @Test func aHandshakeThatAProxyToreNamesItsLines() throws {
        let fixture = GatewayFixture()
        let good = GatewayFixture.handshake()
        for torn in [
            good.replacing("Connection: Upgrade", with: "Connection: close"), good.replacing("HTTP/1.1", with: "HTTP/1.0"),
            good.replacing("Upgrade: websocket\r\n", with: ""),
        ] {
            let response = try fixture.expectResponse(fixture.visit(torn))
            #expect(response.status == 426 && response.errorCode == "upgrade-required")
            for line in [
                "proxy_http_version 1.1", "proxy_set_header Upgrade", "proxy_set_header Connection", "HAProxy", "Caddy",
            ] {
                #expect(response.text.contains(line))
            }
        }
        for other in [get("/agent"), good.replacing("Version: 13", with: "Version: 8")] {
            #expect(try !fixture.expectResponse(fixture.visit(other)).text.contains("proxy"))
        }
        fixture.end()
    }

    @Test(arguments: TunnelVersion.allCases) func theRoundTripIsKnownAtOnce(version: TunnelVersion) {
        let fixture = GatewayFixture()
        let agent = fixture.dial(version, query: "agentId=a")
        agent.register(AgentDescription(agentID: "a"))
        #expect(fixture.gateway.agentRecords.first?.roundTrip != nil)
        fixture.end()
    }
}
