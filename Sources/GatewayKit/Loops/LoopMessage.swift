// The messages between the loops of one gateway (Docs/Decisions/0007). A host that runs several carries these values from one
// to another and need not know what is in them.

import HTTPCodec
import MachineCore

/// A message from another loop.
public struct LoopMessage: Sendable {
    package enum Content: Sendable {
        /// A visitor's connection came from another loop, and has this id here.
        case adopt(ConnectionID, MovedVisitor)
        /// A connection that was to move could not: it had ended already.
        case moveFailed
        /// A broadcast of the loop with this number.
        case broadcast(LoopBroadcast, from: Int)
        /// To loop 0: what the loop with this number did.
        case report(LoopReport, from: Int)
    }

    package let content: Content

    package init(_ content: Content) { self.content = content }
}

/// A message for other loops.
public struct LoopNote: Sendable {
    package enum Content: Sendable {
        /// Hand this connection to the loop with that number, as `adopt`; if it has ended already, reply with `moveFailed`.
        case move(ConnectionID, MovedVisitor, toLoop: Int)
        /// For all other loops, each of which is to get it after all that it was sent before.
        case broadcast(LoopBroadcast)
        /// For loop 0.
        case report(LoopReport)
    }

    package let content: Content

    package init(_ content: Content) { self.content = content }
}

/// What a loop broadcasts to all others.
package enum LoopBroadcast: Sendable {
    /// What the sender knows of an agent of its own; nil: it has forgotten it.
    case agent(id: String, AgentRecord?)
    /// How many connections the sender has.
    case counts(ConnectionCounts)
    /// How many connections the sender has of an address.
    case connections(NetworkAddress, Int)
    /// Wrong tokens that came from addresses to the sender.
    case attempts([AddressUse])
    /// Requests that came from addresses to the sender.
    case requests([AddressUse])
}

/// The connections of one loop.
package struct ConnectionCounts: Sendable, Hashable {
    /// Visitors that it accepted, less those that ended on it: negative where most came from other loops.
    var visitors = 0
    /// Connections of agents.
    var agents = 0
    /// It accepts no more connections.
    var isDraining = false

    /// Visitors and agents.
    var connections: Int { visitors + agents }
}

/// A visitor's connection between two loops, with the request that it is to go on with.
package struct MovedVisitor: Sendable {
    /// What it is moved for.
    enum Reason: Sendable {
        /// That loop owns the agent.
        case web(PendingRequest)
        /// One of the gateway's own addresses is served there.
        case own(VisitorRequest, OwnRoute)
        /// An agent's handshake: that loop owns its agent, or loop 0 is to say which does.
        case handshake(VisitorRequest, isAtOwningLoop: Bool)
    }

    let state: VisitorState
    let reason: Reason
}
