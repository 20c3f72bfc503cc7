// The connection to the gateway: upgrade, registration, liveness, the end. What comes through the session about streams goes on
// to Agent+Exchanges.
//
// Refuses a gateway that does not answer in time, breaks the protocol, is silent after a ping, or does not read what it gets.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

/// How the transport lets go of a tunnel's connection.
enum TunnelEnding: Sendable, Hashable {
    /// At once: nothing that is queued matters.
    case abort
    /// After what is queued was written.
    case close
}

extension Agent {
    // MARK: Upgrade

    mutating func upgrade(_ key: TunnelKey, on connection: ConnectionID) {
        guard let index = tunnelIndex(key) else { return emit(.abort(connection)) }
        advance(.connected)
        tunnels[index].connection = connection
        tunnels[index].stage = .upgrading
        deadlines.set(.stage(key), at: now.advanced(by: configuration.upgradeTimeout))
        let handshake = Handshake(configuration, key: WSHandshake.makeKey(using: &keys))
        tunnels[index].handshake = handshake
        do throws(HTTPFieldError) {
            let request = try handshake.request(configuration)
            tunnels[index].unwrittenHandshakeBytes = request.count
            write(request[...], toGateway: index)
        } catch {
            lose(key, Refusal(reason: "the gateway's address or the token cannot be written into a request"))
        }
    }

    private mutating func handle(_ outcome: Handshake.Outcome, on key: TunnelKey) {
        switch outcome {
        case .incomplete: break
        case .accepted(let version, let unread):
            register(key, version)
            if !unread.isEmpty { receive(unread, fromGateway: key) }
        case .refused(let refusal): lose(key, refusal, .close)
        }
    }

    /// Why there is no connection to the gateway. A literal address is not said twice.
    func noConnection(_ reason: String) -> String {
        let gateway = configuration.gateway.hostField
        let isSaid = reason.hasPrefix("\(gateway): ") && !reason.contains("; ")
        let why = (isSaid ? String(reason.dropFirst(gateway.count + 2)) : reason).asClause
        let isRefused = reason.lowercased().contains("refused")
        return "cannot connect to \(gateway): \(why)" + (isRefused ? "; is gatewayd running there, on this port?" : "")
    }

    // MARK: Registration

    private mutating func register(_ key: TunnelKey, _ version: TunnelVersion) {
        guard let index = tunnelIndex(key) else { return }
        advance(.upgraded)
        var limits = configuration.limits
        limits.maximumStreams = configuration.maximumExchanges
        limits.maximumHeld = configuration.maximumHeldBytes
        limits.maximumQueued = configuration.maximumHeldBytes
        let seed = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &keys) }
        var session = TunnelSession(.agent(seed: seed), version: version, limits: limits)
        session.register(description)
        tunnels[index].session = session
        tunnels[index].handshake = nil
        tunnels[index].stage = .registering
        tunnels[index].registeringSince = now
        log(
            .info, "agent.connected", .init("gateway", configuration.gateway.hostField),
            .init("protocol", version.subprotocol))
        schedulePing(key, after: tunnels[index].pingInterval)
        switch version {
        case .v1:
            serve(key)  // the seed's gateway may never answer, so a ping says how far it is
            if tunnels[index].pingInterval > .zero { pingIsDue(key) }
        case .v2: deadlines.set(.stage(key), at: now.advanced(by: configuration.registrationTimeout))
        }
    }

    private mutating func serve(_ key: TunnelKey) {
        guard let index = tunnelIndex(key), tunnels[index].stage == .registering else { return }
        tunnels[index].stage = .serving
        deadlines.cancel(.stage(key))
        guard !tunnels[index].isRetiring else { return }
        deadlines.set(.stable(key), at: now.advanced(by: configuration.stableAfter))
        advance(.registered)
    }

    private mutating func welcomed(_ key: TunnelKey, _ welcome: Welcome) {
        guard let index = tunnelIndex(key) else { return }
        tunnels[index].session?.adopt(welcome)
        if tunnels[index].pingInterval > .zero {
            tunnels[index].pingInterval = min(max(welcome.ping, Self.pingIntervals.lowerBound), Self.pingIntervals.upperBound)
        }
        schedulePing(key, after: tunnels[index].pingInterval)
        serve(key)
        log(.info, "agent.registered", .init("url", welcome.webURL), .init("session", welcome.sessionID))
        emit(.registered(webURL: welcome.webURL))
        emit(.roundTrip(now.since(tunnels[index].registeringSince)))
    }

    /// What a gateway may ask for: neither a flood of pings, nor that nobody notices for hours that it is gone.
    static let pingIntervals = Duration.milliseconds(100)...Duration.seconds(600)

    private mutating func registrationRefused(_ key: TunnelKey, _ failure: RPCFailure) {
        guard let index = tunnelIndex(key) else { return }
        // A v1 gateway that does not know the method takes requests for it nevertheless.
        if tunnels[index].session?.version == .v1, failure.code == RPCFailure.methodNotFound.code { return }
        let reason = refusalText(failure)
        tunnels[index].session?.close(.normal, reason: "not registered")
        takeOutput(of: key)
        switch TunnelFailure(rawValue: failure.code) {
        case .unauthorized, .badAgentID, .duplicateAgent: lose(key, Refusal(reason: reason, retry: .slowly), .close)
        case .serviceUnreachable, .serviceTimedOut, .serviceBroken, .bodyTooLarge, .tooManyStreams, .noWebService, nil:
            lose(key, Refusal(reason: reason), .close)
        }
    }

    /// What the gateway refuses, and what to do about it. Whether the token is missing or wrong it does not say; we know.
    private func refusalText(_ failure: RPCFailure) -> String {
        let said = "\(Self.printable(failure.message).asClause) (\(failure.code))"
        switch TunnelFailure(rawValue: failure.code) {
        case .unauthorized where configuration.token == nil: return "the gateway asks for a token: \(said); set gatewayToken"
        case .unauthorized: return "the gateway refuses the token: \(said); check gatewayToken"
        case .duplicateAgent:
            return "the gateway refuses to register this agent: \(said); choose another agentId, or stop the other"
        default: return "the gateway refuses to register this agent: \(said)"
        }
    }

    /// A stranger's words, for a log: no control characters, not too many.
    static func printable(_ text: String) -> String {
        let visible = text.unicodeScalars.lazy.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
        return String(String.UnicodeScalarView(visible.prefix(200)))
    }

    // MARK: Bytes

    mutating func receive(_ bytes: ArraySlice<UInt8>, fromGateway key: TunnelKey) {
        guard let index = tunnelIndex(key) else { return }
        tunnels[index].liveness.sawLife()
        if let outcome = tunnels[index].handshake?.receive(bytes) { return handle(outcome, on: key) }
        tunnels[index].session?.receive(bytes)
        handleEvents(of: key)
    }

    mutating func receiveEOF(fromGateway key: TunnelKey) {
        guard let index = tunnelIndex(key) else { return }
        if let outcome = tunnels[index].handshake?.receiveEOF() { return handle(outcome, on: key) }
        lose(key, Refusal(reason: "the gateway closed the connection"))
    }

    private mutating func write(_ bytes: ArraySlice<UInt8>, toGateway index: Int) {
        if let connection = tunnels[index].connection { emit(.write(connection, bytes)) }
    }

    /// What is ready goes out in one write.
    private mutating func takeOutput(of key: TunnelKey) {
        guard let index = tunnelIndex(key), let ready = tunnels[index].session?.takeOutput(), !ready.isEmpty else { return }
        write(ready, toGateway: index)
    }

    /// The end of a turn: each tunnel's output, the streams that have room again, and tunnels whose work is done.
    mutating func flushTunnels() {
        var index = 0
        while index < tunnels.count {
            let key = tunnels[index].key
            flush(key)
            if index < tunnels.count, tunnels[index].key == key { index += 1 }
        }
        haltIfDrained()
    }

    private mutating func flush(_ key: TunnelKey) {
        guard let index = tunnelIndex(key), tunnels[index].session != nil else { return }
        if tunnels[index].session?.wantsRoundTrip == true { measureRoundTrip(key, tunnels[index]) }
        takeOutput(of: key)
        handleEvents(of: key)  // writing made room
        holdServices(of: key)
        guard let index = tunnelIndex(key), let backlog = tunnels[index].session?.backlog else { return }
        if backlog > tunnels[index].session?.backlogLimit ?? 0 {
            lose(key, Refusal(reason: "the gateway does not read: \(backlog) bytes wait for it"))
        } else if tunnels[index].isIdle, phase == .draining, tunnels[index].hasLeft {
            close(key, .goingAway, "drained")  // one that retires is the gateway's to close: a request may be on its way
        }
    }

    // MARK: Liveness

    private mutating func schedulePing(_ key: TunnelKey, after interval: Duration) {
        guard interval > .zero else { return deadlines.cancel(.ping(key)) }
        deadlines.set(.ping(key), at: now.advanced(by: max(.milliseconds(1), interval)))
    }

    /// Either the next ping is due, or the wait for a sign of life after one is over.
    mutating func pingIsDue(_ key: TunnelKey) {
        guard let index = tunnelIndex(key) else { return }
        switch tunnels[index].liveness {
        case .resting:
            tunnels[index].ping(at: now)
            schedulePing(key, after: configuration.pongTimeout)
        case .answered:
            tunnels[index].liveness = .resting
            schedulePing(key, after: max(.milliseconds(1), tunnels[index].pingInterval - configuration.pongTimeout))
        case .awaiting:
            lose(key, Refusal(reason: "no sign of life from the gateway for \(configuration.pongTimeout) after a ping"))
        }
    }

    /// A body came so fast that its window may be too small for the road.
    private mutating func measureRoundTrip(_ key: TunnelKey, _ tunnel: Tunnel) {
        guard tunnel.pingInterval > .zero, tunnel.liveness != .awaiting else { return }
        tunnel.ping(at: now)
        schedulePing(key, after: configuration.pongTimeout)
    }

    mutating func becameStable(_ key: TunnelKey) {
        guard let index = tunnelIndex(key) else { return }
        tunnels[index].isStable = true
        backoff.reset()
    }

    mutating func stageTimedOut(_ key: TunnelKey) {
        guard let index = tunnelIndex(key) else { return }
        switch tunnels[index].stage {
        case .dialing:
            let gateway = configuration.gateway.hostField
            lose(key, Refusal(reason: "no connection to \(gateway) within \(configuration.connectTimeout)"))
        case .upgrading:
            let refusal = tunnels[index].handshake?.timeoutRefusal(after: "\(configuration.upgradeTimeout) passed")
            lose(key, refusal ?? Refusal(reason: "no answer to the WebSocket upgrade"))
        case .registering:
            lose(key, Refusal(reason: "no answer to agent.register within \(configuration.registrationTimeout)"))
        case .serving: break
        }
    }

    // MARK: Events

    /// Takes what happened in the session, until it needs more bytes or the tunnel is gone.
    private mutating func handleEvents(of key: TunnelKey) {
        while let index = tunnelIndex(key), let event = tunnels[index].session?.next() { handle(event, on: key) }
    }

    private mutating func handle(_ event: TunnelEvent, on key: TunnelKey) {
        switch event {
        case .request(let stream, let request): begin(request, on: key, stream)
        case .data(let stream, let bytes):
            if let exchange = exchange(key, stream) { takeBody(bytes, for: exchange) }
        case .end(let stream, let trailers):
            if let exchange = exchange(key, stream) { endRequest(exchange, trailers) }
        case .reset(let stream, let reason):
            guard let exchange = exchange(key, stream) else { return }
            finish(exchange, failure: "the gateway gave it up: \(reason)", outcome: "cancelled")
        case .resume(let stream):
            if let exchange = exchange(key, stream) { resumeReading(for: exchange) }
        case .welcome(let welcome): welcomed(key, welcome)
        case .refused(let failure): registrationRefused(key, failure)
        case .drain(let within): retire(key, within: within)
        case .closed(let code, let reason): gatewayCloses(key, code, reason)
        case .broken(let code, let reason):
            takeOutput(of: key)
            lose(key, Refusal(reason: "the gateway broke the protocol: \(reason) (\(code.rawValue))"), .close)
        case .pong(let payload):
            guard let index = tunnelIndex(key), let measured = tunnels[index].pong(payload, at: now) else { return }
            if !tunnels[index].isRetiring { emit(.roundTrip(measured)) }
        case .register, .status, .leaving, .informational, .response, .failed: break  // only a gateway gets these
        }
    }

    // MARK: The end

    private mutating func gatewayCloses(_ key: TunnelKey, _ code: WSCloseCode?, _ reason: String) {
        takeOutput(of: key)  // our own Close frame
        let said = reason.isEmpty ? "" : ": \(Self.printable(reason).asClause)"
        let number = code.map { " (\($0.rawValue))" } ?? ""
        switch code.flatMap({ TunnelClose(rawValue: $0.rawValue) }) {
        case .replaced:
            let reason =
                "another agent registered as \(description.agentID) and takes its place; to run both, give one another agentId"
            lose(key, Refusal(reason: reason, retry: .never), .close)
        case .unauthorized:
            let reason =
                configuration.token == nil
                ? "the gateway asks for a token\(said); set gatewayToken"
                : "the gateway refuses the token\(said); check gatewayToken"
            lose(key, Refusal(reason: reason, retry: .slowly), .close)
        case .notRegistered, .duplicate, nil:
            lose(key, Refusal(reason: "the gateway closed the connection\(number)\(said)"), .close)
        }
    }

    /// Says goodbye, if there is anyone to say it to, and lets go of the tunnel. What is in flight is cut.
    mutating func close(_ key: TunnelKey, _ code: WSCloseCode, _ reason: String) {
        guard let index = tunnelIndex(key) else { return }
        let isOpen = tunnels[index].session != nil
        tunnels[index].session?.close(code, reason: reason)
        takeOutput(of: key)
        remove(key, isOpen ? .close : .abort)
    }

    /// Takes a tunnel away with all that belongs to it. What that means for the phase is the caller's to say.
    mutating func remove(_ key: TunnelKey, _ ending: TunnelEnding) {
        guard let index = tunnelIndex(key) else { return }
        for exchange in tunnels[index].exchanges.all {
            finish(exchange, failure: "the connection to the gateway is lost", outcome: "gateway-lost")
        }
        let tunnel = tunnels.remove(at: index)
        for timer in [.stage(key), .stable(key), .ping(key), .retire(key)] as [TimerKey] { deadlines.cancel(timer) }
        if case .dialing(let dial) = tunnel.stage, dials.removeValue(forKey: dial) != nil { emit(.cancelDial(dial)) }
        if let connection = tunnel.connection {
            switch ending {
            case .abort: emit(.abort(connection))
            case .close: emit(.close(connection))
            }
        }
        if tunnels.isEmpty { emptyPool() }
    }
}
