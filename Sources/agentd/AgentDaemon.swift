// The daemon: one agent on one loop, signals, the service manager, and what a person sees on standard output: the live view of
// `Screen` on a terminal, lines otherwise.

import AgentKit
import MachineCore
import SocketKit
import WebConsole

final class AgentDaemon {
    private var settings: AgentDaemonSettings
    private let commandLine: ParsedCommandLine
    private let notifier = ServiceNotifier()
    private let folders = FolderServer()
    private var screen: Screen?
    private var inspector: LocalInspector?
    private var hasShownQR = false
    private var shortages = ShortageSpells()
    private var isStopping = false
    private var isOver = false
    /// It was started with SIGHUP ignored, as by `nohup`.
    private let ignoresHangUps = isIgnored(signal: hangUpSignal)
    /// The terminal whose end is a SIGHUP; nil without one.
    private let terminal = ControllingTerminal()

    init(_ settings: AgentDaemonSettings, _ commandLine: ParsedCommandLine) {
        self.settings = settings
        self.commandLine = commandLine
    }

    /// Runs until a signal ends it or another agent takes its place: also a success, since a service manager that started it
    /// again would have the two replace each other for ever. Returns the exit code.
    func run() throws -> Int32 {
        _ = raiseDescriptorLimit()
        let loop = try SocketLoop()
        try settings.tls.apply(to: loop)
        let runner = Runner(Agent(settings.agent, seed: secureRandomBytes(32)), on: loop)
        runner.onNote = { [self] note, runner in handle(note, runner) }
        loop.onShortage = { [self] in report($0) }
        folders.onShortage = { [self] in report($0) }
        inspector = try settings.inspector.map { inspector throws(SocketError) in
            let title = settings.agent.description.agentID
            return try LocalInspector(inspector, title: title, agent: runner.mailbox, log: settings.log)
        }
        screen = settings.terminal.map { Screen($0, facts, log: settings.log) }
        try loop.catchSignals(signals) { [self] signal in
            switch signal {
            case hangUpSignal: hangUp(runner)
            case terminalSizeSignal: screen?.resized()
            case continueSignal: screen?.continued()
            default: stop(runner)
            }
        }
        if screen == nil, let inspector { say("inspector at \(inspector.address)") }
        warn()
        runner.send(.start)
        _ = notifier.ready(status: "dialing the gateway")
        while !isOver {
            try runner.turn(until: screen?.nextDraw(after: loop.moment))
            if !isOver { screen?.draw(underWay: runner.machine.counters.openExchanges, now: loop.moment) }
        }
        settings.log.finish()
        return ExitCode.ok
    }

    /// Hang-up, interrupt and terminate; and those that concern a terminal that is drawn on.
    private var signals: [Int32] {
        [2, 15] + (ignoresHangUps ? [] : [hangUpSignal]) + (screen == nil ? [] : [terminalSizeSignal, continueSignal])
    }

    private var facts: TerminalView.Facts {
        let way = settings.agent.proxy.map { " by way of the proxy \($0)" } ?? ""
        var facts = TerminalView.Facts(
            agentID: settings.agent.description.agentID, gateway: settings.agent.gateway.hostField + way, service: serviceText)
        facts.inspector = inspector?.address
        if settings.tls.isInsecure { facts.warning = Self.insecurity }
        facts.colours = settings.usesColours
        facts.showsRequests = settings.printsRequests
        return facts
    }

    /// Says what a person may not expect: visitors get nothing, a proxy is used, nothing of the gateway is checked.
    private func warn() {
        if settings.agent.service == .none {
            let advice = "name a port, an address or a folder: visitors of this agent get 404"
            write(LogRecord(.warning, "agent.without-service", [.init("advice", advice)]))
        }
        if let proxy = settings.agent.proxy, let origin = settings.proxyOrigin {
            write(LogRecord(.info, "agent.proxy", [.init("proxy", "\(proxy)"), .init("from", origin)]))
        }
        if settings.tls.isInsecure {
            let reason = "\(Self.insecurity): whoever is on the way can read and change everything, the token too"
            write(LogRecord(.warning, "agent.insecure", [.init("reason", reason)]))
        }
    }

    private static let insecurity = "the gateway's certificate is not checked (tls.insecure)"

    private func stop(_ runner: Runner<Agent>) {
        guard !isStopping else { return end() }
        isStopping = true
        _ = notifier.stopping(status: "draining")
        runner.send(.drain(within: settings.drain))
    }

    /// Handles SIGHUP. With a terminal it means that the terminal is gone: the agent stops, since no person sees any more what
    /// it makes public. The shell may send the signal twice. As a service, the agent reads its settings again.
    private func hangUp(_ runner: Runner<Agent>) {
        guard terminal != nil else { return reload(runner) }
        guard !isStopping else { return }
        settings.log.write(LogRecord(.info, "agent.hung-up", [.init("reason", "the terminal is gone, so the agent stops")]))
        stop(runner)
    }

    /// Reads the settings again. Wrong ones change nothing; logs, the view and the inspector stay as they were started.
    private func reload(_ runner: Runner<Agent>) {
        guard !isStopping else { return }
        _ = notifier.reloading()
        do {
            let new = try AgentDaemonSettings.load(commandLine)
            try new.tls.apply(to: runner.loop, after: settings.tls)
            (settings.agent, settings.printsRequests, settings.drain) = (new.agent, new.printsRequests, new.drain)
            (settings.tls, settings.proxyOrigin) = (new.tls, new.proxyOrigin)
            screen?.change(facts)
            warn()
            runner.send(.reconfigure(new.agent))
            settings.log.write(LogRecord(.info, "agent.reloaded", [.init("agent", new.agent.description.agentID)]))
        } catch {
            settings.log.write(LogRecord(.error, "agent.reload-refused", [.init("reason", "\(error)")]))
        }
        _ = notifier.ready()
    }

    private func end() {
        isOver = true
        screen?.finish(now: SocketLoop.now())
    }

    private func handle(_ note: AgentNote, _ runner: Runner<Agent>) {
        screen?.take(note)
        switch note {
        case .log(let record): write(record)
        case .registered(let webURL):
            if screen == nil { say("\(webURL.isEmpty ? "registered" : webURL) -> \(serviceText)") }
            showQR(of: webURL)
            _ = notifier.status("serving \(webURL)")
        case .exchange(let record):
            if settings.printsRequests, screen == nil { say(Self.line(record)) }
        case .stopped(let reason):
            end()
            if !isStopping { printError("agentd: stopped: \(reason)") }
        case .phase(let phase):
            if case .backingOff(_, let reason) = phase { _ = notifier.status("waiting to dial again: \(reason)") }
        case .open(let call, let head): runner.send(folders.begin(call, head))
        case .writable(let call):
            if let piece = folders.next(call) { runner.send(piece) }
        case .cancelled(let call): folders.cancel(call)
        case .body(let call, let bytes): runner.send(.took(call, bytes.count))  // a GET's body means nothing
        case .captured(let exchange, let call): inspector?.post(.captured(exchange, call: call))
        case .call, .bodyEnd, .full, .roundTrip: break
        }
    }

    private func write(_ record: LogRecord) {
        if let screen { screen.write(record) } else { settings.log.write(record) }
    }

    private func report(_ shortage: DescriptorShortage) {
        if let record = shortages.record(of: shortage, limit: currentDescriptorLimit(), at: SocketLoop.now()) { write(record) }
    }

    /// Shows the public URL as a QR code, once, unless it is too long for one.
    private func showQR(of webURL: String) {
        guard settings.showsQR, !hasShownQR, !webURL.isEmpty, let code = QRCode(text: webURL) else { return }
        hasShownQR = true
        for line in code.terminalText().split(separator: "\n") {
            if let screen { screen.say(String(line)) } else { say(String(line)) }
        }
    }

    /// Writes a line on standard output, with control characters made visible, so that untrusted text cannot control a
    /// terminal.
    private func say(_ line: String) {
        print(TerminalLine.visible(line))
        flushStandardOutput()
    }

    private var serviceText: String { Self.text(of: settings.agent.service) }

    private static func text(of service: LocalService) -> String {
        switch service {
        case .http(let service):
            service.endpoint.address(path: service.basePath, isSecure: service.tls != nil)
        case .folder(let folder): "the files in \(folder.path)"
        case .routes(let routes): routes.map { "\($0.prefix): \(text(of: $0.service))" }.joined(separator: ", ")
        case .handler, .streamingHandler, .none: "no web service"
        }
    }

    /// Such as `200 GET /api/hello 3 ms 25 B`.
    private static func line(_ record: ExchangeRecord) -> String {
        let status = record.status.map { "\($0)" } ?? "---"
        let outcome = record.failure.map { " (\($0))" } ?? ""
        let duration = record.duration.wholeMilliseconds
        return "\(status) \(record.method) \(record.pathText) \(duration) ms \(record.responseBytes) B\(outcome)"
    }
}

extension Endpoint {
    /// As a browser wants it, if a browser can go there.
    func address(path: String, isSecure: Bool = false) -> String {
        switch self {
        case .tcp(let host, let port): "http\(isSecure ? "s" : "")://\(host.contains(":") ? "[\(host)]" : host):\(port)\(path)"
        case .unix(let path): path
        }
    }
}
