// Trailers on their way through: they carry nothing that belongs into a head (RFC 9110 §6.5.1).

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import GatewayKit

@Suite struct TrailerTests {
    /// What no trailer section may say, to either side.
    private static let forbidden = [
        "X-Miagent-Error", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
        "Content-Length", "Content-Type", "Content-Encoding", "Content-Range", "Host", "Authorization", "Set-Cookie",
        "Location",
    ]

    @Test(arguments: forbidden) func aResponsesTrailersCarryNothingThatBelongsIntoAHead(name: String) throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let id = fixture.visit(get("/web/a/"))
        let request = try agent.request()
        agent.begin(request.id)
        let trailers = fields((name, "5"), ("X-Sum", "1"), ("X-Miagent-Error", "forged"))
        agent.send(request.id, Array("abc".utf8), end: true, trailers: trailers)
        let response = try fixture.expectResponse(id)
        #expect(response.text == "abc" && response.trailers.count == 1 && response.trailers["x-sum"] == "1")
        #expect(!fixture.connection(id).isClosing)
        fixture.end()
    }

    @Test func whatConnectionNamesInTrailersGoesToo() {
        let trailers = HeaderRules.trailersToVisitor(fields(("Connection", "x-hop"), ("X-Hop", "1"), ("X-Sum", "2")))
        #expect(trailers == fields(("X-Sum", "2")))
    }

    @Test func aRequestsTrailersDoNotPretendToComeFromAProxy() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        _ = fixture.visit(
            "POST /web/a/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "1\r\na\r\n0\r\nX-Forwarded-For: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Sum: 7\r\n\r\n")
        let request = try agent.request()
        #expect(agent.has(.end(request.id, trailers: fields(("x-sum", "7")))))
        fixture.end()
    }
}
