// What hosts of one program send each other, as the loops of a daemon do: messages, and connections with a message that tells
// of them. What the messages are is for the test that knows the machine.

import MachineCore

/// Messages and connections on their way between the hosts of one program, each known by its number. They arrive in order.
public final class LoopMail<M: Machine> {
    /// `deliverUnlessHeld` delivers nothing.
    public var isHeld = false
    /// A connection that is to move turns out to have ended.
    public var losesConnections = false
    /// How often a connection changed hosts.
    public private(set) var moves = 0
    private let hosts: [Host<M>]
    private let schedule: ((@escaping () -> Void) -> Void)?
    private var letters: [() -> Void] = []

    /// Mail between these. What `schedule` is given is to be done later; without it, letters wait for `deliver`.
    public init(between hosts: [Host<M>], schedule: ((@escaping () -> Void) -> Void)? = nil) {
        self.hosts = hosts
        self.schedule = schedule
    }

    /// A message is on its way.
    public func post(_ message: M.Message, to number: Int) {
        post { [host = hosts[number]] in host.send(message) }
    }

    /// A message to all hosts but one is on its way.
    public func post(_ message: M.Message, toAllBut sender: Int) {
        for number in hosts.indices where number != sender { post(message, to: number) }
    }

    /// A connection is on its way, and `message` tells of it under its id there. False: it has ended, or is about to.
    public func move(
        _ id: ConnectionID, from sender: Int, to number: Int, as message: @escaping (ConnectionID) -> M.Message
    ) -> Bool {
        guard !losesConnections, let detached = hosts[sender].detachConnection(id) else { return false }
        post { [self, host = hosts[number]] in
            moves += 1
            host.send(message(host.adopt(detached)))
            host.resume(detached)
        }
        return true
    }

    private func post(_ letter: @escaping () -> Void) {
        if let schedule { schedule(letter) } else { letters.append(letter) }
    }

    /// All that is on its way arrives, but not what is sent meanwhile.
    public func deliver() {
        let due = letters
        letters = []
        for letter in due { letter() }
    }

    /// The same, unless it is held.
    public func deliverUnlessHeld() {
        if !isHeld { deliver() }
    }
}
