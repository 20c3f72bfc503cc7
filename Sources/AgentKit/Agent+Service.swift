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
    func httpService(of key: ExchangeKey) -> LocalHTTPService? {
        guard let place = self[key]?.service, case .http(let service) = services[place] else { return nil }
        return service
    }

    // MARK: Getting a connection

    /// Puts the request to the service.
    mutating func serve(_ key: ExchangeKey, by service: LocalHTTPService, wholeBodyCount: Int?) {
        guard let request = self[key]?.request else { return }
        do throws(UnservableRequest) {
            self[key]?.prepared = try service.serviceRequest(for: request, wholeBodyCount: wholeBodyCount)
        } catch {
            let failure = RPCFailure(code: RPCFailure.invalidParams.code, message: "Invalid params: \(error.reason)")
            return fail(key, failure, .protocolError)
        }
        if let connection = pool.pop(for: self[key]?.service ?? 0) {
            attach(connection, to: key)
        } else {
            dialService(for: key)
        }
    }

    mutating func dialService(for key: ExchangeKey) {
        guard let service = httpService(of: key) else { return }
        let dial = DialID(rawValue: nextNumber())
        dials[dial] = .service(key)
        self[key]?.server = .dialing(dial)
        deadlines.set(.dial(dial), at: now.advanced(by: configuration.connectTimeout))
        emit(.dial(dial, service.endpoint))
    }

    mutating func connectedToService(_ dial: DialID, _ connection: ConnectionID, for key: ExchangeKey) {
        deadlines.cancel(.dial(dial))
        guard let place = self[key]?.service else { return emit(.abort(connection)) }
        if downServices.remove(place) != nil {
            log(.info, "service.reachable", .init("service", httpService(of: key)?.name ?? ""))
        }
        locals[connection] = LocalConnection(configuration.http, service: place)
        attach(connection, to: key)
    }

    mutating func serviceDialFailed(_ dial: DialID, _ reason: String, for key: ExchangeKey) {
        deadlines.cancel(.dial(dial))
        guard let service = httpService(of: key), let place = self[key]?.service else { return }
        let isRefused = reason.lowercased().contains("refused")
        let message =
            isRefused
            ? "connection to \(service.name) refused: is the web service running?"
            : "cannot connect to \(service.name): \(reason)"
        let isNews = downServices.insert(place).inserted
        log(isNews ? .warning : .debug, "service.unreachable", .init("reason", message))
        self[key]?.server = .collecting  // nothing of it is left to cancel
        fail(key, .serviceUnreachable, message, .unreachable)
    }

    mutating func serviceDialTimedOut(_ dial: DialID) {
        guard case .service(let key) = dials.removeValue(forKey: dial) else { return }
        emit(.cancelDial(dial))
        serviceDialFailed(dial, "no connection within \(configuration.connectTimeout)", for: key)
    }

    mutating func cancelServiceDial(_ dial: DialID) {
        deadlines.cancel(.dial(dial))
        if dials.removeValue(forKey: dial) != nil { emit(.cancelDial(dial)) }
    }

    // MARK: The request

    /// Gives the connection to the exchange: the head, and what has come of the body.
    private mutating func attach(_ connection: ConnectionID, to key: ExchangeKey) {
        guard let prepared = self[key]?.prepared, let method = self[key]?.request.method else {
            return drop(connection, .abort)
        }
        self[key]?.server = .connection(connection)
        locals[connection]?.begin(prepared, method: method, for: key)
        locals[connection]?.unwritten.write(prepared.head.count)
        emit(.write(connection, prepared.head[...]))
        if prepared.asksForUpgrade {
            locals[connection]?.requestFinished = true  // the head is all of it; what follows is for after the 101
            return
        }
        if let held = self[key]?.held, !held.isEmpty {
            self[key]?.held = []
            write(held[...], toService: connection, for: key)
        }
        if self[key]?.requestEnded == true { finishRequest(on: connection, for: key) }
    }

    mutating func write(_ bytes: ArraySlice<UInt8>, toService connection: ConnectionID, for key: ExchangeKey) {
        guard let isRaw = locals[connection]?.isRaw, !bytes.isEmpty else { return }
        if isRaw {
            locals[connection]?.unwritten.write(bytes.count, body: bytes.count)
            emit(.write(connection, bytes))
        } else if locals[connection]?.asksForUpgrade == true {
            self[key]?.held.append(contentsOf: bytes)
        } else if locals[connection]?.requestFinished == true {
            consumed(bytes.count, by: key)  // for an upgrade that was not granted
        } else {
            writeFramed(bytes, toService: connection, for: key)
        }
    }

    private mutating func writeFramed(_ bytes: ArraySlice<UInt8>, toService connection: ConnectionID, for key: ExchangeKey) {
        self[key]?.bodyWasWritten = true
        var framing: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try locals[connection]?.encoder.encodePrefix(bytes.count, into: &framing)
        } catch {
            return fail(key, .serviceBroken, "the request's body is longer than it said", .protocolError)
        }
        if !framing.isEmpty { emit(.write(connection, framing[...])) }
        emit(.write(connection, bytes))
        let prefixCount = framing.count
        framing = []
        locals[connection]?.encoder.encodeSuffix(into: &framing)
        if !framing.isEmpty { emit(.write(connection, framing[...])) }
        locals[connection]?.unwritten.write(prefixCount + bytes.count + framing.count, body: bytes.count)
    }

    /// The tunnel's direction is over: the body's end, or, after a 101, the end of our half of the connection.
    mutating func finishRequest(on connection: ConnectionID, for key: ExchangeKey) {
        if locals[connection]?.isRaw == true {
            guard locals[connection]?.sawEnd == true else { return emit(.finishWriting(connection)) }
            drop(connection, .close)
            return answered(key)
        }
        guard locals[connection]?.requestFinished == false else { return }
        let trailers = locals[connection]?.encoder.framing == .chunked ? self[key]?.trailers : nil
        var end: [UInt8] = []
        do throws(HTTPBodyEncoder.Failure) {
            try locals[connection]?.encoder.finish(trailers: trailers ?? HTTPFields(), into: &end)
        } catch {
            let message = "the request's body is shorter than it said, or its trailers are illegal"
            return fail(key, .serviceBroken, message, .protocolError)
        }
        locals[connection]?.requestFinished = true
        locals[connection]?.unwritten.write(end.count)
        if !end.isEmpty { emit(.write(connection, end[...])) }
    }

    mutating func wrote(_ count: Int, toService connection: ConnectionID) {
        guard let released = locals[connection]?.unwritten.wrote(count), released > 0, let key = locals[connection]?.owner
        else { return }
        consumed(released, by: key)
    }

    /// The tunnel has room again for what the service or the host has to say.
    mutating func resumeReading(for key: ExchangeKey) {
        switch self[key]?.server {
        case .connection(let connection):
            guard locals[connection]?.isReadingPaused == true else { return }
            locals[connection]?.isReadingPaused = false
            emit(.setReading(connection, true))
        case .stream(let call): resumeHost(call, for: key)
        case .collecting, .dialing, .handler, .nobody, nil: break
        }
    }

    // MARK: Letting go

    /// The exchange needs the connection no more: another may, if both sides allow it.
    mutating func release(_ connection: ConnectionID, by key: ExchangeKey) {
        guard locals[connection]?.isReusable == true, !pool.isFull else {
            consumed(locals[connection]?.unwritten.bodyBytes ?? 0, by: key)  // nobody will hear of them again
            return drop(connection, .close)
        }
        if locals[connection]?.isReadingPaused == true { emit(.setReading(connection, true)) }
        locals[connection]?.isReadingPaused = false
        locals[connection]?.owner = nil
        locals[connection]?.isReused = true
        let expires = now.advanced(by: configuration.poolIdleTimeout)
        pool.push(connection, for: locals[connection]?.service ?? 0, expires: expires)
        if deadlines[.pool] == nil { deadlines.set(.pool, at: expires) }
    }

    /// Forgets the connection, and tells the transport unless it is gone already.
    mutating func drop(_ connection: ConnectionID, _ ending: ServiceEnding) {
        guard let local = locals[connection] else { return }
        if local.owner == nil { pool.remove(connection) }
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
