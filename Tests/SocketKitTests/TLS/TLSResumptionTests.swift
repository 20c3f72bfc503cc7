// Sessions that are resumed: by any context with the same ticket keys, by none without, and only where the same is asked of
// clients.

import Testing
import X509

@testable import SocketKit

@Suite("TLS: resumption", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct TLSResumptionTests {
    let authority: TestAuthority
    let credential: TLSCredential
    let clients: TLSContext

    init() throws {
        authority = try TestAuthority.usual.get()
        credential = try authority.credential(["gw.example.com", "other.example.com"])
        clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
    }

    private func server(_ keys: [TLSTicketKey], _ clients: TLSServerSettings.Clients = .anonymous) throws -> TLSContext {
        try TLSContext(server: TLSServerSettings([credential], clients: clients, ticketKeys: keys))
    }

    /// Whether a new connection to `server` resumes an earlier session, as both ends see it.
    private func resumes(_ server: TLSContext, host: String = "gw.example.com") throws -> Bool {
        let pair = try TLSPair(clients, server, host: host)
        pair.carry()
        let (client, server) = (try #require(pair.client.engine.facts), try #require(pair.server.engine.facts))
        #expect(client.isResumed == server.isResumed)
        #expect(client.peerNames == ["gw.example.com", "other.example.com"] && server.serverName == host)
        return client.isResumed
    }

    @Test(arguments: [SSLVersion.tls13, SSLVersion.tls12]) func anyContextWithTheSameKeyResumes(_ version: Int) throws {
        let key = TLSTicketKey()
        let (one, other) = (try server([key]), try server([key]))
        clients.limit(to: version)
        #expect(try !resumes(one))
        #expect(try resumes(other))
        #expect(try resumes(one))
        #expect(try !resumes(server([TLSTicketKey()])))
    }

    @Test func keysRotate() throws {
        let (first, second, third) = (TLSTicketKey(), TLSTicketKey(), TLSTicketKey())
        let context = try server([first])
        #expect(try !resumes(context))
        context.ticketKeys = [second, first]
        #expect(try resumes(context))
        // What was handed out then is of the second key.
        context.ticketKeys = [third, second]
        #expect(try resumes(context))
        context.ticketKeys = []
        #expect(context.ticketKeys == [third, second])
        context.ticketKeys = [first]
        #expect(try !resumes(context))
    }

    @Test func aSessionIsForItsHostAlone() throws {
        let context = try server([])
        #expect(try !resumes(context))
        #expect(try !resumes(context, host: "other.example.com"))
        #expect(try resumes(context, host: "other.example.com"))
        #expect(try resumes(context))
    }

    /// A ticket of a listener that asks for nothing must not pass where a certificate is required.
    @Test func aTicketCountsOnlyWhereTheSameIsAskedOfClients() throws {
        let key = TLSTicketKey()
        let (open, strict) = (try server([key]), try server([key], .mayAuthenticate(authorities: authority.pem)))
        #expect(try !resumes(open))
        #expect(try !resumes(strict))
        #expect(try resumes(strict))
    }

    @Test func theCertificateOfAClientIsInItsTicket() throws {
        let laptop = try authority.credential([], subject: "laptop", purposes: [.client])
        let clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem), credential: laptop))
        let key = TLSTicketKey()
        for expected in [false, true] {
            let context = try server([key], .mustAuthenticate(authorities: authority.pem))
            let pair = try TLSPair(clients, context)
            pair.carry()
            #expect(pair.server.engine.facts?.isResumed == expected)
            #expect(pair.server.engine.facts?.peerSubject == "CN=laptop")
        }
    }

    @Test func aTicketThatWasChangedIsNoTicket() throws {
        let context = try server([])
        #expect(try !resumes(context))
        context.ticketKeys = try context.ticketKeys.map { key in
            var bytes = key.bytes
            bytes[20] ^= 1  // the MAC's key, so that every MAC is wrong
            return try #require(TLSTicketKey(bytes))
        }
        #expect(try !resumes(context))
    }

    @Test func keysHaveEightyBytes() {
        #expect(TLSTicketKey([UInt8](repeating: 1, count: 80)) != nil)
        #expect(TLSTicketKey([UInt8](repeating: 1, count: 79)) == nil && TLSTicketKey([]) == nil)
        #expect(TLSTicketKey() != TLSTicketKey())
    }
}
