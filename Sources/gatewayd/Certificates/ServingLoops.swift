// The loops that serve, as who sees to certificates needs them: all of them at once.

import GatewayKit
import MachineCore
import SocketKit
import Synchronization
import X509

/// All loops of the gateway. Any thread may use it.
struct ServingLoops: Sendable {
    let mailboxes: [Mailbox<GatewayMessage>]
    let tls: ListenerTLS

    /// Has `action` called on each loop, behind what was left for it before, and then `done` with the first failure, on the
    /// last loop's thread.
    func perform(
        _ action: @escaping @Sendable (SocketLoop) throws(TLSError) -> Void, done: @escaping @Sendable (TLSError?) -> Void
    ) {
        let arrivals = Arrivals(of: mailboxes.count)
        for mailbox in mailboxes {
            mailbox.perform { loop in
                var failure: TLSError?
                do throws(TLSError) { try action(loop) } catch { failure = error }
                if let outcome = arrivals.arrive(failure) { done(outcome.failure) }
            }
        }
    }

    /// Gives all loops a message.
    func post(_ message: GatewayMessage) {
        for mailbox in mailboxes { mailbox.post(message) }
    }
}

/// Waits for several threads.
private final class Arrivals: Sendable {
    struct Outcome: Sendable {
        var remaining: Int
        var failure: TLSError?
    }

    private let outcome: Mutex<Outcome>

    init(of count: Int) { outcome = Mutex(Outcome(remaining: count)) }

    /// What all have come to, for the last.
    func arrive(_ failure: TLSError?) -> Outcome? {
        outcome.withLock { outcome in
            outcome.remaining -= 1
            outcome.failure = outcome.failure ?? failure
            return outcome.remaining == 0 ? outcome : nil
        }
    }
}
