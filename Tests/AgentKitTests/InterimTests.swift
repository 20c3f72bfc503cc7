// Interim responses, from the service into the tunnel, and who responds to `Expect: 100-continue`.

import HTTPCodec
import MachineCore
import Testing
import TunnelLink

@testable import AgentKit

@Suite struct InterimTests {
    @Test func interimResponsesArePassedOn() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let stream = try fixture.request(gateway, "GET", "/")
        let service = try fixture.accept()
        fixture.reply(
            service,
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nHTTP/1.1 110 Unheard Of\r\n\r\n"
                + "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        let response = fixture.response(gateway, stream)
        #expect(response.interim.map(\.status) == [103, 102])
        #expect(response.interim.first?.fields.map(\.nameString) == ["link"])
        #expect(response.head?.status == 200 && response.text == "ok")
        fixture.expectNothingLeft()
    }

    @Test func theServiceIsAskedAboutTheBodyAndIts100GoesBack() throws {
        var (fixture, gateway) = try AgentFixture.serving()
        let fields = [("expect", "100-continue"), ("content-length", "3")]
        let stream = try fixture.request(gateway, "POST", "/", fields: fields, body: "", isWhole: false)
        let service = try fixture.accept()
        #expect(fixture.readText(service).contains("\r\nexpect: 100-continue\r\n"))
        fixture.reply(service, "HTTP/1.1 100 Continue\r\n\r\n")
        #expect(fixture.response(gateway, stream).interim == [WebInformational(status: 100)])
        _ = fixture.gateways[gateway]?.session.send(Array("abc".utf8)[...], on: stream, end: true)
        fixture.talk()
        #expect(fixture.readText(service) == "abc")
        fixture.reply(service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        #expect(fixture.response(gateway, stream).head?.status == 200)
        fixture.expectNothingLeft()
    }

    @Test func aHandlerWantsEveryBody() throws {
        var (fixture, gateway) = try AgentFixture.serving(.sample(service: .handler))
        let stream = try fixture.request(gateway, "POST", "/", fields: [("expect", "100-continue")], body: "", isWhole: false)
        #expect(fixture.response(gateway, stream).interim == [WebInformational(status: 100)])
        fixture.send(.stop)
        fixture.expectNothingLeft()
    }
}
