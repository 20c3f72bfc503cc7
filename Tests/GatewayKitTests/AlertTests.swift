// Alerts: only after a while, only once, and once more when the agent is back.

import MachineCore
import RPCCore
import Testing

@testable import GatewayKit

@Suite struct AlertTests {
    private func world(loops: Int = 1, after: Duration = .seconds(30)) -> World {
        World(loops: loops) {
            var alert = OfflineAlertConfiguration(url: "http://127.0.0.1:9/hook")
            alert.after = after
            $0.offlineAlert = alert
        }
    }

    @Test(arguments: [1, 3]) func anAgentThatStaysAwayIsAnnouncedOnceAndItsReturnOnce(loops: Int) {
        let world = world(loops: loops)
        world.agent("a").close()
        world.wait(.seconds(29))
        #expect(world.alerts.isEmpty)
        world.wait(.seconds(2))
        #expect(world.alerts.map(\.event) == [.offline])
        #expect(world.alerts.first?.record.lastSeen == worldBegins)
        world.wait(.seconds(3_600))
        #expect(world.alerts.count == 1)
        let agent = world.agent("a")
        #expect(world.alerts.map(\.event) == [.offline, .online])
        agent.close()
        world.wait(.seconds(31))
        #expect(world.alerts.map(\.event) == [.offline, .online, .offline])
        world.end()
    }

    @Test func aHiccupIsNoAlert() {
        let world = world()
        for _ in 0..<5 {
            let agent = world.agent("a")
            world.wait(.seconds(5))
            agent.close()
            world.wait(.seconds(20))
        }
        _ = world.agent("a")
        world.wait(.seconds(60))
        #expect(world.alerts.isEmpty)
    }

    @Test func aReplacedTunnelIsNoAlertNorIsOneOfSeveral() {
        let world = World {
            $0.offlineAlert = OfflineAlertConfiguration(url: "http://127.0.0.1:9/")
            $0.duplicateAgents = .balance
        }
        _ = world.agent("a")
        world.agent("a").close()
        world.wait(.seconds(5))
        #expect(world.alerts.isEmpty)
        #expect(world.gateway.nextDeadline != nil)
    }

    @Test func aGatewayThatStopsOrDoesNotAlertSaysNothing() {
        let draining = world()
        let agent = draining.agent("a")
        draining.tell(.drain(within: .seconds(60)))
        agent.close()
        draining.wait(.seconds(59))
        #expect(draining.alerts.isEmpty)
        let silent = World()
        silent.agent("a").close()
        silent.wait(.seconds(3_600))
        #expect(silent.alerts.isEmpty)
        silent.end()
    }

    @Test func theMessageIsForPeopleAndPrograms() throws {
        let world = world(after: .zero)
        world.agent("a").close()
        world.wait(.seconds(1))
        let text = String(decoding: AgentAlert.message(world.alerts, gateway: "https://gw", at: worldBegins + 1), as: UTF8.self)
        #expect(text.hasPrefix(#"{"text":"Agent a is offline since 2026-04-10T05:21:22Z.","at":"2026-04-10T05:21:23Z","#))
        #expect(text.contains(#""gateway":"https://gw","events":[{"event":"agent.offline","agentId":"a","#))
        #expect(text.contains(#""lastSeen":"2026-04-10T05:21:22Z"}]}"#))
    }
}
