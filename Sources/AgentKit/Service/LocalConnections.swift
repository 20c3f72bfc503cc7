// Connections to web services on this machine: the pool of idle ones, those that are busy, those that are being made, and which
// exchange has which. What goes over one of them is LocalConnection's.
//
// Only configured endpoints are dialled. A stale connection costs one retry: if the service closed it before the first byte of
// a response, and the request can be sent again, it is.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

struct LocalConnections {
    /// What a deadline is for.
    private enum Timer: Sendable, Hashable {
        /// A dial to the service, or TLS with it, takes too long.
        case dial(DialID)
        /// The oldest idle connection may be due.
        case pool
    }

    private var connectTimeout: Duration
    private var idleTimeout: Duration
    private var limits: HTTPLimits
    private var connections = ConnectionTable<LocalConnection>()
    private var pool: LocalPool
    private var dials = LocalDials()
    private var deadlines = Deadlines<Timer>()
    /// Services, by their place in the table, the last dial to which failed; logged once, not for each request.
    private var unreachable: Set<Int> = []
    /// Services whose response once was not HTTP; logged once for each.
    private var misfits: Set<Int> = []

    init(_ configuration: AgentConfiguration) {
        connectTimeout = configuration.connectTimeout
        idleTimeout = configuration.poolIdleTimeout
        limits = configuration.http
        pool = LocalPool(capacity: idleTimeout > .zero ? configuration.maximumPooledConnections : 0)
    }

    /// Takes other settings; the pool stays as large as it was.
    mutating func use(_ configuration: AgentConfiguration, isOtherService: Bool) {
        connectTimeout = configuration.connectTimeout
        idleTimeout = configuration.poolIdleTimeout
        limits = configuration.http
        if isOtherService { unreachable = [] }
    }

    var nextDeadline: Moment? { deadlines.next }

    /// Adds what is held here.
    func count(into counters: inout AgentCounters) {
        counters.localConnections += connections.count
        counters.pooledConnections += pool.count
        counters.dialing += dials.count
        counters.timers += deadlines.count
    }

    // MARK: Getting a connection

    /// Puts the request to the service. `wholeBodyCount` is the length of a body that came whole (v1).
    mutating func serve(
        _ exchange: Exchange, by service: LocalHTTPService, wholeBodyCount: Int?, _ turn: inout Turn<AgentNote>
    ) -> Progress {
        let request: ServiceRequest
        do throws(UnservableRequest) {
            request = try service.serviceRequest(for: exchange.request, wholeBodyCount: wholeBodyCount)
        } catch {
            let failure = RPCFailure(code: RPCFailure.invalidParams.code, message: "Invalid params: \(error.reason)")
            return .failed(failure, .protocolError)
        }
        if let id = pool.pop(for: exchange.place), let connection = connections[id] {
            return attach(connection, to: exchange, request, &turn)
        }
        dial(LocalDial(exchange: exchange, request: request), service, &turn)
        return .open
    }

    private mutating func dial(_ dialing: LocalDial, _ service: LocalHTTPService, _ turn: inout Turn<AgentNote>) {
        let dial = dials.begin(dialing, to: service, &turn)
        dialing.exchange.move(.dial(dial))
        deadlines.set(.dial(dial), at: turn.now.advanced(by: connectTimeout))
    }

    /// A dial succeeded; nil: it was cancelled too late, or TLS comes first.
    mutating func connected(_ dial: DialID, _ id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let dialing = dials.connected(dial, id, &turn) else { return nil }
        return serve(dialing, dial, on: id, &turn)
    }

    /// TLS is there; nil: too late.
    mutating func secured(_ id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let dial = dials.dial(securing: id), let dialing = dials.remove(dial) else { return nil }
        return serve(dialing, dial, on: id, &turn)
    }

    private mutating func serve(
        _ dialing: LocalDial, _ dial: DialID, on id: ConnectionID, _ turn: inout Turn<AgentNote>
    ) -> Step {
        deadlines.cancel(.dial(dial))
        let exchange = dialing.exchange
        if unreachable.remove(exchange.place) != nil {
            turn.log(.info, "service.reachable", [.init("service", exchange.httpService?.name ?? "")])
        }
        let connection = LocalConnection(id, place: exchange.place, isRetry: dialing.isRetry, limits)
        connections[id] = connection
        return (exchange, attach(connection, to: exchange, dialing.request, &turn))
    }

    /// A dial failed; nil: it was cancelled too late.
    mutating func dialFailed(_ dial: DialID, _ reason: String, _ turn: inout Turn<AgentNote>) -> Step? {
        let isRefused = reason.lowercased().contains("refused")
        return fail(dial, &turn) { name in
            isRefused
                ? "connection to \(name) refused: is the web service running?"
                : "cannot connect to \(name): \(reason)"
        }
    }

    /// The service cannot be spoken to; nil: nobody waits for it.
    private mutating func fail(_ dial: DialID, _ turn: inout Turn<AgentNote>, _ text: (String) -> String) -> Step? {
        guard let exchange = dials.remove(dial)?.exchange else { return nil }
        deadlines.cancel(.dial(dial))
        exchange.move(.leave)
        let message = text(exchange.httpService?.name ?? "")
        let isNews = unreachable.insert(exchange.place).inserted
        turn.log(isNews ? .warning : .debug, "service.unreachable", [.init("reason", message)])
        return (exchange, .failed(.serviceUnreachable, message, .unreachable))
    }

    private mutating func attach(
        _ connection: LocalConnection, to exchange: Exchange, _ request: ServiceRequest, _ turn: inout Turn<AgentNote>
    ) -> Progress {
        exchange.move(.connect(connection.id))
        exchange.capture?.served(after: turn.now.since(exchange.startedAt))
        return conclude(connection.begin(request, for: exchange, &turn), connection, exchange, &turn)
    }

    // MARK: The request

    /// More of the request's body, or of an upgraded stream.
    func write(_ bytes: ArraySlice<UInt8>, to id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Progress {
        connections[id]?.write(bytes, &turn) ?? .open
    }

    /// The tunnel's direction is over.
    mutating func finishRequest(_ exchange: Exchange, on id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Progress {
        guard let connection = connections[id] else { return .open }
        return conclude(connection.finishRequest(&turn), connection, exchange, &turn)
    }

    // MARK: The transport's events

    mutating func receive(_ bytes: ArraySlice<UInt8>, from id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let connection = connections[id], let exchange = connection.owner else {
            drop(id, .abort, &turn)  // too late, or unasked
            return nil
        }
        return (exchange, conclude(connection.receive(bytes, for: exchange, &turn), connection, exchange, &turn))
    }

    mutating func receiveEOF(from id: ConnectionID, _ turn: inout Turn<AgentNote>) -> Step? {
        guard let connection = connections[id] else { return nil }
        guard let exchange = connection.owner else {
            drop(id, .close, &turn)
            return nil
        }
        return (exchange, conclude(connection.receiveEOF(for: exchange, &turn), connection, exchange, &turn))
    }

    mutating func closed(_ id: ConnectionID, _ error: String?, _ turn: inout Turn<AgentNote>) -> Step? {
        if let dial = dials.dial(securing: id) {
            let reason = TLSAdvice.text(error ?? "the connection ended during the TLS handshake", of: .service)
            return fail(dial, &turn) { "no TLS with \($0): \(reason)" }
        }
        guard let connection = connections[id] else { return nil }
        connection.isGone = true
        guard let exchange = connection.owner else {
            drop(id, .close, &turn)
            return nil
        }
        return (exchange, conclude(connection.closed(error, for: exchange, &turn), connection, exchange, &turn))
    }

    func wrote(_ count: Int, on id: ConnectionID, _ now: Moment) { connections[id]?.wrote(count, now) }

    /// The tunnel has no room, or has it again, for what the service sends.
    func setReading(_ isReading: Bool, on id: ConnectionID, _ turn: inout Turn<AgentNote>) {
        if isReading { connections[id]?.resume(&turn) } else { connections[id]?.pause(&turn) }
    }

    // MARK: What a step means

    private mutating func conclude(
        _ outcome: LocalConnection.Outcome, _ connection: LocalConnection, _ exchange: Exchange, _ turn: inout Turn<AgentNote>
    ) -> Progress {
        switch outcome {
        case .progress(let progress): return progress
        case .whole: release(connection, by: exchange, &turn)
        case .over: drop(connection.id, .close, &turn)
        case .broken(let what, let isMisfit): return breakOff(connection, exchange, what, isMisfit: isMisfit, &turn)
        }
        return .responded
    }

    /// `isMisfit`: it is no service for us at all, most likely, which is logged once.
    private mutating func breakOff(
        _ connection: LocalConnection, _ exchange: Exchange, _ what: String, isMisfit: Bool, _ turn: inout Turn<AgentNote>
    ) -> Progress {
        guard let service = exchange.httpService else { return .open }
        if connection.mayBeStale, let request = connection.request {
            drop(connection.id, .abort, &turn)
            dial(LocalDial(exchange: exchange, request: request, isRetry: true), service, &turn)
            return .open
        }
        let message = "\(service.name) \(what)"
        let isNews = isMisfit && misfits.insert(exchange.place).inserted
        turn.log(isNews ? .warning : .debug, "service.broken", [.init("reason", message)])
        return .failed(.serviceBroken, message, .unreachable)
    }

    // MARK: Release

    /// The exchange needs the connection no more: another may.
    private mutating func release(_ connection: LocalConnection, by exchange: Exchange, _ turn: inout Turn<AgentNote>) {
        guard !pool.isFull, connection.rest(&turn) else {
            exchange.consumed(drop(connection.id, .close, &turn), turn.now)  // no credit will come for them
            return
        }
        let expires = turn.now.advanced(by: idleTimeout)
        pool.push(connection.id, for: connection.place, expires: expires)
        if deadlines[.pool] == nil { deadlines.set(.pool, at: expires) }
    }

    /// How a connection to the service is closed.
    private enum Ending: Sendable, Hashable {
        /// At once, so that the service notices.
        case abort
        /// After what is queued was written.
        case close
    }

    /// Forgets the connection, and closes it unless it is gone already. Returns how many bytes of the request's body
    /// it has not written.
    @discardableResult
    private mutating func drop(_ id: ConnectionID, _ ending: Ending, _ turn: inout Turn<AgentNote>) -> Int {
        guard let connection = connections[id] else { return 0 }
        if connection.owner == nil { pool.remove(id) }
        let unwritten = connection.abandon()
        connections[id] = nil
        if connection.isGone { return unwritten }
        switch ending {
        case .abort: turn.emit(.abort(id))
        case .close: turn.emit(.close(id))
        }
        return unwritten
    }

    /// The exchange is over, and needs no connection any more.
    mutating func cancel(_ dial: DialID, _ turn: inout Turn<AgentNote>) {
        deadlines.cancel(.dial(dial))
        dials.cancel(dial, &turn)
    }

    /// The exchange is over, and its connection has no use but to tell the service so.
    mutating func abort(_ id: ConnectionID, _ turn: inout Turn<AgentNote>) { drop(id, .abort, &turn) }

    /// Without a tunnel there is no use for idle connections.
    mutating func emptyPool(_ turn: inout Turn<AgentNote>) {
        while let id = pool.pop() { drop(id, .close, &turn) }
        deadlines.cancel(.pool)
    }

    // MARK: Time

    /// The next dial that took too long; nil when no deadline has expired. The pool is swept by the way.
    mutating func fireTimer(_ turn: inout Turn<AgentNote>) -> Step? {
        while let timer = deadlines.popExpired(at: turn.now) {
            switch timer {
            case .dial(let dial):
                if let step = timeout(dial, &turn) { return step }
            case .pool:
                for id in pool.takeExpired(at: turn.now) { drop(id, .close, &turn) }
                if let next = pool.nextExpiry { deadlines.set(.pool, at: next) }
            }
        }
        return nil
    }

    private mutating func timeout(_ dial: DialID, _ turn: inout Turn<AgentNote>) -> Step? {
        let time = connectTimeout
        let isSecuring = dials.isSecuring(dial)
        dials.giveUp(dial, &turn)
        return isSecuring
            ? fail(dial, &turn) { "no TLS with \($0) within \(time)" } : dialFailed(dial, "no connection within \(time)", &turn)
    }
}
