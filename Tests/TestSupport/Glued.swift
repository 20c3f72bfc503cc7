// Sentences that were glued together out of parts: what two marks side by side give away.

/// Two marks side by side in `text`, where one of them is too many; nil if there are none. An ellipsis of three dots, and dots of a
/// path, are none.
public func gluedMarks(in text: String) -> String? {
    for pair in [".;", "?;", "!;", ";;", "?.", "!.", ".。", "?。", ". .", ".,", "?,", ":;", ": ;", "; ;", ":.", ";."]
    where text.contains(pair) {
        return pair
    }
    var dots = 0
    for character in text + " " {
        if character == "." {
            dots += 1
        } else {
            if dots == 2, character == " " || character == "\n" || character == ";" { return ".." }
            dots = 0
        }
    }
    return nil
}
