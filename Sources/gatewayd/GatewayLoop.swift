// One loop of the gateway: a machine, its sockets and its thread (Docs/Decisions/0007). It does for its machine what no machine
// can do itself: hands connections and messages to other loops, and listens.
//
// Loop 0 listens from the start. Another begins when it comes to own its first agent, and from then on the system gives it a
// share of the new connections; while there is one agent, none ever moves.

import GatewayKit
import MachineCore
import SocketKit

final class GatewayLoop {
    let runner: Runner<Gateway>
    private let index: Int
    private let settings: GatewayDaemonSettings
    private let tls: ListenerTLS
    /// Where TCP is listened on, with the real ports.
    private var endpoints: [Endpoint] = []
    private var isListening = false
    private var isDraining = false
    /// The loops by number, this one included.
    private var mailboxes: [Mailbox<GatewayMessage>] = []

    /// A loop that listens to nothing yet. Fails when the process is out of descriptors.
    init(
        _ index: Int, _ settings: GatewayDaemonSettings, _ tls: ListenerTLS, _ clock: WallClock
    ) throws(SocketError) {
        self.index = index
        self.settings = settings
        self.tls = tls
        let gateway = Gateway(
            settings.gateway, clock: clock, loop: index, of: settings.loops, startedAt: SocketLoop.now(),
            secret: settings.secret)
        runner = Runner(gateway, on: try SocketLoop())
        runner.loop.onShortage = { settings.shortages.write($0, to: settings.log) }
        runner.loop.plainHTTPResponse = Gateway.responseToPlainHTTP
        let mailbox = runner.mailbox
        runner.loop.onHandshakeFailure = { mailbox.post(.handshakeFailed(peer: $0.peer, reason: $0.error.description)) }
    }

    /// Listens as the first of all loops; the addresses for the others.
    func listenFirst() throws -> [Endpoint] {
        isListening = true
        var securePort: UInt16?
        for wanted in settings.listeners {
            let sharing: PortSharing = settings.loops > 1 && wanted.isShared ? .first : .none
            guard let listener = try listen(on: wanted, sharing) else { continue }
            try tls.configure(listener, of: runner.loop)
            settings.log.write(
                LogRecord(.info, "gateway.listening", [.init("address", listener.endpoint.text)] + wanted.fields))
            if wanted.isShared { endpoints.append(listener.endpoint) }
            if wanted.tls != nil, case .tcp(_, let port) = listener.endpoint { securePort = securePort ?? port }
            if wanted.redirects, let securePort {
                runner.send(.redirect(listener: listener.index, toPort: securePort))
            }
        }
        return endpoints
    }

    /// Listens, or says why not where that is no reason to give up.
    private func listen(on wanted: ListenerSettings, _ sharing: PortSharing) throws(SocketError) -> Listener? {
        do throws(SocketError) {
            return try runner.loop.listen(on: wanted.endpoint, sharing: sharing)
        } catch {
            guard wanted.isOptional else { throw error }
            settings.log.write(
                LogRecord(
                    .warning, "gateway.not-listening",
                    [.init("reason", "\(error)"), .init("advice", "visitors must write https://; or set redirectPort")]))
            return nil
        }
    }

    /// Runs until the machine has drained, or `stop` is called; fails only if the poller does.
    func run(
        beside mailboxes: [Mailbox<GatewayMessage>], on endpoints: [Endpoint], onDrained: @escaping (Runner<Gateway>) -> Void
    ) throws(SocketError) {
        self.mailboxes = mailboxes
        self.endpoints = endpoints
        runner.onNote = { [self] note, runner in
            switch note {
            case .log(let record): settings.log.write(record)
            case .alert(let alert): send(alert)
            case .agentRegistered(let id): settings.automatic?.agentRegistered(id)
            case .access(let record): settings.accessLog?.write(record.line(settings.gateway.accessLog))
            case .draining: stopListening()
            case .drained: onDrained(runner)
            case .loop(let note): tell(note.content)
            }
        }
        try runner.run()
    }

    // MARK: What the machine wants

    private func tell(_ note: LoopNote.Content) {
        switch note {
        case .move(let id, let visitor, let loop): move(id, visitor, to: loop)
        case .broadcast(let broadcast): tellAll(broadcast)
        case .report(let report): mailboxes[0].post(.loop(LoopMessage(.report(report, from: index))))
        }
    }

    private func move(_ id: ConnectionID, _ visitor: MovedVisitor, to loop: Int) {
        guard let connection = runner.loop.detach(id) else { return runner.send(.loop(LoopMessage(.moveFailed))) }
        mailboxes[loop].post(connection) { .loop(LoopMessage(.adopt($0, visitor))) }
    }

    private func send(_ alert: AgentAlert) {
        guard let offline = settings.gateway.offlineAlert else { return }
        settings.alerts?.send(alert, to: offline.url, gateway: settings.gateway.publicURL)
    }

    private func tellAll(_ broadcast: LoopBroadcast) {
        if case .agent(_, let record?) = broadcast, record.isOnline { listen() }
        let message = GatewayMessage.loop(LoopMessage(.broadcast(broadcast, from: index)))
        for other in mailboxes.indices where other != index { mailboxes[other].post(message) }
    }

    /// This loop owns its first agent: visitors may come here directly.
    private func listen() {
        guard !isListening, !isDraining else { return }
        isListening = true
        for endpoint in endpoints {
            do {
                try tls.configure(try runner.loop.listen(on: endpoint, sharing: .further), of: runner.loop)
                settings.log.write(LogRecord(.debug, "gateway.listening", [.init("loop", "\(index)")]))
            } catch {  // then visitors come by way of the loops that listen
                settings.log.write(LogRecord(.warning, "gateway.not-listening", [.init("reason", "\(error)")]))
                return  // a listener's number says which one it is
            }
        }
    }

    private func stopListening() {
        isDraining = true
        runner.loop.stopListening()
    }
}

extension ListenerSettings {
    /// What a log says of it beside its address.
    fileprivate var fields: [LogRecord.Field] {
        if redirects { return [.init("redirects", "to https")] }
        return tls == nil ? [] : [.init("tls", "yes")]
    }
}
