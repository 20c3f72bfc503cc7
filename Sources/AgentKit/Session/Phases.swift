// All transitions of an agent's phase and of one tunnel's stage, and nothing else: which event means something where, and where
// it leads. What is done about it (dialling, timers, notes) stands in Session and Tunnel.
//
// An event that means nothing in a phase changes nothing: late events are no errors.

import MachineCore

/// What moves an agent from one phase to another.
enum LifeEvent: Sendable, Hashable {
    /// The host wants it to run.
    case start
    /// The wait is over, or the gateway asks for another connection.
    case dial(attempt: Int)
    /// The connection to the gateway is there, with TLS if that is wanted.
    case connected
    /// The gateway accepted the WebSocket upgrade.
    case upgraded
    /// The gateway registered the agent, or is a v1 gateway, which need not say so.
    case registered
    /// The connection is lost, was never made, or was refused.
    case lost(until: Moment, reason: String)
    /// The host asks for a drain.
    case drain
    /// It ends: the host says so, nothing is left to drain, or another agent took its place.
    case halt
}

extension AgentPhase {
    /// The phase after `event`; nil if the event means nothing in this phase.
    func after(_ event: LifeEvent) -> AgentPhase? {
        switch (self, event) {
        case (.stopped, .start), (.backingOff, .start): .dialing(attempt: 1)
        case (.dialing, .start), (.upgrading, .start), (.registering, .start), (.serving, .start), (.draining, .start): nil

        case (.backingOff, .dial(let attempt)), (.registering, .dial(let attempt)), (.serving, .dial(let attempt)):
            .dialing(attempt: attempt)
        case (.dialing, .dial), (.upgrading, .dial), (.draining, .dial), (.stopped, .dial): nil

        case (.dialing, .connected): .upgrading
        case (.upgrading, .connected), (.registering, .connected), (.serving, .connected), (.backingOff, .connected),
            (.draining, .connected), (.stopped, .connected):
            nil

        case (.upgrading, .upgraded): .registering
        case (.dialing, .upgraded), (.registering, .upgraded), (.serving, .upgraded), (.backingOff, .upgraded),
            (.draining, .upgraded), (.stopped, .upgraded):
            nil

        case (.registering, .registered): .serving
        case (.dialing, .registered), (.upgrading, .registered), (.serving, .registered), (.backingOff, .registered),
            (.draining, .registered), (.stopped, .registered):
            nil

        case (.dialing, .lost(let until, let reason)), (.upgrading, .lost(let until, let reason)),
            (.registering, .lost(let until, let reason)), (.serving, .lost(let until, let reason)):
            .backingOff(until: until, reason: reason)
        case (.backingOff, .lost), (.draining, .lost), (.stopped, .lost): nil

        case (.dialing, .drain), (.upgrading, .drain), (.registering, .drain), (.serving, .drain), (.backingOff, .drain):
            .draining
        case (.draining, .drain), (.stopped, .drain): nil

        case (.stopped, .halt): nil
        case (_, .halt): .stopped
        }
    }
}

/// How far one connection to a gateway has come.
enum TunnelStage: Sendable, Hashable, CaseIterable {
    /// A connection is being made.
    case dialing
    /// The proxy's response to CONNECT is awaited.
    case proxying
    /// The TLS handshake is under way.
    case securing
    /// The WebSocket upgrade awaits its response.
    case upgrading
    /// There is a session, and the gateway has not said welcome.
    case registering
    /// Requests come.
    case serving
    /// Nothing comes and nothing goes any more.
    case over

    /// What moves a tunnel from one stage to another.
    enum Event: Sendable, Hashable, CaseIterable {
        /// The connection to the proxy is there.
        case proxyReached
        /// The connection is there, and TLS is begun on it.
        case reached
        /// The connection is there, with TLS if that is wanted.
        case opened
        /// The gateway accepted the upgrade.
        case upgraded
        /// The gateway registered the agent, or is a v1 gateway, which need not say so.
        case registered
        /// The connection is given up, or gone.
        case ended
    }

    /// The stage after `event`; nil if the event means nothing in this stage.
    func after(_ event: Event) -> TunnelStage? {
        switch (self, event) {
        case (.dialing, .proxyReached): .proxying
        case (.dialing, .reached), (.proxying, .reached): .securing
        case (.dialing, .opened), (.proxying, .opened), (.securing, .opened): .upgrading
        case (.upgrading, .upgraded): .registering
        case (.registering, .registered): .serving
        case (.over, _): nil
        case (_, .ended): .over

        case (.dialing, .upgraded), (.dialing, .registered): nil
        case (.proxying, .proxyReached), (.proxying, .upgraded), (.proxying, .registered): nil
        case (.securing, .proxyReached), (.securing, .reached), (.securing, .upgraded), (.securing, .registered): nil
        case (.upgrading, .proxyReached), (.upgrading, .reached), (.upgrading, .opened), (.upgrading, .registered): nil
        case (.registering, .proxyReached), (.registering, .reached), (.registering, .opened), (.registering, .upgraded): nil
        case (.serving, .proxyReached), (.serving, .reached), (.serving, .opened), (.serving, .upgraded),
            (.serving, .registered):
            nil
        }
    }
}
