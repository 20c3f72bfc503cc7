// A QR code (ISO/IEC 18004:2015) of up to 213 bytes: byte mode, versions 1 to 10, error correction level M. A longer text gets none.
// That is enough for the address of a web service, which is all that is put into one here.

/// A square of dark and light modules.
public struct QRCode: Sendable, Hashable {
    /// 1 to 10; each is four modules larger than the one before.
    public let version: Int
    /// Which of the eight masks was applied.
    public let mask: Int
    /// Modules in a row: 17 + 4 × version.
    public var size: Int { grid.size }

    let grid: QRGrid

    /// The code of `text` in the smallest version that holds it; nil if none does. The mask is the one of least penalty.
    public init?(text: String) {
        let codes = (0..<8).compactMap { QRCode(bytes: Array(text.utf8), mask: $0) }
        guard let best = codes.map({ (code: $0, penalty: $0.grid.penalty) }).min(by: { $0.penalty < $1.penalty }) else {
            return nil
        }
        self = best.code
    }

    /// The same with a mask of one's choice.
    init?(bytes: [UInt8], mask: Int) {
        guard let shape = QRShape.all.first(where: { bytes.count <= $0.capacity }) else { return nil }
        (version, self.mask) = (shape.version, mask)
        var grid = QRGrid(shape)
        grid.place(QRCodewords.interleaved(bytes, shape), in: shape)
        grid.apply(mask: mask)
        self.grid = grid
    }

    /// Whether the module is dark; outside of the code everything is light.
    public func isDark(row: Int, column: Int) -> Bool {
        (0..<size).contains(row) && (0..<size).contains(column) && grid.isDark[row * size + column]
    }
}

/// What the standard's tables say of a version at level M.
struct QRShape {
    let version: Int
    /// Codewords of error correction in each block.
    let correction: Int
    /// Codewords of data in each block.
    let blocks: [Int]
    /// Where the centres of alignment patterns are, in rows and columns.
    let alignment: [Int]

    /// Bits that say how many bytes there are.
    var countBits: Int { version < 10 ? 8 : 16 }
    /// The most bytes: what mode and count leave of the data.
    var capacity: Int { (blocks.reduce(0, +) * 8 - 4 - countBits) / 8 }

    static let all: [QRShape] = [
        QRShape(version: 1, correction: 10, blocks: [16], alignment: []),
        QRShape(version: 2, correction: 16, blocks: [28], alignment: [6, 18]),
        QRShape(version: 3, correction: 26, blocks: [44], alignment: [6, 22]),
        QRShape(version: 4, correction: 18, blocks: [32, 32], alignment: [6, 26]),
        QRShape(version: 5, correction: 24, blocks: [43, 43], alignment: [6, 30]),
        QRShape(version: 6, correction: 16, blocks: [27, 27, 27, 27], alignment: [6, 34]),
        QRShape(version: 7, correction: 18, blocks: [31, 31, 31, 31], alignment: [6, 22, 38]),
        QRShape(version: 8, correction: 22, blocks: [38, 38, 39, 39], alignment: [6, 24, 42]),
        QRShape(version: 9, correction: 22, blocks: [36, 36, 36, 37, 37], alignment: [6, 26, 46]),
        QRShape(version: 10, correction: 26, blocks: [43, 43, 43, 43, 44], alignment: [6, 28, 50]),
    ]
}
