// RFC 4648, sections 3, 4 and 10.

import RPCCore
import TestSupport
import Testing

/// The bytes that `text` stands for, and nil if it is refused.
private func decoded(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    do throws(Base64Error) {
        try Base64.decode(Array(text.utf8)[...], into: &bytes)
        return bytes
    } catch {
        return nil
    }
}

@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func theVectorsOfTheRFCHoldBothWays(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)[...]) == Array(text.utf8))
        #expect(decoded(text) == Array(plain.utf8))
        #expect(Base64.encodedCount(plain.utf8.count) == text.utf8.count)
    }

    @Test(arguments: [
        ("Z", 1), ("Zg", 2), ("Zg=", 3), ("Zm9", 3), ("Zm9vY", 5), ("Zg==Zg==", 4), ("Zg==Z", 4), ("=", 0), ("==", 0),
        ("====", 0), ("Z===", 1),
        ("Zg=a", 3), ("Zm=v", 3), ("Zm9v====", 4), ("Zm9v=", 4), ("Zh==", 1), ("Zm9=", 2), ("Zm9vYh==", 5), ("Zm9\n", 3),
        (" Zm9v", 0), ("Zm9v\n", 4),
        ("Zm-_", 2), ("Zm9vZm9v?m9v", 8), ("Zm8=Zm9v", 4), ("Zm9v\u{e9}A==", 4), ("Zg\u{0}=", 2), ("Zm8==", 4), ("Zg=?", 3),
        ("Zm9vZ===", 5),
    ])
    func whatIsNotCanonicalIsRefusedAtItsCharacter(text: String, offset: Int) {
        var bytes: [UInt8] = [1, 2, 3]
        #expect(throws: Base64Error(offset: offset)) { try Base64.decode(Array(text.utf8)[...], into: &bytes) }
        #expect(bytes == [1, 2, 3])
    }

    @Test func everyLengthReadsBackAndAgreesWithASlowModel() {
        var random = SplitMix(seed: 4648)
        for length in Array(0...70) + [255, 256, 257, 1000, 4097] {
            let bytes = random.bytes(length)
            let surrounded = [9, 9] + bytes + [9]
            var text: [UInt8] = [7]
            Base64.encode(surrounded[2..<2 + length], into: &text)
            #expect(text == [7] + slowEncoding(of: bytes))
            var back: [UInt8] = [8]
            #expect(throws: Never.self) { try Base64.decode(text[1...], into: &back) }
            #expect(back == [8] + bytes)
        }
    }

    @Test func everyCharacterIsEitherInTheAlphabetOrRefusedWhereverItStands() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for byte in UInt8.min...UInt8.max {
            for place in 0..<8 {
                var text = Array("AAAAAAAAAAAA".utf8)
                text[place] = byte
                var bytes: [UInt8] = []
                let isAccepted = (try? Base64.decode(text[...], into: &bytes)) != nil
                #expect(isAccepted == alphabet.contains(byte))
            }
        }
    }

    @Test func randomTextIsRefusedOrIsTheOneTextOfItsBytes() {
        var random = SplitMix(seed: 1)
        let symbols = Array("AQgw/+=09z\n".utf8)
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                symbols[Int.random(in: 0..<symbols.count, using: &random)]
            }
            var bytes: [UInt8] = []
            do throws(Base64Error) {
                try Base64.decode(text[...], into: &bytes)
                if Base64.encode(bytes[...]) != text { Issue.record("\(text) is not canonical") }
            } catch {
                if !(0...text.count).contains(error.offset) { Issue.record("\(text): \(error)") }
            }
        }
    }

    /// Bit by bit.
    private func slowEncoding(of bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
        while bits.count % 6 != 0 { bits.append(0) }
        var text = stride(from: 0, to: bits.count, by: 6).map { start in
            alphabet[bits[start..<start + 6].reduce(0) { Int($0) * 2 + Int($1) }]
        }
        while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) }
        return text
    }
}
