// What every component of one loop reads and none changes: the settings in force, what is worked out of them once so that a
// request only looks it up, the clock, and which of the gateway's loops this is. New settings make a new environment.

import MachineCore
import TunnelLink

final class Environment: Sendable {
    let configuration: GatewayConfiguration
    let clock: WallClock
    /// Which of the loops this is, counted from 0, and how many there are.
    let loop: Int
    let loopCount: Int
    /// When the gateway started, in seconds since 1970.
    let startedAt: Int64
    let router: Router
    let upgrades: UpgradeRules
    let forwarding: ForwardingPolicy
    let access: AccessPolicies

    init(_ configuration: GatewayConfiguration, clock: WallClock, loop: Int, of loopCount: Int, startedAt: Int64) {
        self.configuration = configuration
        self.clock = clock
        self.loop = loop
        self.loopCount = loopCount
        self.startedAt = startedAt
        router = Router(configuration)
        upgrades = UpgradeRules(configuration.web.upgrades)
        forwarding = ForwardingPolicy(configuration, router)
        access = AccessPolicies(configuration)
    }

    /// The same loop under new settings.
    func with(_ configuration: GatewayConfiguration) -> Environment {
        Environment(configuration, clock: clock, loop: loop, of: loopCount, startedAt: startedAt)
    }

    /// Whether there are no other loops.
    var isAlone: Bool { loopCount == 1 }

    /// Whether the exchanges of an agent that says this of itself are recorded.
    func inspects(_ description: AgentDescription) -> Bool {
        switch configuration.inspector.mode {
        case .off: false
        case .all: true
        case .agents: access.inspects(description.agentID) ?? description.wantsInspection
        }
    }
}

/// What follows the settings.
protocol Reconfigurable: AnyObject {
    /// From now on these settings are in force.
    func reconfigure(_ environment: Environment)
}
