// One line for a terminal: pieces of text in styles, cut to a width when it is drawn. Nothing that a visitor sent can steer
// the terminal: whatever goes in loses its control characters, direction marks and marks without a width, and only `text` adds
// escape sequences, from a fixed list.

/// A line of a terminal, as a value.
struct TerminalLine: Sendable, Hashable {
    /// How a piece looks. Without colours all look the same, so none carries a meaning that the words do not.
    enum Style: String, Sendable, Hashable, CaseIterable {
        /// As the terminal has it.
        case plain = ""
        /// Of less weight.
        case dim = "2"
        /// Of more weight.
        case strong = "1"
        /// All is well.
        case good = "32"
        /// Neither good nor bad.
        case notice = "36"
        /// Somebody should look.
        case warning = "33"
        /// It failed.
        case bad = "31"
    }

    private struct Piece: Sendable, Hashable {
        var text: String
        var style: Style
        var columns: Int
    }

    private var pieces: [Piece] = []
    /// Broken into several rows where it is too long, by the terminal; else cut.
    var wraps = false

    /// An empty line.
    init() {}

    /// A line of one piece.
    init(_ text: String, _ style: Style = .plain, wraps: Bool = false) {
        self.wraps = wraps
        add(text, style)
    }

    /// How many columns it takes.
    var columns: Int { pieces.reduce(0) { $0 + $1.columns } }

    /// Goes on with `text`, of which no more than `limit` columns are shown; the last is then an ellipsis.
    mutating func add(_ text: String, _ style: Style = .plain, limit: Int = .max) {
        let (shown, columns) = Self.cut(text, to: limit)
        pieces.append(Piece(text: shown, style: style, columns: columns))
    }

    /// Goes on with blanks up to this column.
    mutating func pad(to column: Int) {
        let missing = column - columns
        if missing > 0 { add(String(repeating: " ", count: missing)) }
    }

    /// What a terminal of that width is sent, without a line's end.
    func text(columns limit: Int, colours: Bool) -> String {
        var text = ""
        var room = max(1, limit)
        for piece in pieces where room > 0 && piece.columns > 0 {
            let (shown, columns) = piece.columns <= room ? (piece.text, piece.columns) : Self.cut(piece.text, to: room)
            room = columns < piece.columns ? 0 : room - columns
            let isStyled = colours && piece.style != .plain
            if isStyled { text += "\u{1b}[\(piece.style.rawValue)m" }
            text += shown
            if isStyled { text += "\u{1b}[0m" }
        }
        return text
    }

    /// The text without anything that is not plainly visible.
    static func visible(_ text: String) -> String { cut(text, to: .max).0 }

    // MARK: Columns

    /// As much as fits, and how many columns that is.
    private static func cut(_ text: String, to limit: Int) -> (String, Int) {
        var kept = String.UnicodeScalarView()
        var count = 0
        // Where an ellipsis would stand if no more fits: before the last so many characters.
        var behind = (characters: 0, columns: 0)
        for scalar in text.unicodeScalars {
            let shown = isVisible(scalar) ? scalar : "?"
            let width = isWide(shown) ? 2 : 1
            guard count + width <= limit else {
                guard limit > 0 else { return ("", 0) }
                kept.removeLast(behind.characters)
                kept.append("…")
                return (String(kept), count - behind.columns + 1)
            }
            kept.append(shown)
            count += width
            behind = count < limit ? (0, 0) : (behind.characters + 1, behind.columns + width)
        }
        return (String(kept), count)
    }

    /// Not a control character, and neither a mark that reorders text nor one that takes no column of its own.
    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20...0x7e).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .nonspacingMark,
            .enclosingMark:
            return false
        default: return true
        }
    }

    /// The scripts and pictures that terminals draw two columns wide (Unicode's East Asian Width, W and F).
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
            0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1faff, 0x20000...0x3fffd:
            true
        default: false
        }
    }
}
