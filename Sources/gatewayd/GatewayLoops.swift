// The gateway's loops as threads: the first is the caller's, the others have threads of their own. What they share is here: who
// has which mailbox, written once before any of them runs, and how many still do.
//
// A loop that fails ends all: the caller's `run` throws what it failed with.

import Dispatch
import GatewayKit
import MachineCore
import SocketKit
import Synchronization

final class GatewayLoops: Sendable {
    typealias Box = Mailbox<GatewayMessage>

    private let settings: GatewayDaemonSettings
    private let tls: ListenerTLS
    private let clock: WallClock
    private let endpoints: [Endpoint]
    private let mailboxes: Mutex<[Box?]>
    /// Left by each loop that has put its mailbox there, or never will.
    private let isComplete = DispatchGroup()
    private let running: Atomic<Int>
    private let failure = Mutex<SocketError?>(nil)

    /// The loops beside `first`, which listens on `endpoints`; all of them have mailboxes when this returns.
    init(
        _ settings: GatewayDaemonSettings, _ tls: ListenerTLS, _ clock: WallClock, first: GatewayLoop, on endpoints: [Endpoint]
    ) throws(SocketError) {
        self.settings = settings
        self.tls = tls
        self.clock = clock
        self.endpoints = endpoints
        mailboxes = Mutex([first.runner.mailbox] + Array(repeating: nil, count: settings.loops - 1))
        running = Atomic(settings.loops)
        let others = 1..<max(1, settings.loops)
        for _ in others { isComplete.enter() }  // all, before any can leave
        for index in others {
            // A queue of its own is a thread of its own for as long as the loop runs.
            DispatchQueue(label: "gatewayd.loop-\(index)").async { self.runOther(index) }
        }
        isComplete.wait()
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    /// Sends it to every loop.
    func post(_ message: GatewayMessage) {
        for mailbox in all { mailbox.post(message) }
    }

    /// Has every loop do it, on its thread.
    func perform(_ action: @escaping @Sendable (SocketLoop) -> Void) {
        for mailbox in all { mailbox.perform(action) }
    }

    /// Runs the first loop, until all have drained or the runner is stopped.
    func run(_ first: GatewayLoop) throws(SocketError) {
        try first.run(beside: all, on: endpoints) { _ in self.leave() }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    /// The mailboxes of all loops that are there.
    var all: [Box] { mailboxes.withLock { $0.compactMap { $0 } } }

    private func runOther(_ index: Int) {
        guard let loop = join(index) else { return }
        isComplete.wait()
        let all = all
        guard all.count == settings.loops else { return }
        do {
            try loop.run(beside: all, on: endpoints) { $0.stop() }
            leave()
        } catch {
            fail(error)
        }
    }

    private func join(_ index: Int) -> GatewayLoop? {
        defer { isComplete.leave() }
        do throws(SocketError) {
            let loop = try GatewayLoop(index, settings, tls, clock)
            mailboxes.withLock { $0[index] = loop.runner.mailbox }
            return loop
        } catch {
            fail(error)
            return nil
        }
    }

    private func fail(_ error: SocketError) {
        failure.withLock { $0 = error }
        all.first?.stop()
    }

    /// A loop has drained; after the last, the first one stops.
    private func leave() {
        if running.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { all.first?.stop() }
    }
}
