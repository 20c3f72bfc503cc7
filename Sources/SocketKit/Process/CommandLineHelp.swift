// The text of `--help`: usage, summary, then one entry for each option, aligned and wrapped at 80 columns, so that it reads
// well on any terminal and in any log. Widths are counted in characters; the texts are our own.

extension CommandLineParser {
    /// The help text, ending with a line feed; no line is longer than 80 characters unless one word is. `defaultText` says what
    /// holds without the setting at a path, for the options that give one.
    public func help(defaultText: (_ settingsPath: String) -> String? = { _ in nil }) -> String {
        var lines: [String] = []
        for (index, form) in (synopsis.isEmpty ? [""] : synopsis).enumerated() {
            let head = (index == 0 ? "usage: " : "       ") + program + (form.isEmpty ? "" : " ")
            lines += wrap(form, indent: head.count, first: head)
        }
        lines.append("")
        lines += wrap(summary, indent: 0, first: "")
        let entries = positionalEntries + optionEntries(defaultText)
        let column = min(helpColumnLimit, (entries.map(\.label.count).max() ?? 0) + 2)
        if !entries.isEmpty { lines.append("") }
        for entry in entries { lines += layOut(entry, column: column) }
        return lines.joined(separator: "\n") + "\n"
    }

    private typealias Entry = (label: String, help: String)

    private var positionalEntries: [Entry] {
        positional.map { [("  " + $0.valueName, $0.help)] } ?? []
    }

    private func optionEntries(_ defaultText: (String) -> String?) -> [Entry] {
        let hasShort = options.contains { $0.short != nil }
        return options.map { option in
            let lead = option.short.map { "  \($0), " } ?? (hasShort ? "      " : "  ")
            let value = option.valueName.map { option.isValueOptional ? "[=\($0)]" : " \($0)" } ?? ""
            // A switch stands for the opposite of its default.
            let path = option.valueName == nil ? nil : option.settingsPath
            let help = path.flatMap(defaultText).map { "\(option.help.dropLast()) (default \($0))." } ?? option.help
            return (lead + option.name + value, help)
        }
    }

    /// The label, then its help from `column` on: beside the label, or below one that is too long.
    private func layOut(_ entry: Entry, column: Int) -> [String] {
        guard entry.label.count + 2 <= column else {
            return [entry.label] + wrap(entry.help, indent: column, first: spaces(column))
        }
        return wrap(entry.help, indent: column, first: entry.label + spaces(column - entry.label.count))
    }
}

/// The columns of a terminal by default.
private let helpWidth = 80
/// Help texts begin here at the latest.
private let helpColumnLimit = 30

private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

/// `text` in lines of at most 80 characters: the first follows `first`, the others are indented.
private func wrap(_ text: String, indent: Int, first: String) -> [String] {
    var lines: [String] = []
    var line = first
    var isAtStart = true
    for word in text.split(whereSeparator: \.isWhitespace) {
        if !isAtStart, line.count + 1 + word.count > helpWidth {
            lines.append(line)
            line = spaces(indent)
            isAtStart = true
        }
        line += isAtStart ? String(word) : " " + word
        isAtStart = false
    }
    while line.last == " " { line.removeLast() }
    return lines + [line]
}
