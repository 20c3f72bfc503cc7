// Whom a client believes and a server admits, and what it says when it does not: each error names what a person can act on.

import MachineCore
import Testing
import X509

@testable import SocketKit

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

@Suite("TLS: trust", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct TLSTrustTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority.usual.get() }

    /// What a client that believes `trust` says of a server with `credential`, and the alert that the server gets.
    private func refusal(
        _ credential: TLSCredential, _ trust: TLSTrust? = nil, host: String = "gw.example.com"
    ) throws -> (error: TLSError?, alert: Int?) {
        let settings = TLSClientSettings(trust: trust ?? .authorities(authority.pem))
        let pair = try TLSPair(settings, TLSServerSettings([credential]), host: host)
        pair.carry()
        #expect(pair.client.engine.phase == (pair.client.error == nil ? .open : .failed))
        #expect(pair.client.engine.failure == pair.client.error)
        if case .refusedByPeer(let alert) = pair.server.error { return (pair.client.error, alert) }
        return (pair.client.error, nil)
    }

    @Test func anExpiredCertificateSaysSinceWhen() throws {
        let credential = try authority.credential(
            ["gw.example.com"], subject: "gw.example.com", from: firstSecond, to: firstSecond + day)
        let (error, alert) = try refusal(credential)
        #expect(error == .expired(subject: "CN=gw.example.com", since: firstSecond + day))
        #expect(alert == 45)
        #expect(error?.description.contains("expired on 2020-01-02T00:00:00Z") == true)
    }

    @Test func aCertificateOfTheFutureSaysFromWhen() throws {
        let credential = try authority.credential(["gw.example.com"], from: lastSecond - day, to: lastSecond)
        let (error, _) = try refusal(credential)
        #expect(error == .notYetValid(subject: "", from: lastSecond - day))
        #expect(error?.description.contains("clock") == true)
    }

    @Test func aNameThatDoesNotMatchSaysWhatTheCertificateIsFor() throws {
        let credential = try authority.credential(["gw.example.com", "*.gw.example.com"])
        for host in ["other.example.com", "a.b.gw.example.com", "example.com", "192.0.2.1"] {
            let (error, _) = try refusal(credential, host: host)
            #expect(error == .nameMismatch(host: host, names: ["gw.example.com", "*.gw.example.com"]))
        }
        #expect(try refusal(credential, host: "a.gw.example.com").error == nil)
        #expect(
            TLSError.nameMismatch(host: "h", names: ["a", "b", "c", "d", "e", "f", "g"]).description
                == "the certificate is not for h, but for a, b, c, d, e and 2 more")
        // The common name is no name (RFC 9525 §2).
        let nameless = try authority.credential([], subject: "gw.example.com")
        #expect(try refusal(nameless).error == .nameMismatch(host: "gw.example.com", names: []))
    }

    @Test func anUnknownAuthorityIsNamed() throws {
        let credential = try TestAuthority("Somebody else").credential(["gw.example.com"])
        let (error, alert) = try refusal(credential)
        #expect(error == .unknownAuthority("CN=Somebody else"))
        #expect(alert == 48)
        #expect(try refusal(credential, .system).error == .unknownAuthority("CN=Somebody else"))
    }

    @Test func aMachineWithoutAuthoritiesSaysSo() throws {
        let clients = try TLSContext(client: TLSClientSettings(trust: .system))
        clients.lacksAuthorities = true
        let servers = try TLSContext(server: TLSServerSettings([authority.credential(["gw.example.com"])]))
        let pair = try TLSPair(clients, servers)
        pair.carry()
        #expect(pair.client.error == .noAuthorities)
    }

    /// In a process of its own, since the environment is everybody's.
    @Test func theSystemsAuthoritiesCanBeNamedByTheEnvironment() async {
        await #expect(processExitsWith: .success) {
            let authority = try TestAuthority("Company")
            let path = "/tmp/tls-authority-\(getpid()).pem"
            let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
            #expect(write(descriptor, authority.pem, authority.pem.count) == authority.pem.count)
            close(descriptor)
            setenv("SSL_CERT_FILE", path, 1)
            defer { unlink(path) }
            let servers = TLSServerSettings([try authority.credential(["gw.example.com"])])
            let pair = try TLSPair(TLSClientSettings(trust: .system), servers)
            pair.carry()
            #expect(pair.phases == [.open, .open])
        }
    }

    /// Keys of two kinds for one name: the client's algorithms decide.
    @Test func aNameCanHaveTwoKinds() throws {
        let curve = try authority.credential(["gw.example.com"])
        for (algorithms, expected) in [("RSA-PSS+SHA256", try pin(of: rsaCredential)), ("ECDSA+SHA256", try pin(of: curve))] {
            for order in [[curve, rsaCredential], [rsaCredential, curve]] {
                let clients = try TLSContext(client: TLSClientSettings(trust: .insecure))
                #expect(clients.limit(toSignatures: algorithms))
                let pair = try TLSPair(clients, TLSContext(server: TLSServerSettings(order)))
                pair.carry()
                #expect(pair.client.engine.facts?.peerPin == expected)
            }
        }
    }

    @Test func aCertificateThatSignsItselfShowsItsPin() throws {
        let credential = try selfSigned(["gw.example.com"])
        let (error, _) = try refusal(credential)
        #expect(error == .selfSigned(subject: "CN=self", pin: try pin(of: credential)))
        // Named as an authority, it is believed.
        #expect(try refusal(credential, .authorities(credential.chain)).error == nil)
    }

    @Test func aCertificateForClientsIsNoneForServers() throws {
        let credential = try authority.credential(["gw.example.com"], purposes: [.client])
        guard case .certificateRefused(let text) = try refusal(credential).error else {
            Issue.record("it was believed")
            return
        }
        #expect(text.contains("purpose"))
    }

    @Test func pinsAloneAreEnough() throws {
        let credential = try selfSigned(["elsewhere.test"])
        let (right, other) = (try pin(of: credential), try pin(of: selfSigned(["x.test"])))
        #expect(try refusal(credential, .pins([right])).error == nil)
        #expect(try refusal(credential, .pins([other, right])).error == nil)
        let (error, alert) = try refusal(credential, .pins([other]))
        #expect(error == .pinMismatch(seen: right))
        #expect(alert == 42)
        #expect(error?.description.contains(right.description) == true)
    }

    @Test func pinsBesideAuthoritiesAreNeededToo() throws {
        let credential = try authority.credential(["gw.example.com"])
        var trust = TLSTrust.authorities(authority.pem)
        trust.pins = [try pin(of: credential)]
        #expect(try refusal(credential, trust).error == nil)
        #expect(
            try refusal(credential, trust, host: "x.test").error == .nameMismatch(host: "x.test", names: ["gw.example.com"]))
        trust.pins = [try pin(of: selfSigned(["x.test"]))]
        #expect(try refusal(credential, trust).error == .pinMismatch(seen: try pin(of: credential)))
        let foreign = try TestAuthority("Somebody else").credential(["gw.example.com"])
        trust.pins = [try pin(of: foreign)]
        #expect(try refusal(foreign, trust).error == .unknownAuthority("CN=Somebody else"))
    }

    @Test func anInsecureClientBelievesEverything() throws {
        let credential = try selfSigned(["elsewhere.test"])
        #expect(try refusal(credential, .insecure).error == nil)
    }

    @Test func intermediateCertificatesAreSentAlong() throws {
        let keys = try OpenSSLKeys()
        let middle = try TestAuthority("Middle")
        let der = try middle.template.certificate(
            point: try keys.publicPoint(ofKey: middle.key), issuer: authority.template
        ) { info throws(TLSError) in try keys.encodedSignature(of: info, byKey: authority.key) }
        var credential = try middle.credential(["gw.example.com"])
        #expect(try refusal(credential).error == .unknownAuthority("CN=Middle"))
        credential.chain += Array(PEMBlock(label: "CERTIFICATE", bytes: der).text.utf8)
        #expect(try refusal(credential).error == nil)
        // An intermediate authority can be the one that is believed.
        let named = Array(PEMBlock(label: "CERTIFICATE", bytes: der).text.utf8)
        #expect(try refusal(middle.credential(["gw.example.com"]), .authorities(named)).error == nil)
        // Also when another name's certificate is the standard one.
        let settings = TLSServerSettings([try authority.credential(["other.test"]), credential])
        let pair = try TLSPair(nil, settings)
        pair.carry()
        #expect(pair.phases == [.open, .open])
    }

    @Test func aContextIsForOneEndAlone() throws {
        let servers = try TLSContext(server: TLSServerSettings([authority.credential(["gw.example.com"])]))
        let clients = try TLSContext(client: TLSClientSettings(trust: .authorities(authority.pem)))
        #expect(throws: TLSError.settings("a context for servers cannot dial")) {
            try TLSEngine(client: servers, host: "x.test")
        }
        #expect(throws: TLSError.settings("a context for clients cannot serve")) { try TLSEngine(server: clients) }
    }

    // MARK: Clients

    /// A server that asks clients for certificates, and a client with or without.
    private func pair(_ clients: TLSServerSettings.Clients, _ credential: TLSCredential?) throws -> TLSPair {
        let pair = try TLSPair(
            TLSClientSettings(trust: .authorities(authority.pem), credential: credential),
            TLSServerSettings([authority.credential(["gw.example.com"])], clients: clients))
        pair.carry()
        return pair
    }

    @Test func aClientMustHaveACertificateWhereOneIsRequired() throws {
        let required = TLSServerSettings.Clients.mustAuthenticate(authorities: authority.pem)
        let laptop = try authority.credential([], subject: "laptop", purposes: [.client])
        let admitted = try pair(required, laptop)
        #expect(admitted.phases == [.open, .open])
        #expect(admitted.server.engine.facts?.peerSubject == "CN=laptop")
        #expect(admitted.server.engine.facts?.peerPin == (try pin(of: laptop)))
        let without = try pair(required, nil)
        #expect(without.server.error == .noClientCertificate)
        #expect(without.client.error == .certificateRequired)
    }

    @Test func aClientOfAnotherAuthorityIsRefused() throws {
        let foreign = try TestAuthority("Somebody else").credential([], purposes: [.client])
        for clients: TLSServerSettings.Clients in [
            .mustAuthenticate(authorities: authority.pem), .mayAuthenticate(authorities: authority.pem),
        ] {
            let refused = try pair(clients, foreign)
            #expect(refused.server.error == .unknownAuthority("CN=Somebody else"))
            #expect(refused.client.error == .refusedByPeer(alert: 48))
        }
        let expired = try authority.credential([], subject: "old", purposes: [.client], to: firstSecond + day)
        let refused = try pair(.mustAuthenticate(authorities: authority.pem), expired)
        #expect(refused.server.error == .expired(subject: "CN=old", since: firstSecond + day))
        #expect(refused.client.error == .refusedByPeer(alert: 45))
    }

    @Test func aClientMayBeWithoutACertificateWhereNoneIsRequired() throws {
        let anonymous = try pair(.mayAuthenticate(authorities: authority.pem), nil)
        #expect(anonymous.phases == [.open, .open] && anonymous.server.engine.facts?.peerSubject == nil)
        let laptop = try authority.credential([], subject: "laptop", purposes: [.client])
        let named = try pair(.mayAuthenticate(authorities: authority.pem), laptop)
        #expect(named.server.engine.facts?.peerSubject == "CN=laptop")
        #expect(try pair(.anonymous, laptop).server.engine.facts?.peerSubject == nil)
    }

    // MARK: Settings that cannot be used

    @Test func whatTheOperatorGaveIsRefusedWithItsReason() throws {
        func reason(_ chain: [UInt8], _ key: [UInt8]) -> String? {
            do throws(TLSError) {
                _ = try TLSContext(server: TLSServerSettings([TLSCredential(chain: chain, key: key)]))
                return nil
            } catch {
                return error.description
            }
        }
        let (one, other) = (try authority.credential(["a.test"]), try authority.credential(["b.test"]))
        #expect(reason(one.chain, other.key) == "the private key does not belong to the (first) certificate")
        #expect(reason([], one.key) == "there is no certificate in it (a line -----BEGIN CERTIFICATE-----)")
        #expect(reason(one.key, one.key) == "there is no certificate in it (a line -----BEGIN CERTIFICATE-----)")
        #expect(reason(one.chain, one.chain) == "there is no private key in it (a line -----BEGIN PRIVATE KEY-----)")
        #expect(reason(Array(one.chain.dropLast(30)), one.key) == "a block of PEM has no end: CERTIFICATE")
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8=\n-----END ENCRYPTED PRIVATE KEY-----\n"
        #expect(reason(one.chain, Array(encrypted.utf8))?.hasPrefix("the private key is encrypted") == true)
        let older =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,1\n\n????\n-----END RSA PRIVATE KEY-----\n"
        #expect(reason(one.chain, Array(older.utf8))?.hasPrefix("the private key is encrypted") == true)
        let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
        #expect(reason(Array(nonsense.utf8), one.key)?.hasPrefix("a certificate cannot be read: ") == true)
        #expect(throws: TLSError.settings("a server needs a certificate")) { try TLSContext(server: TLSServerSettings([])) }
        let two = TLSServerSettings([one, TLSCredential(chain: one.chain, key: other.key)])
        #expect(throws: TLSError.settings("certificate 2: the private key does not belong to the (first) certificate")) {
            try TLSContext(server: two)
        }
        #expect(throws: TLSError.settings("there are neither authorities nor pins, so that no server would be believed")) {
            try TLSContext(client: TLSClientSettings(trust: TLSTrust()))
        }
        for host in ["", ".", "[]", "%eth0:", String(repeating: "x", count: 254), "a\0b", "a b", "zürich.test"] {
            let context = try TLSContext(client: TLSClientSettings(trust: .insecure))
            #expect(throws: TLSError.self) { try TLSEngine(client: context, host: host) }
        }
    }

    @Test func pinsAreReadAsPeopleWriteThem() throws {
        let digest = (0..<32).map { UInt8($0 * 8) }
        let pin = try #require(TLSPin(digest: digest))
        let digits = "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8"
        #expect(pin.description == "sha256:" + digits)
        #expect(TLSPin(digits) == pin && TLSPin("SHA256:" + digits.uppercased()) == pin)
        #expect(TLSPin("00:08:10" + digits.dropFirst(6)) == pin)
        for prefix in ["sha256/", "sha256//"] {
            #expect(TLSPin(prefix + "AAgQGCAoMDhASFBYYGhweICIkJigqLC4wMjQ2ODo8Pg=") == pin)
        }
        for text in [
            "", "sha256:", "sha256/", digits + "0", String(digits.dropLast()), "sha1:" + digits, "é" + digits.dropFirst(),
        ] {
            #expect(TLSPin(text) == nil, "\(text)")
        }
    }
}
