// The inspector that `--inspect` opens on this machine: InspectorKit's server on a loop and a thread of its own, so that its
// work does not delay the tunnel. It and the agent exchange messages by their mailboxes alone.

import AgentKit
import Dispatch
import InspectorKit
import MachineCore
import SocketKit
import Synchronization

final class LocalInspector: Sendable {
    /// Where to listen, and how much memory exchanges may take.
    struct Settings: Sendable {
        var endpoint: Endpoint
        var memoryMiB: Int
    }

    private typealias Box = Mailbox<InspectorServer.Message>

    private let settings: Settings
    private let agent: Mailbox<AgentMessage>
    private let log: LogWriter
    /// Set once, before `init` returns.
    private let start = Mutex<Result<(address: String, box: Box), SocketError>?>(nil)

    /// An inspector called `title` that listens. Fails if it cannot.
    init(_ settings: Settings, title: String, agent: Mailbox<AgentMessage>, log: LogWriter) throws(SocketError) {
        self.settings = settings
        self.agent = agent
        self.log = log
        let isStarted = DispatchSemaphore(value: 0)
        // A queue of its own is a thread of its own for as long as the loop runs.
        DispatchQueue(label: "agentd.inspector").async { self.serve(title, isStarted) }
        isStarted.wait()
        if case .failure(let error) = start.withLock({ $0 }) { throw error }
    }

    /// Where a browser finds it.
    var address: String { (try? start.withLock({ $0 })?.get().address) ?? "" }

    /// Passes on what the agent captured.
    func post(_ message: InspectorServer.Message) { try? start.withLock({ $0 })?.get().box.post(message) }

    /// Runs for as long as the process does.
    private func serve(_ title: String, _ isStarted: DispatchSemaphore) {
        do throws(SocketError) {
            let loop = try SocketLoop()
            var shortages = ShortageSpells()
            loop.onShortage = { [log] shortage in
                let record = shortages.record(of: shortage, limit: currentDescriptorLimit(), at: SocketLoop.now())
                if let record { log.write(record) }
            }
            let listener = try loop.listen(on: settings.endpoint)
            let runner = Runner(InspectorServer(title: title, maximumBytes: settings.memoryMiB * 1024 * 1024), on: loop)
            runner.onNote = { [agent] note, _ in
                switch note {
                case .replay(let request, let number, let call): agent.post(.replay(request, of: number, call: call))
                }
            }
            start.withLock { $0 = .success((listener.endpoint.address(path: "/"), runner.mailbox)) }
            isStarted.signal()
            try runner.run()
        } catch {
            let isFirst = start.withLock { start in
                defer { start = .failure(error) }
                return start == nil
            }
            if isFirst {
                isStarted.signal()
            } else {
                log.write(LogRecord(.error, "inspector.failed", [.init("reason", "\(error)")]))
            }
        }
    }
}
