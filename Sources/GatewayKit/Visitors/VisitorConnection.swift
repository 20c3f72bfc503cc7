// One connection of a visitor, or of an agent before its first request has said so: HTTP/1.1 in, responses out. Requests are
// decoded one at a time (RFC 9112 §9.3.2: pipelined ones wait). It knows requests and responses, and nothing of agents.

import HTTPCodec
import MachineCore

final class VisitorConnection {
    let id: ConnectionID
    let peer: String
    /// The same, read; one that is no address comes from this machine.
    let peerAddress: NetworkAddress
    @exclusivity(unchecked) private(set) var phase = VisitorPhase.receivingHead
    /// What is under way for it; set and read by whoever keeps exchanges.
    @exclusivity(unchecked) var exchange: ExchangeID?
    /// What its last request for a service named.
    @exclusivity(unchecked) private var knownAddress: KnownAddress?
    /// What TLS on it came to; nil: there is none.
    private(set) var security: ConnectionSecurity?
    /// The port of https that its requests are sent to; nil: they are served.
    let redirectPort: UInt16?
    /// It is among the connections that its address has.
    var isCounted = false
    /// Given to the transport and not yet written.
    @exclusivity(unchecked) private(set) var queuedBytes = 0
    /// Something of the next request has come (so the head timeout counts, not the idle one).
    @exclusivity(unchecked) private(set) var hasBegun = false
    // Unchecked: nothing that runs during an access could reach the same property.
    @exclusivity(unchecked) private var reader: RequestReader
    @exclusivity(unchecked) private var output = VisitorOutput()
    /// The response that is on its way out.
    @exclusivity(unchecked) var response = ResponseWriter()
    @exclusivity(unchecked) private var isReading = true
    @exclusivity(unchecked) private var share = TurnShare()
    /// What it is for is told by the phase.
    @exclusivity(unchecked) private var deadline = LazyDeadline()
    let shared: VisitorResources

    /// Of a later request, before the response is out.
    private static let maximumUnreadRequest = 8 * 1024

    init(_ id: ConnectionID, peer: String, redirectPort: UInt16? = nil, _ shared: VisitorResources) {
        self.id = id
        self.peer = peer
        self.redirectPort = redirectPort
        self.shared = shared
        peerAddress = NetworkAddress(peer) ?? .local
        reader = RequestReader(limits: shared.environment.configuration.limits.http)
    }

    /// The connection as it left another loop, after a head.
    init(_ id: ConnectionID, _ moved: VisitorState, _ shared: VisitorResources) {
        self.id = id
        self.shared = shared
        peer = moved.peer
        security = moved.security
        redirectPort = nil
        peerAddress = NetworkAddress(peer) ?? .local
        reader = RequestReader(moved.decoder)
        queuedBytes = moved.queuedBytes
        isReading = moved.isReading
        hasBegun = true
    }

    /// What goes to another loop; here it is over.
    func handOver(_ turn: inout Turn) -> VisitorState {
        flush(&turn)
        return VisitorState(
            peer: peer, decoder: reader.handOver(), queuedBytes: queuedBytes, isReading: isReading, security: security)
    }

    /// It is no visitor's any more: nothing further comes of it here.
    func retire() { advance(.closes) }

    /// TLS is spoken on it from its first byte on.
    func secured(_ facts: TLSFacts) { security = ConnectionSecurity(facts) }

    /// Whom to hold responsible for the connection itself.
    var address: NetworkAddress { peerAddress.responsible }

    /// The only place where the phase changes.
    private func advance(_ event: VisitorPhase.Event) {
        if let next = phase.after(event) { phase = next }
    }

    private var limits: GatewayLimits { shared.environment.configuration.limits }

    // MARK: What comes

    /// Takes bytes. True: `next` may say something; false: they are of no interest now.
    func receive(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn) -> Bool {
        shared.metrics.visitorSent(bytes.count)
        switch phase {
        case .closing, .watching, .upgraded: return false
        case .receivingHead, .paused, .awaitingAgent, .exchanging, .collecting, .discarding:
            reader.receive(bytes)
            share.begin()
            if phase == .receivingHead, !hasBegun {
                hasBegun = true
                if pausesBeforeNext(&turn) { return false }
                setDeadline(turn.now.advanced(by: limits.headTimeout))
            }
            return true
        }
    }

    /// What came, one by one; nil: nothing further now.
    func next(_ turn: inout Turn) -> VisitorEvent? {
        do throws(HTTPDecodeError) {
            while phase.takesRequests, let item = try reader.next(phase) {
                switch item {
                case .head(let head, let framing):
                    shared.metrics.requestCame()
                    let id = shared.requestIDs.id(for: head.fields)
                    return .request(
                        VisitorRequest(head: head, framing: framing, id: id, received: turn.now, security: security))
                case .body(let bytes): return .body(bytes)
                case .end(let trailers): return .end(trailers)
                case .collected(let request): return .collected(request)
                case .tooLarge(let collected):
                    return .refused(.bodyTooLarge(limit: UInt64(collected.route.maximumBody)), collected.request)
                case .discarded: startNextRequest(&turn)
                case .closed: close(&turn)
                }
            }
            boundUnread(&turn)
            return nil
        } catch {
            reader.stopCollecting()
            return .refused(.malformed(error), nil)
        }
    }

    /// Bytes of a later request wait in the kernel. Where there will be none, what came is forgotten.
    private func boundUnread(_ turn: inout Turn) {
        switch phase {
        case .exchanging:
            if reader.waitingCount() > Self.maximumUnreadRequest { setReading(false, &turn) }
        case .watching, .closing: _ = reader.takeUnread()
        case .receivingHead, .paused, .awaitingAgent, .collecting, .discarding, .upgraded: break
        }
    }

    /// Whether nothing is here beyond the request.
    var hasNothingUnread: Bool { reader.unreadCount == 0 }

    /// What is here beyond the request, which is for another protocol.
    func takeUnread() -> ArraySlice<UInt8> { reader.takeUnread() }

    /// Waits for the body of a request to the gateway itself, which comes as `collected` when it is whole.
    func collectBody(of request: VisitorRequest, for route: OwnRoute, _ turn: inout Turn) {
        advance(.collects)
        reader.collect(request, for: route)
        setDeadline(turn.now.advanced(by: limits.headTimeout))
        if request.expectsContinue { writeContinue(&turn) }
    }

    // MARK: The next request

    /// The response is out: the connection takes another request, of which something may be here already.
    func startNextRequest(_ turn: inout Turn) {
        advance(.completed)
        response.end()
        hasBegun = reader.startNextRequest()
        if hasBegun, pausesBeforeNext(&turn) { return }
        setDeadline(turn.now.advanced(by: hasBegun ? limits.headTimeout : shared.idleTimeout))
    }

    private func pausesBeforeNext(_ turn: inout Turn) -> Bool {
        guard share.isUsedUp(unread: queuedBytes) else { return false }
        setReading(false, &turn)
        advance(.paused)
        reader.keepUnread()
        joinNextTurn()
        setDeadline(turn.now.advanced(by: limits.writeTimeout))
        return true
    }

    private func joinNextTurn() {
        if phase == .paused, share.joinsNextTurn(unread: queuedBytes) { shared.resumeNextTurn(id) }
    }

    /// A turn later: whether it takes further requests.
    func resume(_ turn: inout Turn) -> Bool {
        guard share.goesOn(unread: queuedBytes), phase == .paused else { return false }
        advance(.resumed)
        setDeadline(turn.now.advanced(by: limits.headTimeout))
        setReading(true, &turn)
        return true
    }

    // MARK: On its way to an agent

    /// The request waits for its agent, until then at most. Nothing is read meanwhile.
    func holdForAgent(until moment: Moment, _ turn: inout Turn) {
        advance(.heldForAgent)
        reader.keepUnread()
        setReading(false, &turn)
        setDeadline(moment)
    }

    /// It waits no longer.
    func release(_ turn: inout Turn) {
        advance(.released)
        setReading(true, &turn)
    }

    /// Where a request goes. What names a service is remembered: the next request mostly names the same.
    func route(_ request: VisitorRequest, by router: Router) -> Route {
        let route = router.route(request, known: knownAddress)
        if case .web(let web) = route, knownAddress?.address !== web.address {
            knownAddress = KnownAddress(web.address, by: router, host: request.head.fields.first(.host))
        }
        return route
    }

    /// The request was given to an agent.
    func requestForwarded() { advance(.forwarded) }

    /// The agent refused it unprocessed.
    func requestRefused() { advance(.refusedByAgent) }

    /// The response was a 101: what came beside the request belongs to the other protocol.
    func upgrade(_ turn: inout Turn) -> ArraySlice<UInt8> {
        advance(.upgraded)
        setReading(true, &turn)  // it may have been stopped for what it sent ahead
        return reader.takeUnread()
    }

    // MARK: Responses of the gateway's own

    /// Sends a whole response. Without a request, or when its body is too long to be read and thrown away, the connection ends
    /// with it.
    func respond(_ response: OwnResponse, to request: VisitorRequest?, _ turn: inout Turn) {
        guard phase != .closing else { return }
        share.responded()
        reader.stopCollecting()
        let mayStay =
            request.map { $0.head.keepsAlive && $0.canDiscard(upTo: limits.maximumDiscardedBody) } ?? false
        let keepsAlive = mayStay && !shared.isDraining
        let bytes = shared.encode(response, to: request, from: peer, keepsAlive: keepsAlive, &turn)
        write(bytes[...], &turn)
        if !keepsAlive {
            close(&turn)
        } else if request?.isOver == true {
            startNextRequest(&turn)
        } else {
            advance(.discards)
            setDeadline(turn.now.advanced(by: limits.headTimeout))
        }
    }

    /// Begins a response that never ends, with `first`, and says no more of it for `quietLimit` at most.
    func beginEvents(
        _ response: OwnResponse, to request: VisitorRequest, first: [UInt8], quietLimit: Duration, _ turn: inout Turn
    ) {
        let bytes = shared.encode(response, to: request, from: peer, keepsAlive: false, isWhole: false, &turn)
        guard request.head.method == "GET" else {
            write(bytes[...], &turn)
            return close(&turn)
        }
        advance(.watches)
        self.response.quietLimit = quietLimit
        writeEvents(bytes + first, &turn)
    }

    // MARK: The transport's side

    /// Writes bytes: joined with what is there, or from where they lie.
    func write(_ bytes: ArraySlice<UInt8>, _ turn: inout Turn) {
        guard bytes.count > Self.joinedCount else {
            _ = appendOutput {
                $0.append(contentsOf: bytes)
                return true
            }
            return
        }
        flush(&turn)
        queuedBytes += bytes.count
        shared.metrics.visitorWasSent(bytes.count)
        turn.outputs.append(.transport(.write(id, bytes)))
    }

    /// What `body` appends is written with the next `flush`, at the end of the machine's call at the latest. Returns what it
    /// returns.
    @inline(__always)
    func appendOutput(_ body: (inout [UInt8]) -> Bool) -> Bool {
        let wasEmpty = output.isEmpty
        let (result, added) = output.append(isAllWritten: queuedBytes == 0, body)
        guard added > 0 else { return result }
        if wasEmpty { shared.mustFlush(self) }
        queuedBytes += added
        shared.metrics.visitorWasSent(added)
        return result
    }

    /// Gives the transport what was written.
    func flush(_ turn: inout Turn) {
        if let bytes = output.lend() { turn.outputs.append(.transport(.write(id, bytes))) }
    }

    /// Up to here bytes are copied, so that head and body are one piece to the transport.
    static let joinedCount = 16 * 1024

    func setReading(_ isOn: Bool, _ turn: inout Turn) {
        guard isReading != isOn, phase != .closing, phase != .paused else { return }
        isReading = isOn
        turn.emit(.setReading(id, isOn))
    }

    /// The socket took `count` bytes of what was written.
    func took(_ count: Int, _ now: Moment) {
        queuedBytes = max(0, queuedBytes - count)
        if queuedBytes == 0 { output.allWritten() }
        watchWriting(now)
        joinNextTurn()
    }

    /// Writes what is queued and closes. `lingers` is false for a visitor that asked for the end (RFC 9112 §9.6) and has sent
    /// nothing after its request.
    func close(lingers: Bool = true, _ turn: inout Turn) {
        guard phase != .closing else { return }
        advance(.closes)
        setDeadline(turn.now.advanced(by: limits.writeTimeout))
        flush(&turn)
        turn.emit(lingers ? .close(id) : .closeAtOnce(id))
    }

    /// Cuts the connection, so that no client takes a part for the whole.
    func abort(_ turn: inout Turn) {
        advance(.closes)
        output = VisitorOutput()
        turn.emit(.abort(id))
    }

    // MARK: Time

    func setDeadline(_ moment: Moment?) {
        if let moment = deadline.set(moment) { shared.timers.set(id, at: moment) }
    }

    /// Its entry in the heap has come up: whether the deadline has passed.
    func isDeadlinePassed(_ now: Moment) -> Bool {
        let (hasPassed, again) = deadline.comeUp(now)
        if let again { shared.timers.set(id, at: again) }
        return hasPassed
    }
}
