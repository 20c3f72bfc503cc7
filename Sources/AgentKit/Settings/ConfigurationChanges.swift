// What a configuration comes to at the gateway, and what other settings mean for a running agent. What a request or a handshake
// asks for is asked of the new ones from then on; what is under way is finished as it began. Only what the gateway was told at
// the registration, or where it is, needs another connection.

import TunnelLink

extension AgentConfiguration {
    /// What the gateway is told at the registration: with a version in any case.
    var filledDescription: AgentDescription {
        var description = description
        if description.version.isEmpty { description.version = Self.programVersion }
        return description
    }

    /// What one tunnel holds at most.
    var tunnelLimits: TunnelLimits {
        var limits = limits
        limits.maximumStreams = maximumExchanges
        limits.maximumHeld = maximumHeldBytes
        limits.maximumQueued = maximumHeldBytes
        return limits
    }

    /// Whether the gateway has to be told, or another one, in a new handshake or registration.
    func needsNewConnection(after old: AgentConfiguration) -> Bool {
        var (told, known) = (description, old.description)
        // These two can be said at any time.
        (told.model, known.model) = ("", "")
        (told.servesWeb, known.servesWeb) = (true, true)
        return gateway != old.gateway || told != known || highestVersion != old.highestVersion
    }
}

extension StatusUpdate {
    /// What an agent that was `old` says when it is `new`; nil: nothing has changed.
    init?(_ old: AgentDescription, _ new: AgentDescription) {
        guard old.model != new.model || old.servesWeb != new.servesWeb else { return nil }
        self.init()
        model = new.model
        servesWeb = new.servesWeb
    }
}
