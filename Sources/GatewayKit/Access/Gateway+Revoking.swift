// What new settings mean for those who are in already: whoever would not be let in any more goes at once. An agent's tunnel is closed with
// a reason; of visitors those go whose exchange is under way, be it an upgraded connection or an answer without an end.
//
// Of what an agent presented a digest is kept, under the key that signs cookies: enough to compare it with other tokens, and of no
// use to anybody else. A visitor's request is kept while its exchange lasts, and is looked at again.

import HTTPCodec
import MachineCore
import TunnelLink
import WebConsole

/// What stands for a token where the token itself need not be kept.
struct TokenDigest: Sendable, Hashable {
    private let bytes: [UInt8]

    init(_ token: String, key: [UInt8]) { bytes = SHA256.authenticationCode(for: Array(token.utf8), key: key) }

    /// Whether it is that of one of `tokens`. All are compared, each in time that depends on lengths alone.
    func isOne(of tokens: [TokenDigest]) -> Bool {
        tokens.reduce(false) { Authorization.equalInConstantTime(bytes, $1.bytes) || $0 }
    }
}

/// Digests of tokens, each made once.
struct TokenDigests {
    let key: [UInt8]
    private var made: [String: TokenDigest] = [:]

    init(key: [UInt8]) { self.key = key }

    mutating func digests(of tokens: [String]) -> [TokenDigest] {
        tokens.map { token in
            if let digest = made[token] { return digest }
            let digest = TokenDigest(token, key: key)
            made[token] = digest
            return digest
        }
    }
}

extension Gateway {
    /// The settings have changed: whoever they let in no longer goes.
    mutating func revoke(_ now: Moment, _ outputs: inout Outputs) {
        revokeAgents(now, &outputs)
        if access.guardsAgents || !configuration.web.isEnabled { revokeVisitors(now, &outputs) }
    }

    private mutating func revokeAgents(_ now: Moment, _ outputs: inout Outputs) {
        var digests = TokenDigests(key: signer.secret)
        for id in agents.allIDs {
            guard let link = agents[id], link.isRegistered, let agentID = link.agentID else { continue }
            if access.admission.reserved.contains(agentID) {
                closeAgent(id, .notRegistered, GatewayError.reservedName(agentID).explanation, now, &outputs)
            } else if !AgentOrigin.isAllowed(link.origin, configuration.agentOrigins) {
                closeAgent(id, .unauthorized, "its origin is not allowed any more", now, &outputs)
            } else if !access.admission.accepts(link.credential, for: agentID, &digests) {
                closeAgent(id, .unauthorized, "its token is not accepted any more", now, &outputs)
            }
        }
    }

    private mutating func revokeVisitors(_ now: Moment, _ outputs: inout Outputs) {
        for id in visitors.allIDs {
            guard let exchange = visitors[id]?.exchange, exchange.replay == nil, let error = objection(toStayOf: id, exchange)
            else { continue }
            failExchange(id, error, .cancelled, now, &outputs)
        }
    }

    /// Why an exchange would not begin any more.
    private func objection(toStayOf id: ConnectionID, _ exchange: WebExchange) -> GatewayError? {
        guard configuration.web.isEnabled else { return .webServiceOff }
        let door = access.door(of: exchange.agentID)
        guard !door.isOpen, !isPassingPreflight(exchange.asked, of: id, door) else { return nil }
        guard door.admits(provenance(id, exchange.request).client) else { return .forbidden }
        return wouldPass(id, exchange.request, door, exchange.received) ? nil : .unauthorized
    }
}

extension AgentAdmission {
    /// Whether an agent that presented this, or nothing, may have this id.
    func accepts(_ credential: TokenDigest?, for agentID: String, _ digests: inout TokenDigests) -> Bool {
        let tokens = tokens(for: agentID)
        guard !tokens.isEmpty else { return true }
        return credential?.isOne(of: digests.digests(of: tokens)) ?? false
    }
}
