// A QR code (ISO/IEC 18004:2015) of up to 213 bytes: byte mode, versions 1 to 10, error correction level M. A longer text gets
// none. That is enough for the address of a web service, which is all that is put into one here.

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
