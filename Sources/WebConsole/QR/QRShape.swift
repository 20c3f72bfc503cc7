// The tables of ISO/IEC 18004 for versions 1 to 10 at level M: how many codewords a version has, in which blocks, and where its
// alignment patterns are.

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
