// The daemon: its loops, signals, the service manager.

import GatewayKit
import MachineCore
import SocketKit

/// The signals by number, the same on every system we run on.
enum Signal {
    static let hangUp: Int32 = 1
    static let interrupt: Int32 = 2
    static let terminate: Int32 = 15
}

final class GatewayDaemon {
    private var settings: GatewayDaemonSettings
    private let arguments: ParsedCommandLine
    private let notifier = ServiceNotifier()
    private var loops: GatewayLoops?
    private var tls: ListenerTLS?
    private var isStopping = false
    /// Set if there is a terminal that can hang up, and whoever started it did not say that this is to be ignored.
    private let terminal = isIgnored(signal: hangUpSignal) ? nil : ControllingTerminal()

    init(_ settings: GatewayDaemonSettings, _ arguments: ParsedCommandLine) {
        self.settings = settings
        self.arguments = arguments
    }

    /// Runs until a signal says otherwise; the exit code.
    func run() throws -> Int32 {
        _ = raiseDescriptorLimit()
        let clock = WallClock.system()
        let certificates = try settings.startCertificates()
        let tls = try ListenerTLS(settings.listeners, automatic: certificates, log: settings.log)
        self.tls = tls
        let first = try GatewayLoop(0, settings, tls, clock)
        // Signals are handled inside the loop's turns, so not before everything stands.
        try first.runner.loop.catchSignals([Signal.terminate, Signal.interrupt, Signal.hangUp]) { [self] signal in
            signal == Signal.hangUp ? hangUp(first) : stop(first)
        }
        let endpoints = try first.listenFirst()
        let loops = try GatewayLoops(settings, tls, clock, first: first, on: endpoints)
        self.loops = loops
        tls.start { [weak loops] in loops?.perform($0) }
        settings.automatic?.begin(ServingLoops(mailboxes: loops.all, tls: tls))
        if let welcome = settings.welcome {
            print(welcome)
            flushStandardOutput()
        }
        warnOfOpenAccess()
        _ = notifier.ready(status: "serving")
        try loops.run(first)
        settings.log.write(LogRecord(.info, "gateway.stopped"))
        settings.log.finish()
        return ExitCode.ok
    }

    /// The first signal lets all exchanges finish, the second does not.
    private func stop(_ first: GatewayLoop) {
        guard !isStopping else { return first.runner.stop() }
        isStopping = true
        _ = notifier.stopping(status: "draining")
        loops?.post(.drain(within: settings.drain))
    }

    /// The terminal is gone, and with it whoever saw what runs here: the gateway stops. Otherwise the settings are to be read
    /// again. The shell may say the former once more.
    private func hangUp(_ first: GatewayLoop) {
        guard terminal?.isGone == true else { return reload() }
        if !isStopping { stop(first) }
    }

    /// Reads the settings again and opens the access log's file by its name. Wrong settings change nothing; addresses, loops
    /// and where logs go are those of the start.
    private func reload() {
        _ = notifier.reloading()
        do {
            try settings.accessLog?.reopen()
            var new = try GatewayDaemonSettings.load(arguments)
            try new.openState()
            loops?.post(.reconfigure(new.gateway))
            tls?.reload(new.listeners)
            if let plan = new.certificatePlan { settings.automatic?.reconfigure(plan) }
            settings.log.write(LogRecord(.info, "gateway.reloaded"))
        } catch {
            settings.log.write(LogRecord(.error, "gateway.reload-refused", [.init("reason", "\(error)")]))
        }
        _ = notifier.ready()
    }

    /// What stands behind a gateway may be a shell: an open one says so.
    private func warnOfOpenAccess() {
        for warning in settings.gateway.warnings {
            let (event, advice) =
                switch warning {
                case .openToAgents: ("gateway.open-to-agents", "set gatewayToken: anybody may connect an agent")
                case .openStatusPage:
                    (
                        "gateway.open-status-page",
                        "set statusPage.authToken, or statusPage.public if it is meant: anybody may see ids, machines and addresses"
                            + " of agents"
                    )
                case .openToVisitors:
                    (
                        "gateway.open-to-visitors",
                        "set channels.webService.authToken, or public if it is meant: anybody may use the agents' web services"
                    )
                }
            settings.log.write(LogRecord(.warning, event, [.init("advice", advice)]))
        }
    }
}

extension WallClock {
    /// The system's clock, against the loop's moments.
    static func system() -> WallClock {
        let (seconds, nanoseconds) = unixNow()
        return WallClock(
            unixNanosecondsAtZero: seconds * 1_000_000_000 + nanoseconds - Int64(clamping: SocketLoop.now().nanoseconds))
    }
}

extension Endpoint {
    /// As people write it.
    var text: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}
