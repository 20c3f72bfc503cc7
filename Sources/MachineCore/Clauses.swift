// How sentences are put together for people out of parts that may be sentences themselves: the text of a peer, of the system,
// or of another layer. Two glued marks (`.;`, `?.`) look like a mistake, and are one.

extension StringProtocol {
    /// The text as a part of a sentence that goes on behind it: without blanks, full stops and colons at its end.
    public var asClause: String {
        var text = self[...]
        while let last = text.last, last == "." || last == ":" || last.isWhitespace { text.removeLast() }
        return String(text)
    }

    /// The text as a whole sentence: with one mark at its end, its own or a full stop.
    public var asSentence: String {
        let clause = asClause
        guard let last = clause.last else { return "" }
        return last == "?" || last == "!" || last == "…" ? clause : clause + "."
    }
}
