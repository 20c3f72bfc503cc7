// The daemon: one agent on one loop, signals, the service manager, and what a person sees on standard output.

import AgentKit
import MachineCore
import SocketKit

final class AgentDaemon {
    private let settings: AgentDaemonSettings
    private let notifier = ServiceNotifier()
    private let folders = FolderServer()
    private var isStopping = false

    init(_ settings: AgentDaemonSettings) { self.settings = settings }

    /// Runs until a signal says otherwise, or another agent took its place: also an orderly end, since a service manager that
    /// started it again would have the two evict each other for ever. The exit code.
    func run() throws -> Int32 {
        _ = raiseDescriptorLimit()
        let loop = try SocketLoop()
        let runner = Runner(Agent(settings.agent, seed: secureRandomBytes(32)), on: loop)
        runner.onNote = { [self] note, runner in handle(note, runner) }
        try loop.catchSignals([1, 2, 15]) { [self] signal in
            if signal != 1 { stop(runner) }  // a hang-up changes nothing: settings are read at the start
        }
        runner.send(.start)
        _ = notifier.ready(status: "dialing the gateway")
        try runner.run()
        return ExitCode.ok
    }

    private func stop(_ runner: Runner<Agent>) {
        guard !isStopping else { return runner.stop() }
        isStopping = true
        _ = notifier.stopping(status: "draining")
        runner.send(.drain(within: settings.drain))
    }

    private func handle(_ note: AgentNote, _ runner: Runner<Agent>) {
        switch note {
        case .log(let record): settings.log.write(record)
        case .registered(let webURL):
            say("\(webURL.isEmpty ? "registered" : webURL) -> \(serviceText)")
            _ = notifier.status("serving \(webURL)")
        case .exchange(let record):
            if settings.printsRequests { say(Self.line(record)) }
        case .stopped(let reason):
            if !isStopping { printError("agentd: stopped: \(reason)") }
            runner.stop()
        case .phase(let phase):
            if case .backingOff(_, let reason) = phase { _ = notifier.status("waiting to dial again: \(reason)") }
        case .open(let call, let head): runner.send(folders.begin(call, head))
        case .writable(let call):
            if let piece = folders.next(call) { runner.send(piece) }
        case .cancelled(let call): folders.cancel(call)
        case .body(let call, let bytes): runner.send(.took(call, bytes.count))  // a GET's body means nothing
        case .call, .bodyEnd, .full: break
        }
    }

    private func say(_ line: String) {
        print(line)
        flushStandardOutput()
    }

    private var serviceText: String { Self.text(of: settings.agent.service) }

    private static func text(of service: LocalService) -> String {
        switch service {
        case .http(let service):
            switch service.endpoint {
            case .tcp(let host, let port): "http://\(host.contains(":") ? "[\(host)]" : host):\(port)\(service.basePath)"
            case .unix(let path): path
            }
        case .folder(let folder): "the files in \(folder.path)"
        case .routes(let routes): routes.map { "\($0.prefix): \(text(of: $0.service))" }.joined(separator: ", ")
        case .handler, .streamingHandler, .none: "no web service"
        }
    }

    /// Such as `200 GET /api/hello 3 ms 25 B`.
    private static func line(_ record: ExchangeRecord) -> String {
        let status = record.status.map { "\($0)" } ?? "---"
        let outcome = record.failure.map { " (\($0))" } ?? ""
        let path = record.target.prefix { $0 != "?" }  // a query may hold a secret
        return "\(status) \(record.method) \(path) \(record.duration.wholeMilliseconds) ms \(record.responseBytes) B\(outcome)"
    }
}
