// The PROXY protocol, versions 1 and 2: what a header says, however it is cut, and what is none.

import HTTPCodec
import Testing

@Suite struct ProxyHeaderTests {
    /// What the pieces give: the header and what follows it, or the error.
    private func read(_ pieces: [ArraySlice<UInt8>]) -> Result<(ProxyHeader?, [UInt8]), ProxyHeaderError> {
        var decoder = ProxyHeaderDecoder()
        var header: ProxyHeader?
        var rest: [UInt8] = []
        for piece in pieces {
            if header != nil {
                rest += piece
                continue
            }
            do throws(ProxyHeaderError) { header = try decoder.receive(piece) } catch { return .failure(error) }
            if header != nil { rest += decoder.rest }
        }
        return .success((header, rest))
    }

    /// The same whole, in single bytes, and cut in two at every place.
    private func readAllWays(_ bytes: [UInt8]) throws -> (ProxyHeader?, [UInt8]) {
        let whole = try read([bytes[...]]).get()
        for cut in 1..<bytes.count {
            let cut = try read([bytes[..<cut], bytes[cut...]]).get()
            #expect(cut.0 == whole.0 && cut.1 == whole.1)
        }
        let single = try read(bytes.indices.map { bytes[$0...$0] }).get()
        #expect(single.0 == whole.0 && single.1 == whole.1)
        return whole
    }

    static func binary(_ command: UInt8, _ family: UInt8, _ addresses: [UInt8], length: Int? = nil) -> [UInt8] {
        let count = length ?? addresses.count
        return [
            0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, command, family, UInt8(count >> 8),
            UInt8(count & 255),
        ]
            + addresses
    }

    private static let four: [UInt8] = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80]
    private static let six: [UInt8] =
        [0x20, 1, 0xd, 0xb8] + Array(repeating: 0, count: 11) + [9] + Array(repeating: 1, count: 20)

    @Test(
        arguments: [
            ("PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n", .address("203.0.113.9", isVersion6: false)),
            ("PROXY TCP6 2001:db8::9 ::1 1 65535\r\n", .address("2001:db8::9", isVersion6: true)),
            ("PROXY UNKNOWN\r\n", .local), ("PROXY UNKNOWN any thing at all\r\n", .local),
        ] as [(String, ProxyHeader)])
    func linesOfVersion1(line: String, expected: ProxyHeader) throws {
        let (header, rest) = try readAllWays(Array("\(line)GET / HTTP/1.1\r\n".utf8))
        #expect(header == expected && rest == Array("GET / HTTP/1.1\r\n".utf8))
    }

    @Test(
        arguments: [
            (binary(0x21, 0x11, four), .address("203.0.113.9", isVersion6: false)),
            // Extensions behind the addresses: 0x04 (no operation), three bytes.
            (binary(0x21, 0x11, four + [4, 0, 3, 1, 2, 3]), .address("203.0.113.9", isVersion6: false)),
            (binary(0x21, 0x21, six), .address("2001:db8:0:0:0:0:0:9", isVersion6: true)),
            (binary(0x21, 0x31, Array(repeating: 0x61, count: 216)), .unix), (binary(0x20, 0, []), .local),
            (binary(0x20, 0x11, four), .local), (binary(0x21, 0, [1, 2, 3]), .local),
        ] as [([UInt8], ProxyHeader)])
    func headersOfVersion2(bytes: [UInt8], expected: ProxyHeader) throws {
        let (header, rest) = try readAllWays(bytes + [0x47, 0x45])
        #expect(header == expected && rest == [0x47, 0x45])
    }

    @Test func whatIsCutShortIsAwaited() throws {
        for bytes in [Array("PROXY TCP4 203.0.113.9 10.0.0.1 12345 80\r\n".utf8), Self.binary(0x21, 0x21, Self.six)] {
            for end in 0..<bytes.count { #expect(try read([bytes[..<end]]).get().0 == nil) }
        }
    }

    @Test(
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY\tTCP4", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
            "PROXY TCP4 evil 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4%0a 1.2.3.4 1 2\r\n", "\r\n\r\nGET", "\r\n\r\n\0\r\nQUIX",
            "PROXY UNKNOWN \(String(repeating: "x", count: 107))",
        ])
    func whatIsNoHeaderIsRefused(text: String) {
        let bytes = Array(text.utf8)
        guard case .failure(let whole) = read([bytes[...]]) else { return #expect(Bool(false), "\(text)") }
        guard case .failure(let single) = read(bytes.indices.map { bytes[$0...$0] }) else {
            return #expect(Bool(false), "\(text)")
        }
        #expect(whole == single && !whole.description.isEmpty)
    }

    @Test(
        arguments: [
            binary(0x11, 0x11, four), binary(0x22, 0x11, four), binary(0x21, 0x12, four), binary(0x21, 0x41, four),
            binary(0x21, 0x11, [1, 2, 3]), binary(0x21, 0x21, four), binary(0x20, 0, [], length: 65_535),
        ])
    func binaryHeadersThatAreNoneAreRefused(bytes: [UInt8]) {
        guard case .failure(let whole) = read([bytes[...]]) else { return #expect(Bool(false)) }
        guard case .failure(let single) = read(bytes.indices.map { bytes[$0...$0] }) else { return #expect(Bool(false)) }
        #expect(whole == single)
    }
}
