// `--demo`: a gateway, an agent and a small web service in one process, on loopback, to look at in a browser.

import AgentKit
import Dispatch
import GatewayKit
import MachineCore
import SocketKit
import Synchronization
import TunnelLink
import X509

enum Demo {
    static let agentID = "demo"

    /// `usesTLS`: with a certificate that signs itself, unless the settings name one.
    static func run(_ settings: GatewayDaemonSettings, usesTLS: Bool) throws -> Int32 {
        let loop = try SocketLoop()
        var gateway = settings.gateway
        gateway.inspector.mode = .all  // it is for looking
        gateway.inspector.isPublic = gateway.inspector.isPublic || !settings.isReachableFromOutside
        let runner = Runner(
            Gateway(gateway, clock: .system(), startedAt: SocketLoop.now(), secret: settings.secret), on: loop)
        let log = settings.log
        runner.onNote = { note, runner in
            switch note {
            case .log(let record): log.write(record)
            case .access(let record): settings.accessLog?.write(record.line(settings.gateway.accessLog))
            case .drained: runner.stop()
            case .draining: runner.loop.stopListening()
            case .loop, .alert, .agentRegistered: break  // there is one loop, and alerts go nowhere
            }
        }
        guard let wanted = settings.listeners.first else { return ExitCode.configuration }
        let listener = try loop.listen(on: wanted.endpoint)
        loop.plainHTTPResponse = Gateway.responseToPlainHTTP
        let tls = try wanted.tls?.load() ?? (usesTLS ? selfSigned() : nil)
        if let tls { try loop.setTLS(tls, for: listener) }
        // The agent is in this process, where there is nothing to encrypt.
        let inner = tls == nil ? listener : try loop.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let agent = try startAgent(inner.endpoint, token: settings.gateway.gatewayTokens.first, log)
        var isStopping = false
        try loop.catchSignals([Signal.terminate, Signal.interrupt]) { _ in
            guard !isStopping else { return runner.stop() }
            isStopping = true
            agent.post(.stop)
            runner.send(.drain(within: .seconds(1)))
        }
        announce(
            "\(tls == nil ? "http" : "https")://\(listener.endpoint.text)", prefix: settings.gateway.web.pathPrefix,
            pin: wanted.tls == nil ? tls?.pin : nil)
        try runner.run()
        return ExitCode.ok
    }

    /// Runs an agent on a thread of its own. The mailbox takes messages for it.
    private static func startAgent(_ gateway: Endpoint, token: String?, _ log: LogWriter) throws -> Mailbox<AgentMessage> {
        let description = AgentDescription(
            agentID: agentID, type: "demo", host: hostName(), model: "none", version: AgentConfiguration.programVersion)
        let configuration = AgentConfiguration(
            gateway: try GatewayURL("ws://\(gateway.text)/agent"), token: token, description: description, service: .handler)
        let mailboxes = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Mailbox<AgentMessage>, any Error>?>(nil)
        DispatchQueue(label: "miagent.demo.agent").async {
            do {
                let runner = try agentRunner(configuration, log)
                runner.send(.start)
                let mailbox = runner.mailbox
                result.withLock { $0 = .success(mailbox) }
                mailboxes.signal()
                try runner.run()
            } catch {
                let isFirst = result.withLock { result in
                    guard result == nil else { return false }
                    result = .failure(error)
                    return true
                }
                if isFirst { mailboxes.signal() }
            }
        }
        mailboxes.wait()
        guard let result = result.withLock({ $0 }) else {
            throw SocketError("start", "the demo's agent", reason: "its thread ended")
        }
        return try result.get()
    }

    /// An agent on a loop of its own, whose service is `DemoService`.
    private static func agentRunner(_ configuration: AgentConfiguration, _ log: LogWriter) throws -> Runner<Agent> {
        let runner = Runner(Agent(configuration, seed: secureRandomBytes(32)), on: try SocketLoop())
        runner.onNote = { note, runner in
            switch note {
            case .log(let record): log.write(record)
            case .call(let call, let request): runner.send(.respond(call, DemoService.respond(to: request)))
            case .stopped: runner.stop()
            case .phase, .exchange, .registered, .roundTrip, .captured: break
            case .open, .body, .bodyEnd, .writable, .full, .cancelled: break
            }
        }
        return runner
    }

    /// A certificate for this machine, good for a week.
    private static func selfSigned() throws(TLSError) -> TLSServerSettings {
        let credential = try OpenSSLKeys().selfSigned(
            for: ["localhost", "127.0.0.1", "::1"], unixSeconds: unixNow().seconds, days: 7)
        return TLSServerSettings([credential], protocols: ["http/1.1"])
    }

    /// `pin`: of the certificate that nobody knows.
    private static func announce(_ address: String, prefix: String, pin: TLSPin?) {
        let trust = pin.map { " Its certificate is\nof its own making, which browsers warn of; its key is\n\($0)." } ?? ""
        let curl = pin == nil ? "curl" : "curl -k"
        print(
            """
            miagent demo: a gateway, an agent and a web service in this process. NOT for use beyond this machine:
            no tokens. Stop it with Ctrl-C.\(trust)

              status page    \(address)/
              web service    \(address)\(prefix)/\(agentID)/
              inspector      \(address)/.miagent/inspect/\(agentID)
              try            \(curl) \(address)\(prefix)/\(agentID)/api/hello
                             \(curl) \(address)\(prefix)/\(agentID)/api/status
                             \(curl) -d 'anything' \(address)\(prefix)/\(agentID)/echo
            """)
        flushStandardOutput()
    }
}

extension TLSServerSettings {
    /// The pin of the first certificate's key.
    fileprivate var pin: TLSPin? { credentials.first?.certificate.map { TLSPin(ofPublicKey: $0.publicKey) } }
}
