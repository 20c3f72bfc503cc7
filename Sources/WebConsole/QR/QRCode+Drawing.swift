// A QR code as an image for pages and as text for terminals, each with the quiet zone of four modules that a reader needs.

extension QRCode {
    /// The width of the quiet zone in modules.
    private static let quiet = 4

    /// An SVG: dark modules in `currentColor` on white, so that the page decides, and dark pages can leave it as it is.
    public func svg() -> String {
        let width = size + 2 * Self.quiet
        var path = ""
        for row in 0..<size {
            var column = 0
            while column < size {
                let run = (column..<size).prefix { isDark(row: row, column: $0) }.count
                if run > 0 { path += "M\(column + Self.quiet) \(row + Self.quiet)h\(run)v1h-\(run)z" }
                column += max(run, 1)
            }
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(width)" shape-rendering="crispEdges">\
            <path fill="#fff" d="M0 0h\(width)v\(width)H0z"/><path fill="currentColor" d="\(path)"/></svg>
            """
    }

    /// Lines for a terminal, two rows of modules in each. Light modules are the blocks, as a terminal is dark more often than
    /// not; a reader takes the inverse as well.
    public func terminalText() -> String {
        let range = -Self.quiet..<(size + Self.quiet)
        var lines: [String] = []
        for row in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
            let line = range.map { column in
                // Beneath the last row nothing is drawn.
                switch (isDark(row: row, column: column), isDark(row: row + 1, column: column) || row + 1 == range.upperBound) {
                case (false, false): "█"
                case (false, true): "▀"
                case (true, false): "▄"
                case (true, true): " "
                }
            }
            lines.append(line.joined())
        }
        return lines.joined(separator: "\n")
    }
}
