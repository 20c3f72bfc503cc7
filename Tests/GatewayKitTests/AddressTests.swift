// Addresses and ranges as settings and proxies write them, and whom a request is believed to come from.

import HTTPCodec
import Testing

@testable import GatewayKit

@Suite struct AddressTests {
    @Test(arguments: [
        "0.0.0.0", "255.255.255.255", "192.0.2.1", "::", "::1", "1::", "2001:db8::1", "2001:DB8:0:0:0:0:0:1",
        "1:2:3:4:5:6:7:8", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "fe80::1%2",
        "fe80::1%eth0", "unix", "1:2:3:4:5:6:192.0.2.1",
    ]) func literalAddressesAreRead(_ text: String) {
        #expect(NetworkAddress(text) != nil)
    }

    @Test(arguments: [
        "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", "0x1.2.3.4", "1.2..4", "1.2.3.",
        ".1.2.3", "+1.2.3.4", ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8", "12345::", "::g", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", "::1/64", "[::1]", "localhost", "Unix",
        "1.2.3.4%1", "::ffff:1.2.3.400", String(repeating: "0:", count: 40), "%", "::٣",
    ]) func whatIsNoAddressIsNone(_ text: String) {
        #expect(NetworkAddress(text) == nil)
    }

    @Test func oneAddressMayBeWrittenInSeveralWays() {
        #expect(NetworkAddress("::ffff:192.0.2.1") == NetworkAddress("192.0.2.1"))
        #expect(NetworkAddress("::ffff:c000:201") == NetworkAddress("192.0.2.1"))
        #expect(NetworkAddress("::192.0.2.1") != NetworkAddress("192.0.2.1"))
        #expect(NetworkAddress("2001:db8::1") == NetworkAddress("2001:0DB8:0:0::0:1"))
        #expect(NetworkAddress("fe80::1%1") == NetworkAddress("fe80::1"))
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.9.9.9/8", "10.1.1.1", true),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false), ("::/0", "2001:db8::1", true),
        ("::/0", "203.0.113.9", false), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.1/32", "::ffff:192.0.2.1", true), ("::ffff:10.0.0.0/104", "10.3.4.5", true),
        ("::ffff:0:0/96", "203.0.113.9", true), ("::ffff:10.0.0.0/104", "11.3.4.5", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false), ("2001:db8::/127", "2001:db8::1", true),
        ("2001:db8::/127", "2001:db8::2", false),
        ("2001:db8::/65", "2001:db8:0:0:8000::", false), ("2001:db8::1/128", "2001:db8::1", true), ("unix", "unix", true),
        ("unix", "127.0.0.1", false), ("::ffff:0:0/90", "10.0.0.1", false), ("192.0.2.128/25", "192.0.2.127", false),
    ]) func aRangeHasWhatBeginsAsItDoes(range: String, address: String, isIn: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(NetworkAddress(address))) == isIn)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/+8", "::/129",
        "10.0.0/8", "::1%1/64", "unix/0", "10.0.0.0/8 ", "10.0.0.0/٨", "::/99999999999999999999",
    ]) func whatIsNoRangeIsNone(_ text: String) {
        #expect(AddressRange(text) == nil)
    }

    // MARK: Behind proxies

    private func client(_ peer: String, _ forwarded: [String], trusting ranges: [String]) -> NetworkAddress? {
        var given = HTTPFields()
        for value in forwarded { do { try given.append(.xForwardedFor, value) } catch { Issue.record("\(error)") } }
        return Provenance(peer: peer, fields: given, trustedProxies: ranges.compactMap { AddressRange($0) }).client
    }

    @Test func anUntrustedPeersWordIsNotBelieved() {
        #expect(client("203.0.113.9", ["10.0.0.1"], trusting: []) == NetworkAddress("203.0.113.9"))
        #expect(client("203.0.113.9", ["10.0.0.1"], trusting: ["127.0.0.1"]) == NetworkAddress("203.0.113.9"))
    }

    @Test(
        arguments: [
            (["198.51.100.1"], "198.51.100.1"), (["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
            (["1.1.1.1", "198.51.100.1, 127.0.0.1"], "198.51.100.1"), (["127.0.0.1, 10.0.0.1"], "127.0.0.1"),
            (["198.51.100.1:1234"], "198.51.100.1"), (["\"x\", [2001:db8::1]:80 , 10.0.0.2"], "2001:db8::1"),
            (["2001:db8::1"], "2001:db8::1"), ([], "127.0.0.1"), (["evil, 198.51.100.1"], "198.51.100.1"),
            (["unknown"], nil), (["198.51.100.1, "], nil), (["198.51.100.1,,10.0.0.1"], nil), (["unix"], nil), ([""], nil),
            (["198.51.100.1:x"], nil), (["198.51.100.1,unknown,10.0.0.1"], nil),
        ] as [([String], String?)]) func ofProxiesTheLastAddressThatIsNotTheirsCounts(forwarded: [String], expected: String?)
    {
        let client = client("127.0.0.1", forwarded, trusting: ["127.0.0.1", "10.0.0.0/8"])
        #expect(client == expected.flatMap { NetworkAddress($0) })
    }

    @Test func whetherTheVisitorCameByTLSIsKnownFromAProxyOrFromTheAddress() {
        func isSecure(_ peer: String, _ proto: String?, _ publicURL: String?) -> Bool {
            let given = proto.map { fields(("X-Forwarded-Proto", $0)) } ?? HTTPFields()
            let trusted = ["127.0.0.1"].compactMap { AddressRange($0) }
            return Provenance(peer: peer, fields: given, trustedProxies: trusted).isSecure(publicURL: publicURL)
        }
        #expect(isSecure("127.0.0.1", "https", nil) && isSecure("127.0.0.1", "http, HTTPS", nil))
        #expect(!isSecure("127.0.0.1", "http", "https://gw.example") && !isSecure("127.0.0.1", "https, http", nil))
        #expect(!isSecure("203.0.113.9", "https", nil) && isSecure("203.0.113.9", "http", "https://gw.example"))
        #expect(isSecure("127.0.0.1", nil, "https://gw.example") && !isSecure("127.0.0.1", nil, "http://gw.example"))
    }

    /// RFC 5952 §4 and its examples.
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("::", "::"), ("::1", "::1"), ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("fe80::", "fe80::"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "unix"),
    ]) func anAddressIsWrittenInOneForm(_ text: String, _ expected: String) throws {
        #expect(try #require(NetworkAddress(text)).text == expected)
    }
}
