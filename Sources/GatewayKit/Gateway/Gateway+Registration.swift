// How an agent becomes one of ours: its handshake (RFC 6455 §4.2), its token, and `agent.register`.
//
// Refuses what is no WebSocket handshake, an id that is none, a wrong token, and, where so configured, an id that is connected.

import HTTPCodec
import MachineCore
import RPCCore
import TunnelLink
import WireWS

// MARK: Handshake

extension Gateway {
    /// `isAtHome`: this is the loop that its agent lives on.
    mutating func upgradeAgent(
        _ id: ConnectionID, _ request: VisitorRequest, isAtHome: Bool, _ now: Moment, _ outputs: inout Outputs
    ) {
        do throws(GatewayError) {
            let handshake = try AgentHandshake(request)
            guard AgentOrigin.isAllowed(request.head.fields, configuration.agentOrigins) else { throw .crossSite }
            let client = provenance(id, request.head).client
            try authorize(handshake, from: client, now)
            guard !isDraining else { throw .overloaded }
            if !isAtHome, let next = try wayHome(of: handshake.agentID, now) {
                return move(id, request, .handshake(isAtHome: loop == 0), to: next, &outputs)
            }
            guard hasShownToken(handshake) || unregistered.hasRoom(for: client) else { throw .overloaded }
            welcomeAgent(id, handshake, request.head, from: client, now, &outputs)
        } catch {
            var fields: [LogRecord.Field] = [
                .init("peer", clientText(id, request.head)), .init("status", "\(error.status)"), .init("code", error.code),
            ]
            // Who was turned away is not told; a missing token is no reason to, since it may come in `agent.register`.
            if error == .unauthorized { fields.append(.init("reason", "the token is wrong")) }
            log(.warning, "agent.turned-away", fields, &outputs)
            answer(id, error, to: request, now, &outputs)
        }
    }

    /// A wrong token is refused at once; a missing one may still come inside `agent.register`.
    private mutating func authorize(_ handshake: AgentHandshake, from client: NetworkAddress?, _ now: Moment)
        throws(GatewayError)
    {
        if let token = handshake.token, handshake.agentID == nil || access.admission.needsToken(handshake.agentID) {
            if let wait = waitForAttempt(client, now) { throw .tooManyAttempts(wait) }
            let admission = access.admission
            guard admission.accepts(token, for: handshake.agentID) || handshake.agentID == nil && admission.isSomebodys(token)
            else {
                attemptFailed(client, now)
                throw .unauthorized
            }
        }
        guard let id = handshake.agentID, handshake.token != nil || !access.admission.needsToken(id) else { return }
        guard !access.admission.reserved.contains(id) else { throw .reservedName(id) }
        if let owner = registry.otherOwner(of: id) { throw .nameTaken(id, by: owner) }
        if configuration.duplicateAgents == .reject, !rivals(of: id).isEmpty { throw .duplicateAgent(id) }
    }

    /// The tunnels under this id; those that were told to go elsewhere are in nobody's way.
    private func rivals(of agentID: String) -> [ConnectionID] {
        registry.tunnels(of: agentID).filter { agents[$0].map { !$0.isRetiring && !$0.isLeaving } ?? false }
    }

    /// Whether the handshake, which was authorised, proves anything.
    private func hasShownToken(_ handshake: AgentHandshake) -> Bool {
        handshake.token != nil && access.admission.needsToken(handshake.agentID)
    }

    private mutating func welcomeAgent(
        _ id: ConnectionID, _ handshake: AgentHandshake, _ head: HTTPRequestHead, from client: NetworkAddress?, _ now: Moment,
        _ outputs: inout Outputs
    ) {
        var bytes: [UInt8] = []
        try? handshake.response.encode(into: &bytes)
        outputs.append(.transport(.write(id, bytes[...])))
        let unread = visitors[id]?.decoder.takeUnread() ?? []
        let deadline = now.advanced(by: configuration.limits.registrationTimeout)
        let link = AgentLink(
            peer: visitors[id]?.peer ?? "",
            session: TunnelSession(.gateway, version: handshake.version, limits: configuration.limits.tunnel),
            agentID: handshake.agentID, presentedToken: handshake.token, now: now, deadline: deadline)
        link.session.agentIDInURL = handshake.agentID
        link.address = address(id, head)
        link.origin = head.fields[.origin]
        link.client = client
        link.isStranger = !hasShownToken(handshake)
        if link.isStranger { unregistered.add(client) }
        uncountConnection(visitors[id])
        visitors[id] = nil
        deadlines.cancel(.visitor(id))
        agents[id] = link
        deadlines.set(.agent(id), at: deadline)
        // The seed's agents say who they are in the URL and nothing more.
        if handshake.version == .v1, let agentID = handshake.agentID, access.admission.accepts(handshake.token, for: agentID) {
            register(id, AgentDescription(agentID: agentID), now, &outputs)
            resumeWaiting(for: agentID, now, &outputs)
        }
        if !unread.isEmpty { receiveFromAgent(id, unread, now, &outputs) }
    }
}

/// What an agent's handshake says.
struct AgentHandshake {
    var agentID: String?
    var token: String?
    var version = TunnelVersion.v1
    var response = HTTPResponseHead(status: 101, fields: HTTPFields())

    init(_ request: VisitorRequest) throws(GatewayError) {
        let head = request.head
        guard head.method == "GET" else { throw .methodNotAllowed(allow: "GET") }
        guard head.asksForUpgrade, head.fields.containsToken("websocket", in: .upgrade), request.framing == .none,
            head.fields[.secWebSocketVersion] == "13", let key = head.fields[.secWebSocketKey],
            let accept = WSHandshake.accept(forKey: key)
        else { throw Self.isTornHandshake(head) ? .upgradeDropped : .upgradeRequired }
        let query = Router.pathAndQuery(of: head.target)?.query
        agentID = Authorization.queryValue("agentId", in: query)
        if let agentID, !AgentDescription.isValidID(agentID) { throw .badAgentID }
        token = Authorization.bearerToken(head.fields) ?? Authorization.queryValue("token", in: query)
        let offered = head.fields.tokens(.secWebSocketProtocol).compactMap { TunnelVersion(subprotocol: $0) }.max()
        version = offered ?? .v1
        for (name, value) in [
            (.upgrade, "websocket"), (.connection, "Upgrade"), (.secWebSocketAccept, accept),
        ] as [(HTTPFieldName, String)] { try? response.fields.append(name, value) }
        if let offered { try? response.fields.append(.secWebSocketProtocol, offered.subprotocol) }
    }

    /// Whether it began as a WebSocket handshake: its end-to-end fields are here, those of one connection are not.
    private static func isTornHandshake(_ head: HTTPRequestHead) -> Bool {
        head.fields.contains(.secWebSocketKey)
            && !(head.asksForUpgrade && head.fields.containsToken("websocket", in: .upgrade))
    }
}

// MARK: Registration

extension Gateway {
    mutating func register(
        _ id: ConnectionID, asked rpcID: RPCID, _ description: AgentDescription, _ now: Moment, _ outputs: inout Outputs
    ) {
        guard let link = agents[id] else { return }
        let agentID = description.agentID
        guard AgentDescription.isValidID(agentID), link.agentID == nil || link.agentID == agentID else {
            let reason = "agentId must be 1 to 64 of A-Z a-z 0-9 . _ - and the same as in the URL"
            return refuse(id, rpcID, TunnelFailure.badAgentID.failure(reason), .notRegistered, now, &outputs)
        }
        guard link.isRegistered || mayRegister(link, link.presentedToken ?? description.token, agentID, now) else {
            let isMissing = link.presentedToken == nil && description.token == nil
            let failure = TunnelFailure.unauthorized.failure("the token is missing or wrong")
            let reason = isMissing ? "no token came" : "the token is wrong, or not looked at after too many wrong ones"
            return refuse(id, rpcID, failure, .unauthorized, for: reason, now, &outputs)
        }
        guard !access.admission.reserved.contains(agentID) else {
            let failure = TunnelFailure.badAgentID.failure(GatewayError.reservedName(agentID).explanation)
            return refuse(id, rpcID, failure, .notRegistered, now, &outputs)
        }
        guard link.agentID != nil || !livesElsewhere(agentID) else {
            let reason = "an agent \(agentID) is connected that has its id in the URL: put ?agentId=\(agentID) there"
            return refuse(id, rpcID, TunnelFailure.badAgentID.failure(reason), .notRegistered, now, &outputs)
        }
        if let owner = registry.otherOwner(of: agentID) {
            let failure = TunnelFailure.duplicateAgent.failure(GatewayError.nameTaken(agentID, by: owner).explanation)
            return refuse(id, rpcID, failure, .duplicate, now, &outputs)
        }
        if configuration.duplicateAgents == .reject, rivals(of: agentID).contains(where: { $0 != id }) {
            let failure = TunnelFailure.duplicateAgent.failure("an agent \(agentID) is connected already")
            return refuse(id, rpcID, failure, .duplicate, now, &outputs)
        }
        register(id, description, now, &outputs)
        let welcome = welcome(for: agentID, link)
        agents[id]?.session.welcome(rpcID, welcome)
        markDirty(id)
        resumeWaiting(for: agentID, now, &outputs)
    }

    /// Whether the token opens this id to agents. None at all is no attempt.
    private mutating func mayRegister(_ link: AgentLink, _ token: String?, _ agentID: String, _ now: Moment) -> Bool {
        guard access.admission.needsToken(agentID) else { return true }
        guard let token, waitForAttempt(link.client, now) == nil else { return false }
        if access.admission.accepts(token, for: agentID) { return true }
        attemptFailed(link.client, now)
        return false
    }

    private mutating func welcome(for agentID: String, _ link: AgentLink) -> Welcome {
        sessionCount += 1
        return Welcome(
            sessionID: loop == 0 ? "s\(sessionCount)" : "s\(loop).\(sessionCount)",
            webURL: webURL(of: agentID, from: link.address),
            ping: configuration.limits.pingInterval,
            initialWindow: configuration.limits.tunnel.initialWindow, maximumStreams: configuration.limits.tunnel.maximumStreams
        )
    }

    /// Puts the agent on the list; those before it under the same id make way, unless they share the work.
    private mutating func register(_ id: ConnectionID, _ description: AgentDescription, _ now: Moment, _ outputs: inout Outputs)
    {
        let agentID = description.agentID
        guard let link = agents[id] else { return }
        if configuration.duplicateAgents != .balance {
            for other in rivals(of: agentID) where other != id {
                closeAgent(other, TunnelClose.replaced, "another agent registered as \(agentID)", now, &outputs)
            }
        }
        link.agentID = agentID
        if !link.isRegistered {
            link.credential = (link.presentedToken ?? description.token).map { TokenDigest($0, key: signer.secret) }
        }
        link.presentedToken = nil
        link.session.admit()
        noLongerStranger(link)
        link.description = description
        link.description.token = nil
        link.isInspected = isInspected(description)
        guard !link.isRegistered else { return describe(agentID, by: link) }
        link.isRegistered = true
        link.registeredAt = clock.unixSeconds(at: now)
        statistics.agentsRegistered &+= 1
        registry.add(description, connection: id, remoteAddress: link.peer, at: link.registeredAt)
        link.tally = registry.tally(of: agentID)
        neighbours.arrived(agentID)
        agentIsHere(agentID, &outputs)
        describe(agentID, by: link)
        scheduleAgent(id, at: now)  // the first ping: the round trip is known at once
        log(
            .info, "agent.registered",
            [
                .init("agent", agentID), .init("peer", link.peer), .init("protocol", link.session.version.subprotocol),
                .init("tunnels", "\(registry.tunnels(of: agentID).count)"),
            ], &outputs)
    }

    /// The agent is known now, or gone.
    mutating func noLongerStranger(_ link: AgentLink) {
        guard link.isStranger else { return }
        link.isStranger = false
        unregistered.remove(link.client)
    }

    private mutating func refuse(
        _ id: ConnectionID, _ rpcID: RPCID, _ failure: RPCFailure, _ code: TunnelClose, for reason: String? = nil,
        _ now: Moment, _ outputs: inout Outputs
    ) {
        log(
            .warning, "agent.refused",
            [
                .init("peer", agents[id]?.peer ?? ""), .init("code", "\(failure.code)"),
                .init("reason", reason ?? failure.message),
            ],
            &outputs)
        agents[id]?.session.refuse(rpcID, failure)
        closeAgent(id, code, failure.message, now, &outputs)
    }

    /// Where visitors find an agent, who find the gateway at `address`.
    func webURL(of agentID: String, from address: String) -> String {
        guard let subdomainHost = configuration.web.subdomainHost else {
            return "\(address)\(configuration.web.pathPrefix)/\(agentID)/"
        }
        let scheme = address.hasPrefix("https:") ? "https" : "http"
        let authority = GatewayConfiguration.authority(of: address)
        let port = authority.split(separator: ":").dropFirst().last.flatMap { $0.allSatisfy(\.isNumber) ? ":\($0)" : nil } ?? ""
        return "\(scheme)://\(agentID.lowercased()).\(subdomainHost)\(port)/"
    }
}
