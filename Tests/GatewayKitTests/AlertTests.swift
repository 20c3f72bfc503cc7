// Alerts: only after a while, only once, and once more when the agent is back.

import MachineCore
import RPCCore
import Testing

@testable import GatewayKit

@Suite struct AlertTests {
    private func fixture(loops: Int = 1, after: Duration = .seconds(30)) -> GatewayFixture {
        GatewayFixture(loops: loops) {
            var alert = OfflineAlertConfiguration(url: "http://127.0.0.1:9/hook")
            alert.after = after
            $0.offlineAlert = alert
        }
    }

    @Test(arguments: [1, 3]) func anAgentThatStaysAwayIsAnnouncedOnceAndItsReturnOnce(loops: Int) {
        let fixture = fixture(loops: loops)
        fixture.agent("a").close()
        fixture.wait(.seconds(29))
        #expect(fixture.alerts.isEmpty)
        fixture.wait(.seconds(2))
        #expect(fixture.alerts.map(\.event) == [.offline])
        #expect(fixture.alerts.first?.record.lastSeen == simulationStart)
        fixture.wait(.seconds(3_600))
        #expect(fixture.alerts.count == 1)
        let agent = fixture.agent("a")
        #expect(fixture.alerts.map(\.event) == [.offline, .online])
        agent.close()
        fixture.wait(.seconds(31))
        #expect(fixture.alerts.map(\.event) == [.offline, .online, .offline])
        fixture.end()
    }

    @Test func aHiccupIsNoAlert() {
        let fixture = fixture()
        for _ in 0..<5 {
            let agent = fixture.agent("a")
            fixture.wait(.seconds(5))
            agent.close()
            fixture.wait(.seconds(20))
        }
        _ = fixture.agent("a")
        fixture.wait(.seconds(60))
        #expect(fixture.alerts.isEmpty)
    }

    @Test func aReplacedTunnelIsNoAlertNorIsOneOfSeveral() {
        let fixture = GatewayFixture {
            $0.offlineAlert = OfflineAlertConfiguration(url: "http://127.0.0.1:9/")
            $0.duplicateAgents = .balance
        }
        _ = fixture.agent("a")
        fixture.agent("a").close()
        fixture.wait(.seconds(5))
        #expect(fixture.alerts.isEmpty)
        #expect(fixture.gateway.nextDeadline != nil)
    }

    @Test func aGatewayThatStopsOrDoesNotAlertSaysNothing() {
        let draining = fixture()
        let agent = draining.agent("a")
        draining.tell(.drain(within: .seconds(60)))
        agent.close()
        draining.wait(.seconds(59))
        #expect(draining.alerts.isEmpty)
        let silent = GatewayFixture()
        silent.agent("a").close()
        silent.wait(.seconds(3_600))
        #expect(silent.alerts.isEmpty)
        silent.end()
    }

    @Test func theMessageIsForPeopleAndPrograms() throws {
        let fixture = fixture(after: .zero)
        fixture.agent("a").close()
        fixture.wait(.seconds(1))
        let text = String(
            decoding: AgentAlert.message(fixture.alerts, gateway: "https://gw", at: simulationStart + 1), as: UTF8.self)
        #expect(text.hasPrefix(#"{"text":"Agent a is offline since 2026-04-10T05:21:22Z.","at":"2026-04-10T05:21:23Z","#))
        #expect(text.contains(#""gateway":"https://gw","events":[{"event":"agent.offline","agentId":"a","#))
        #expect(text.contains(#""lastSeen":"2026-04-10T05:21:22Z"}]}"#))
    }
}
