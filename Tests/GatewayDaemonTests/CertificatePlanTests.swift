// For which names certificates are asked: those that the settings and the registry name, and none that a certificate from a
// file is for.

import ACMEKit
import GatewayKit
import SocketKit
import Testing
import X509

@testable import gatewayd

@Suite struct CertificatePlanTests {
    private func plan(_ own: [TLSCredential] = []) throws -> CertificatePlan {
        var gateway = GatewayConfiguration()
        gateway.publicURL = "https://gw.example.com"
        gateway.web.subdomainHost = "gw.example.com"
        gateway.agents = ["Pi": AgentAccess(), "www": AgentAccess()]
        let directory = try #require(ACMEURL("https://ca.example.com/dir"))
        return CertificatePlan(acme: ACMEConfiguration(directory: directory), hosts: HostNames(gateway), own: own)
    }

    @Test func theGatewayAndItsConfiguredAgentsHaveCertificates() throws {
        #expect(try plan().names == ["gw.example.com", "pi.gw.example.com"])
        #expect(try plan().selfSignedNames == ["gw.example.com", "*.gw.example.com"])
    }

    @Test func anAgentThatRegistersHasOneForItsHost() throws {
        #expect(try plan().name(ofAgent: "Laptop-1") == "laptop-1.gw.example.com")
        #expect(try plan().name(ofAgent: "WWW") == nil, "a name of the gateway's own")
    }

    @Test(.enabled(if: TLSLibrary.problem == nil)) func aCertificateFromAFileMakesOthersSuperfluous() throws {
        let keys = try OpenSSLKeys()
        let wildcard = try plan([keys.selfSigned(for: ["*.gw.example.com"], unixSeconds: 0)])
        #expect(wildcard.names == ["gw.example.com"])
        #expect(wildcard.name(ofAgent: "pi") == nil)
        #expect(wildcard.name(ofAgent: "a.b") == "a.b.gw.example.com", "a wildcard is for one label")
        let exact = try plan([keys.selfSigned(for: ["gw.example.com"], unixSeconds: 0)])
        #expect(exact.names == ["pi.gw.example.com"])
        #expect(exact.name(ofAgent: "pi") == "pi.gw.example.com")
    }
}
