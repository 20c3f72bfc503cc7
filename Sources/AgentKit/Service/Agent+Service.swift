// The service's side of an exchange, first half: a connection from the pool or a new one, the request onto it, and the
// connection's end. What comes back is in Agent+Answers.
//
// Only configured endpoints are dialled. Credit for the body's bytes goes back to the gateway when the service's socket has
// taken them, not before.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink

extension Agent {
    /// How a connection to the service is let go of.
    enum ServiceEnding: Sendable, Hashable {
        /// At once, so that the service notices.
        case abort
        /// After what is queued was written.
        case close
    }

    /// The web service that is to answer; nil if it is none.
    func httpService(of exchange: LocalExchange) -> LocalHTTPService? {
        guard case .http(let service) = services[exchange.service] else { return nil }
        return service
    }

    // MARK: Getting a connection

    /// Puts the request to the service.
    mutating func serve(_ exchange: LocalExchange, by service: LocalHTTPService, wholeBodyCount: Int?) {
        do throws(UnservableRequest) {
            exchange.prepared = try service.serviceRequest(for: exchange.request, wholeBodyCount: wholeBodyCount)
        } catch {
            let failure = RPCFailure(code: RPCFailure.invalidParams.code, message: "Invalid params: \(error.reason)")
            return fail(exchange, failure, .protocolError)
        }
        if let connection = pool.pop(for: exchange.service) {
            attach(connection, to: exchange)
        } else {
            dialService(for: exchange)
        }
    }

    mutating func dialService(for exchange: LocalExchange) {
        guard let service = httpService(of: exchange) else { return }
        let dial = DialID(rawValue: nextNumber())
        dials[dial] = .service(exchange)
        exchange.server = .dialing(dial)
        deadlines.set(.dial(dial), at: now.advanced(by: configuration.connectTimeout))
        emit(.dial(dial, service.endpoint))
    }

    mutating func connectedToService(_ dial: DialID, _ connection: ConnectionID, for exchange: LocalExchange) {
        deadlines.cancel(.dial(dial))
        if downServices.remove(exchange.service) != nil {
            log(.info, "service.reachable", .init("service", httpService(of: exchange)?.name ?? ""))
        }
        locals[connection] = LocalConnection(configuration.http, service: exchange.service)
        attach(connection, to: exchange)
    }

    mutating func serviceDialFailed(_ dial: DialID, _ reason: String, for exchange: LocalExchange) {
        deadlines.cancel(.dial(dial))
        guard let service = httpService(of: exchange) else { return }
        let isRefused = reason.lowercased().contains("refused")
        let message =
            isRefused
            ? "connection to \(service.name) refused: is the web service running?"
            : "cannot connect to \(service.name): \(reason)"
        let isNews = downServices.insert(exchange.service).inserted
        log(isNews ? .warning : .debug, "service.unreachable", .init("reason", message))
        exchange.server = .collecting  // nothing of it is left to cancel
        fail(exchange, .serviceUnreachable, message, .unreachable)
    }

    mutating func serviceDialTimedOut(_ dial: DialID) {
        guard case .service(let exchange) = dials.removeValue(forKey: dial) else { return }
        emit(.cancelDial(dial))
        serviceDialFailed(dial, "no connection within \(configuration.connectTimeout)", for: exchange)
    }

    mutating func cancelServiceDial(_ dial: DialID) {
        deadlines.cancel(.dial(dial))
        if dials.removeValue(forKey: dial) != nil { emit(.cancelDial(dial)) }
    }

    // MARK: The request

    /// Gives the connection to the exchange: the head, and what has come of the body.
    private mutating func attach(_ connection: ConnectionID, to exchange: LocalExchange) {
        guard let prepared = exchange.prepared, let local = locals[connection] else { return drop(connection, .abort) }
        exchange.server = .connection(connection)
        exchange.capture?.exchange.queueMicroseconds = now.since(exchange.startedAt).wholeNanoseconds / 1000
        local.begin(prepared, method: exchange.request.method, for: exchange)
        local.unwritten.write(prepared.head.count)
        if exchange.tunnel.holdsServices { pauseService(of: exchange) }
        emit(.write(connection, prepared.head[...]))
        if prepared.asksForUpgrade {
            local.requestFinished = true  // the head is all of it; what follows is for after the 101
            return
        }
        if !exchange.held.isEmpty {
            let held = exchange.held
            exchange.held = []
            write(held[...], toService: connection, for: exchange)
        }
        if exchange.requestEnded { finishRequest(on: connection, for: exchange) }
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, toService connection: ConnectionID, for exchange: LocalExchange) {
        guard let local = locals[connection], !bytes.isEmpty else { return }
        if local.isRaw {
            local.unwritten.write(bytes.count, body: bytes.count)
            emit(.write(connection, bytes))
        } else if local.asksForUpgrade {
            exchange.held.append(contentsOf: bytes)
        } else if local.requestFinished {
            consumed(bytes.count, by: exchange)  // for an upgrade that was not granted
        } else {
            writeFramed(bytes, toService: connection, local, for: exchange)
        }
    }

    private mutating func writeFramed(
        _ bytes: ArraySlice<UInt8>, toService connection: ConnectionID, _ local: LocalConnection, for exchange: LocalExchange
    ) {
        exchange.bodyWasWritten = true
        var framing: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try local.encoder.encodePrefix(bytes.count, into: &framing)
        } catch {
            return fail(exchange, .serviceBroken, "the request's body is longer than it said", .protocolError)
        }
        if !framing.isEmpty { emit(.write(connection, framing[...])) }
        emit(.write(connection, bytes))
        let prefixCount = framing.count
        framing = []
        local.encoder.encodeSuffix(into: &framing)
        if !framing.isEmpty { emit(.write(connection, framing[...])) }
        local.unwritten.write(prefixCount + bytes.count + framing.count, body: bytes.count)
    }

    /// The tunnel's direction is over: the body's end, or, after a 101, the end of our half of the connection.
    mutating func finishRequest(on connection: ConnectionID, for exchange: LocalExchange) {
        guard let local = locals[connection] else { return }
        if local.isRaw {
            guard local.sawEnd else { return emit(.finishWriting(connection)) }
            drop(connection, .close)
            return answered(exchange)
        }
        guard !local.requestFinished else { return }
        let trailers = local.encoder.framing == .chunked ? exchange.trailers : HTTPFields()
        var end: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try local.encoder.finish(trailers: trailers, into: &end)
        } catch {
            let message = "the request's body is shorter than it said, or its trailers are illegal"
            return fail(exchange, .serviceBroken, message, .protocolError)
        }
        local.requestFinished = true
        local.unwritten.write(end.count)
        if !end.isEmpty { emit(.write(connection, end[...])) }
    }

    mutating func wrote(_ count: Int, toService connection: ConnectionID) {
        guard let local = locals[connection] else { return }
        let released = local.unwritten.wrote(count)
        if released > 0, let exchange = local.owner { consumed(released, by: exchange) }
    }

    /// The tunnel has room again for what the service or the host has to say.
    mutating func resumeReading(for exchange: LocalExchange) {
        switch exchange.server {
        case .connection(let connection):
            guard let local = locals[connection], local.isReadingPaused, !exchange.tunnel.holdsServices else { return }
            local.isReadingPaused = false
            emit(.setReading(connection, true))
        case .stream(let call): resumeHost(call, for: exchange)
        case .collecting, .dialing, .handler, .nobody: break
        }
    }

    // MARK: Letting go

    /// The exchange needs the connection no more: another may, if both sides allow it.
    mutating func release(_ connection: ConnectionID, by exchange: LocalExchange) {
        guard let local = locals[connection] else { return }
        guard local.isReusable, !pool.isFull else {
            consumed(local.unwritten.bodyBytes, by: exchange)  // nobody will hear of them again
            return drop(connection, .close)
        }
        if local.isReadingPaused { emit(.setReading(connection, true)) }
        local.isReadingPaused = false
        local.owner = nil
        local.isReused = true
        let expires = now.advanced(by: configuration.poolIdleTimeout)
        pool.push(connection, for: local.service, expires: expires)
        if deadlines[.pool] == nil { deadlines.set(.pool, at: expires) }
    }

    /// Forgets the connection, and tells the transport unless it is gone already.
    mutating func drop(_ connection: ConnectionID, _ ending: ServiceEnding) {
        guard let local = locals[connection] else { return }
        if local.owner == nil { pool.remove(connection) }
        local.owner = nil
        locals[connection] = nil
        guard !local.isGone else { return }
        switch ending {
        case .abort: emit(.abort(connection))
        case .close: emit(.close(connection))
        }
    }

    mutating func sweepPool() {
        for connection in pool.takeExpired(at: now) { drop(connection, .close) }
        if let next = pool.nextExpiry { deadlines.set(.pool, at: next) }
    }

    /// Without a tunnel there is no use for idle connections.
    mutating func emptyPool() {
        while let connection = pool.pop() { drop(connection, .close) }
        deadlines.cancel(.pool)
        deadlines.cancel(.heads)
    }
}
