// Keys and signatures by OpenSSL, and how it is found.

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

@Suite("TLS: keys of P-256", .enabled(if: hasOpenSSL, withoutOpenSSL))
struct OpenSSLKeysTests {
    @Test func aKeyIsPKCS8AndHasAPoint() throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        #expect(key.hasPrefix("-----BEGIN PRIVATE KEY-----\n") && key.hasSuffix("-----END PRIVATE KEY-----\n"))
        let point = try keys.publicPoint(ofKey: key)
        #expect(point.count == 64)
        let publicKey = try keys.publicKey(ofKey: key)
        #expect(publicKey.count == 91 && Array(publicKey.suffix(64)) == point)
        #expect(try keys.makePrivateKey() != key)
    }

    /// RFC 9500 §2.3: testECCP256, in the older form.
    @Test func keysOfOtherProgramsAreRead() throws {
        let key = """
            -----BEGIN EC PRIVATE KEY-----
            MHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49
            AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV
            uKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==
            -----END EC PRIVATE KEY-----
            """
        let point = try OpenSSLKeys().publicPoint(ofKey: key)
        #expect(point.prefix(4) == [0x42, 0x25, 0x48, 0xf8] && point.suffix(2) == [0x42, 0x72])
        // With the curve in a block of its own before it, as `openssl ecparam -genkey` writes.
        let withCurve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key
        #expect(try OpenSSLKeys().publicPoint(ofKey: withCurve) == point)
    }

    @Test func aKeyOfAnotherKindIsRefused() throws {
        // RFC 8410 §10.3: Ed25519.
        let other = """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
            -----END PRIVATE KEY-----
            """
        #expect(throws: TLSError.settings("the key is not one of the elliptic curve P-256")) {
            try OpenSSLKeys().publicPoint(ofKey: other)
        }
        #expect(throws: TLSError.self) { try OpenSSLKeys().signature(of: [1], byKey: other) }
        #expect(throws: TLSError.self) { try OpenSSLKeys().publicPoint(ofKey: "no key") }
    }

    /// OpenSSL's own verification of a chain that we signed is in every handshake; here the raw form.
    @Test func signaturesHaveSixtyFourBytes() throws {
        let keys = try OpenSSLKeys()
        let key = try keys.makePrivateKey()
        for length in [0, 1, 100, 10_000] {
            let signature = try keys.signature(of: [UInt8](repeating: 1, count: length), byKey: key)
            #expect(signature.count == 64)
        }
    }

    @Test func aServerCanMakeItsOwnCertificate() throws {
        let credential = try OpenSSLKeys().selfSigned(for: ["gw.test", "*.gw.test", "127.0.0.1"], unixSeconds: 1_800_000_000)
        let certificate = try #require(credential.certificate)
        #expect(certificate.names == ["gw.test", "*.gw.test", "127.0.0.1"])
        #expect(certificate.notBefore == 1_799_996_400 && certificate.notAfter == 1_807_776_000)
        let trust = TLSTrust.pins([try pin(of: credential)])
        let pair = try TLSPair(TLSClientSettings(trust: trust), TLSServerSettings([credential]), host: "laptop.gw.test")
        pair.carry()
        #expect(pair.phases == [.open, .open])
        for name in ["", "a b", "zürich.test"] {
            #expect(throws: TLSError.self) { try OpenSSLKeys().selfSigned(for: [name], unixSeconds: 0) }
        }
    }
}

@Suite("TLS: where OpenSSL is")
struct TLSLibraryTests {
    @Test func eitherAVersionOrAProblemIsSaid() {
        #expect((TLSLibrary.version == nil) == (TLSLibrary.problem != nil))
        if let version = TLSLibrary.version { #expect(version.hasPrefix("OpenSSL ")) }
    }

    /// In a process of its own, since OpenSSL is looked for once.
    @Test func itCanBeForbiddenAndNamed() async {
        await #expect(processExitsWith: .success) {
            setenv(OpenSSLLibrary.variable, "none", 1)
            #expect(TLSLibrary.problem?.contains("is `none`") == true && TLSLibrary.version == nil)
            #expect(throws: TLSError.self) { try TLSContext(client: TLSClientSettings()) }
        }
        await #expect(processExitsWith: .success) {
            setenv(OpenSSLLibrary.variable, "/nonexistent/libssl.so.3", 1)
            #expect(TLSLibrary.problem?.contains("/nonexistent/libssl.so.3") == true)
        }
    }

    @Test func everyErrorIsASentenceWithoutAFullStop() throws {
        let pin = try #require(TLSPin(digest: [UInt8](repeating: 1, count: 32)))
        let errors: [TLSError] = [
            .expired(subject: "CN=x", since: 0), .notYetValid(subject: "CN=x", from: 0), .nameMismatch(host: "x", names: ["y"]),
            .unknownAuthority("CN=x"), .selfSigned(subject: "CN=x", pin: pin), .revoked(subject: "CN=x"),
            .certificateRefused("x"),
            .pinMismatch(seen: pin), .plainHTTP, .notTLS(firstBytes: []), .protocolTooOld, .noClientCertificate,
            .noAuthorities, .unknownAuthority(""), .expired(subject: "", since: 0), .certificateRequired,
            .refusedByPeer(alert: 40), .refusedByPeer(alert: 1), .handshake("x"), .invalidRecord("x"),
            .endedInHandshake, .truncated, .notOpen,
        ]
        for error in errors {
            #expect(
                !error.description.contains("()") && !error.description.hasSuffix(".") && error.description.count > 20,
                "\(error)")
        }
        #expect(TLSError.expired(subject: "CN=x", since: 0).description.contains("1970-01-01T00:00:00Z"))
    }
}
