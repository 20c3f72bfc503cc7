// The parts by themselves: names, URLs, what a CA sends as a certificate, keys, times to wait.

import HTTPCodec
import MachineCore
import Primitives
import RPCCore
import Testing
import X509

@testable import ACMEKit

@Suite struct NameTests {
    @Test func namesAreSortedLoweredAndOnce() throws {
        let names = try ACMENames(["B.example.com", "a.example.com", "b.EXAMPLE.com", "[2001:DB8::1]", "192.0.2.1"])
        #expect(names.description == "a.example.com b.example.com 192.0.2.1 2001:db8::1")
        #expect(try names == ACMENames(["192.0.2.1", "2001:db8:0::1", "b.example.com", "a.example.com"]))
        let other = try ACMENames(["a.example.com"])
        #expect(names.fileKey.count == 32 && names.fileKey != other.fileKey)
    }

    @Test(arguments: [
        "", "*", "-a.example.com", "a-.example.com", "a..b", "a.example.com.", "a b", "a_b.example.com", "1.2.3", "1.2.3.4.5",
        "ex\u{e4}mple.com", "a/b", "gw.example.com:443", "[::1", "a\u{0}b.com", "https://a.example.com",
    ]) func whatIsNoNameIsRefused(_ text: String) {
        #expect(throws: ACMENameError.self) { try ACMENames([text]) }
    }

    @Test func wildcardsAreRefusedWithTheReason() {
        let error = #expect(throws: ACMENameError.self) { try ACMENames(["gw.example.com", "*.gw.example.com"]) }
        #expect(error?.description.contains("dns-01") ?? false)
    }

    @Test func thereAreLimits() throws {
        #expect(throws: ACMENameError.self) { try ACMENames([]) }
        #expect(throws: ACMENameError.self) { try ACMENames((0...100).map { "n\($0).example.com" }) }
        #expect(try ACMENames((0..<100).map { "n\($0).example.com" }).identifiers.count == 100)
    }

    @Test func anAddressIsLookedUpBackwards() throws {
        let names = try ACMENames(["192.0.2.1", "2001:db8::1"])
        #expect(
            names.identifiers.map(\.serverName) == [
                "1.2.0.192.in-addr.arpa", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ])
    }
}

@Suite struct URLTests {
    @Test(arguments: [
        ("https://ca.example/dir", "ca.example", 443, "/dir", "ca.example"),
        ("https://CA.example:14000/dir?a=b", "ca.example", 14_000, "/dir?a=b", "CA.example:14000"),
        ("https://[2001:db8::1]:8443", "2001:db8::1", 8_443, "/", "[2001:db8::1]:8443"),
        ("https://ca.example?x", "ca.example", 443, "/?x", "ca.example"), ("HTTPS://a/", "a", 443, "/", "a"),
        ("http://localhost:4001/dir", "localhost", 4_001, "/dir", "localhost:4001"),
        ("http://127.0.0.1/", "127.0.0.1", 80, "/", "127.0.0.1"),
    ]) func partsAreFound(_ text: String, _ host: String, _ port: UInt16, _ target: String, _ authority: String) throws {
        let url = try #require(ACMEURL(text))
        #expect(url.host == host && url.port == port && url.target == target && url.authority == authority)
        #expect(url.description == text)
    }

    @Test(arguments: [
        "", "/dir", "ca.example", "http://ca.example/", "ftp://ca.example/", "https://", "https:///x", "https://a b/",
        "https://user@ca.example/", "https://ca.example/#x", "https://ca.example:0/", "https://ca.example:99999/",
        "https://ca.example:/", "https://[::1/", "https://a:b:c/", "https://ca.example\\@b/", "https://ca.\u{e4}/",
        "https://ca.example:+443/", "https://a/" + String(repeating: "x", count: 2_100), "https://a]b/", "https://a%00/",
    ]) func othersAreNone(_ text: String) {
        #expect(ACMEURL(text) == nil)
    }
}

@Suite struct ChainTests {
    private let point = Array(UInt8(0)..<64)

    @Test func factsAreRead() throws {
        let names: [ACMEIdentifier] = [.dns("a.example.com"), .ip(.four(0xc000_0201))]
        let der = TestCertificate.make(
            names: names, point: point, serial: [0x87, 0x65, 0x43, 0x21], notBefore: 1_767_225_600, notAfter: 4_102_444_800)
        let facts = try #require(Certificate(der: der))
        #expect(facts.notBefore == 1_767_225_600 && facts.notAfter == 4_102_444_800)
        #expect(facts.identifiers == Set(names) && facts.publicPoint == point)
        #expect(facts.renewalID == "q6urq6urq6urq6urq6urq6urq6s.AIdlQyE")
    }

    @Test func theExampleOfTheRFCHasItsIdentifier() {
        // RFC 9773 §4.1: the key identifier 69:88:5B:6B:87:46:40:41:E1:B3:7B:84:7B:A0:AE:2C:DE:01:C8:D4 and the serial
        // 00:87:65:43:21.
        let key: [UInt8] = [
            0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3, 0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8,
            0xd4,
        ]
        let id = Base64URL.encode(key) + "." + Base64URL.encode([0x00, 0x87, 0x65, 0x43, 0x21])
        #expect(id == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    }

    @Test func aCertificateWithoutAuthorityHasNoIdentifier() {
        let der = TestCertificate.make(
            names: [.dns("a.example.com")], point: point, serial: [1], notBefore: 0, notAfter: 1, hasAuthority: false)
        #expect(Certificate(der: der)?.renewalID == nil)
        #expect(Certificate(der: der) != nil)
    }

    @Test func noPrefixAndNoDamageTraps() {
        let der = TestCertificate.make(
            names: [.dns("a.example.com"), .ip(.six(1))], point: point, serial: [1], notBefore: 0, notAfter: 86_400)
        for count in 0..<der.count { #expect(Certificate(der: Array(der.prefix(count))) == nil) }
        for place in der.indices {
            for value in [0x00, 0x7f, 0x80, 0x83, 0xff] as [UInt8] {
                var damaged = der
                damaged[place] = value
                _ = Certificate(der: damaged)
            }
        }
    }

    @Test func aChainIsRefusedThatIsTooLongOrHasAStrangeMemberOrNoLife() {
        let der = TestCertificate.make(names: [.dns("a.example.com")], point: point, serial: [1], notBefore: 0, notAfter: 1)
        func chain(_ parts: [[UInt8]]) -> Certificate? {
            Certificate(chainPEM: parts.map { PEMBlock(label: "CERTIFICATE", bytes: $0).text }.joined())
        }
        let other = TestCertificate.intermediate
        #expect(chain([der]) != nil && chain([der] + Array(repeating: other, count: 9)) != nil)
        #expect(chain([der] + Array(repeating: other, count: 10)) == nil)
        #expect(chain([]) == nil && chain([der, []]) == nil && chain([der, other + [0]]) == nil && chain([other]) == nil)
        let dead = TestCertificate.make(names: [.dns("a.example.com")], point: point, serial: [1], notBefore: 1, notAfter: 1)
        #expect(chain([dead]) == nil && Certificate(chainPEM: "-----BEGIN CERTIFICATE-----\nAAAA\n") == nil)
        #expect(Certificate(chainPEM: PEMBlock(label: "PRIVATE KEY", bytes: der).text) == nil)
    }
}

@Suite struct KeyTests {
    @Test func theThumbprintIsOfTheKeyInItsOneForm() throws {
        let key = try AccountKey(pem: try FakeCrypto().makePrivateKey(), crypto: FakeCrypto())
        var text: [UInt8] = []
        key.webKey.encode(into: &text)
        let json = String(decoding: text, as: UTF8.self)
        #expect(json.hasPrefix("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"") && !json.contains(" "))
        #expect(key.thumbprint == Base64URL.encode(SHA256.digest(text)))
    }
}

@Suite struct RetryAfterTests {
    private func wait(_ text: String) -> Duration? {
        var fields = HTTPFields()
        fields.add("Retry-After", text)
        return RetryAfter.read(fields, unixSeconds: 1_772_323_200)
    }

    @Test func secondsAndDatesAreRead() {
        #expect(wait("120") == .seconds(120) && wait("0") == .zero)
        #expect(wait("Sun, 01 Mar 2026 00:01:00 GMT") == .seconds(60))
        #expect(wait("Sun, 01 Mar 2020 00:01:00 GMT") == .zero)
    }

    @Test(arguments: ["", "-1", "1.5", "soon", "99999999999"]) func othersAreNone(_ text: String) {
        #expect(wait(text) == nil)
    }
}
