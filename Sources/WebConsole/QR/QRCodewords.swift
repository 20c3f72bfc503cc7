// The bytes of a QR code: mode, count, data and padding, cut into blocks, each with its Reed–Solomon remainder over GF(256)
// with the polynomial 0x11d, and interleaved (ISO/IEC 18004 §7.4 to §7.6).

enum QRCodewords {
    /// All codewords in the order in which they are placed. `bytes` fit into `shape`.
    static func interleaved(_ bytes: [UInt8], _ shape: QRShape) -> [UInt8] {
        var rest = data(bytes, shape)[...]
        let blocks = shape.blocks.map { count in
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        let generator = generator(degree: shape.correction)
        let corrections = blocks.map { remainder(of: $0, by: generator) }
        return columns(of: blocks) + columns(of: corrections)
    }

    /// Mode 0100, count, bytes, terminator, padding. Behind four bits, so each byte is halves of two.
    private static func data(_ bytes: [UInt8], _ shape: QRShape) -> [UInt8] {
        let count =
            shape.countBits == 8
            ? [UInt8(truncatingIfNeeded: bytes.count)] : [UInt8(bytes.count >> 8), UInt8(bytes.count & 255)]
        var result: [UInt8] = []
        var half: UInt8 = 0x4
        for byte in count + bytes {
            result.append(half << 4 | byte >> 4)
            half = byte & 15
        }
        result.append(half << 4)
        let total = shape.blocks.reduce(0, +)
        var padding: UInt8 = 0xec
        while result.count < total {
            result.append(padding)
            padding ^= 0xec ^ 0x11
        }
        return result
    }

    /// The first of each, then the second of each, as far as they reach.
    private static func columns(of blocks: [[UInt8]]) -> [UInt8] {
        (0..<(blocks.map(\.count).max() ?? 0)).flatMap { index in blocks.compactMap { index < $0.count ? $0[index] : nil } }
    }

    /// The product of (x − 2ⁱ) for i below `degree`, without its leading 1, highest power first.
    private static func generator(degree: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: degree)
        result[degree - 1] = 1
        var root: UInt8 = 1
        for _ in 0..<degree {
            for index in 0..<degree {
                result[index] = product(result[index], root) ^ (index + 1 < degree ? result[index + 1] : 0)
            }
            root = product(root, 2)
        }
        return result
    }

    private static func remainder(of data: [UInt8], by generator: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: generator.count)
        for byte in data {
            let factor = byte ^ result.removeFirst()
            result.append(0)
            for index in generator.indices { result[index] ^= product(generator[index], factor) }
        }
        return result
    }

    /// In GF(256), by shifting and adding.
    private static func product(_ first: UInt8, _ second: UInt8) -> UInt8 {
        var result: UInt8 = 0
        for bit in (0..<8).reversed() {
            result = result << 1 ^ (result >> 7 == 1 ? 0x1d : 0)
            if second >> UInt8(bit) & 1 == 1 { result ^= first }
        }
        return result
    }
}
