// The modules of a QR code: patterns that a reader finds it by, codewords in zigzag, mask, and what is said of version and mask
// (ISO/IEC 18004 §6.3, §7.7 to §7.10).

struct QRGrid: Sendable, Hashable {
    let size: Int
    /// Row by row.
    private(set) var isDark: [Bool]
    /// Whether a module belongs to a pattern, and so is neither data nor masked.
    private var isFixed: [Bool]

    /// The patterns of a version, and room for the rest.
    init(_ shape: QRShape) {
        size = 17 + 4 * shape.version
        isDark = Array(repeating: false, count: size * size)
        isFixed = isDark
        for index in 0..<size {
            fix(6, index, index % 2 == 0)
            fix(index, 6, index % 2 == 0)
        }
        for (row, column) in [(3, 3), (3, size - 4), (size - 4, 3)] { placeFinder(row, column) }
        placeAlignment(shape.alignment)
        if shape.version >= 7 { placeVersion(shape.version) }
        placeFormat(mask: 0)  // only to reserve its place
    }

    private mutating func fix(_ row: Int, _ column: Int, _ dark: Bool) {
        guard (0..<size).contains(row), (0..<size).contains(column) else { return }
        isDark[row * size + column] = dark
        isFixed[row * size + column] = true
    }

    /// Three rings around a centre, with a light border.
    private mutating func placeFinder(_ row: Int, _ column: Int) {
        for down in -4...4 {
            for right in -4...4 {
                let ring = max(abs(down), abs(right))
                fix(row + down, column + right, ring != 2 && ring != 4)
            }
        }
    }

    /// A small ring at each crossing but those where finders are.
    private mutating func placeAlignment(_ centres: [Int]) {
        guard let first = centres.first, let last = centres.last else { return }
        for row in centres {
            for column in centres
            where ![(first, first), (first, last), (last, first)].contains(where: { $0 == (row, column) }) {
                for down in -2...2 {
                    for right in -2...2 { fix(row + down, column + right, max(abs(down), abs(right)) != 1) }
                }
            }
        }
    }

    /// The version with its 12 bits of correction (generator 0x1f25), twice.
    private mutating func placeVersion(_ version: Int) {
        let bits = version << 12 | Self.remainder(version << 12, by: 0x1f25, degree: 12)
        for index in 0..<18 {
            let dark = bits >> index & 1 == 1
            fix(index / 3, size - 11 + index % 3, dark)
            fix(size - 11 + index % 3, index / 3, dark)
        }
    }

    /// Level M (00) and the mask with their 10 bits of correction (generator 0x537), xor 0x5412, twice.
    private mutating func placeFormat(mask: Int) {
        let bits = (mask << 10 | Self.remainder(mask << 10, by: 0x537, degree: 10)) ^ 0x5412
        for index in 0..<15 {
            let dark = bits >> index & 1 == 1
            switch index {
            case 0..<6: fix(index, 8, dark)
            case 6..<8: fix(index + 1, 8, dark)
            case 8: fix(8, 7, dark)
            default: fix(8, 14 - index, dark)
            }
            if index < 8 { fix(8, size - 1 - index, dark) } else { fix(size - 15 + index, 8, dark) }
        }
        fix(size - 8, 8, true)
    }

    /// Of a division of polynomials over GF(2).
    private static func remainder(_ value: Int, by generator: Int, degree: Int) -> Int {
        var rest = value
        for bit in (degree..<degree + 6).reversed() where rest >> bit & 1 == 1 { rest ^= generator << (bit - degree) }
        return rest
    }

    /// Up and down in pairs of columns from the right, past the column of the timing pattern.
    mutating func place(_ codewords: [UInt8], in shape: QRShape) {
        var bits = codewords.lazy.flatMap { byte in (0..<8).reversed().map { byte >> UInt8($0) & 1 == 1 } }.makeIterator()
        var isUpward = true
        for right in stride(from: size - 1, to: 0, by: -2).map({ $0 <= 6 ? $0 - 1 : $0 }) {
            for step in 0..<size {
                let row = isUpward ? size - 1 - step : step
                for column in [right, right - 1] where !isFixed[row * size + column] {
                    isDark[row * size + column] = bits.next() ?? false
                }
            }
            isUpward.toggle()
        }
    }

    /// Turns modules of data over where the mask says so, and says which mask it is.
    mutating func apply(mask: Int) {
        for row in 0..<size {
            for column in 0..<size where !isFixed[row * size + column] && Self.isTurned(mask, row, column) {
                isDark[row * size + column].toggle()
            }
        }
        placeFormat(mask: mask)
    }

    private static func isTurned(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
        let product = row * column
        return switch mask {
        case 0: (row + column) % 2 == 0
        case 1: row % 2 == 0
        case 2: column % 3 == 0
        case 3: (row + column) % 3 == 0
        case 4: (row / 2 + column / 3) % 2 == 0
        case 5: product % 2 + product % 3 == 0
        case 6: (product % 2 + product % 3) % 2 == 0
        default: ((row + column) % 2 + product % 3) % 2 == 0
        }
    }
}

extension QRGrid {
    /// How hard the grid is to read (§7.8.3): runs, squares, what looks like a finder, and one colour too many.
    var penalty: Int {
        let rows = (0..<size).map { row in (0..<size).map { isDark[row * size + $0] } }
        let columns = (0..<size).map { column in (0..<size).map { isDark[$0 * size + column] } }
        let lines = (rows + columns).reduce(0) { $0 + Self.runPenalty($1) + Self.finderPenalty($1) }
        let dark = isDark.count { $0 }
        return lines + squarePenalty(rows) + 10 * (abs(dark * 20 - isDark.count * 10) / isDark.count)
    }

    private static func runPenalty(_ line: [Bool]) -> Int {
        var (penalty, run) = (0, 0)
        for index in line.indices {
            run = index > 0 && line[index] == line[index - 1] ? run + 1 : 1
            if run == 5 { penalty += 3 } else if run > 5 { penalty += 1 }
        }
        return penalty
    }

    /// 1:1:3:1:1 with four light ones before or after it.
    private static func finderPenalty(_ line: [Bool]) -> Int {
        let finder = [true, false, true, true, true, false, true]
        let light = [false, false, false, false]
        let patterns = [finder + light, light + finder]
        guard line.count >= 11 else { return 0 }
        return (0...(line.count - 11)).reduce(0) { sum, start in
            sum + 40 * patterns.count { $0.elementsEqual(line[start..<start + 11]) }
        }
    }

    private func squarePenalty(_ rows: [[Bool]]) -> Int {
        var penalty = 0
        for row in 1..<size {
            for column in 1..<size {
                let corner = rows[row][column]
                if rows[row - 1][column] == corner, rows[row][column - 1] == corner, rows[row - 1][column - 1] == corner {
                    penalty += 3
                }
            }
        }
        return penalty
    }
}
