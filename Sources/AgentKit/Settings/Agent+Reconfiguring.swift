// Settings that change while the agent runs. What a request or a handshake asks for is asked of the new ones from then on; what is under
// way is finished as it began. Only what the gateway was told at the registration, or where it is, needs another connection.

import MachineCore
import TunnelLink

extension Agent {
    /// Takes other settings, unless nothing could run with them.
    mutating func reconfigure(_ new: AgentConfiguration) {
        if let problem = new.problem {
            return log(.error, "agent.misconfigured", .init("reason", problem))
        }
        let old = configuration
        configuration = new
        configuration.captures = old.captures
        if new.service != old.service { useService(new.service) }
        let told = StatusUpdate(old.description, new.description)
        if new.needsNewConnection(after: old) {
            description = new.description
            if description.version.isEmpty { description.version = AgentConfiguration.programVersion }
            reconnect()
        } else {
            if let told { updateStatus(told) }
            // A gateway that was out of reach, or refused the token, may do otherwise now.
            if case .backingOff = phase { redial() }
        }
    }

    private mutating func useService(_ service: LocalService) {
        services.use(service)
        downServices = []
    }

    /// Lets go of every connection to the gateway, and makes another one.
    private mutating func reconnect() {
        switch phase {
        case .stopped, .draining: return
        case .dialing, .upgrading, .registering, .serving, .backingOff: break
        }
        log(.info, "agent.reconnecting", .init("gateway", configuration.gateway.hostField))
        while let key = tunnels.first?.key { close(key, .goingAway, "settings have changed") }
        backoff.reset()
        advance(.lost(until: now, reason: "settings have changed"))
        redial()
    }
}

extension AgentConfiguration {
    /// Whether the gateway has to be told, or another one, in a new handshake or registration.
    fileprivate func needsNewConnection(after old: AgentConfiguration) -> Bool {
        var (told, known) = (description, old.description)
        // These two can be said at any time.
        (told.model, known.model) = ("", "")
        (told.servesWeb, known.servesWeb) = (true, true)
        return gateway != old.gateway || told != known || highestVersion != old.highestVersion
    }
}

extension StatusUpdate {
    /// What an agent that was `old` says when it is `new`; nil: nothing has changed.
    fileprivate init?(_ old: AgentDescription, _ new: AgentDescription) {
        guard old.model != new.model || old.servesWeb != new.servesWeb else { return nil }
        self.init()
        model = new.model
        servesWeb = new.servesWeb
    }
}
