// Sentences that were glued together out of parts: what two marks side by side give away.

/// Two marks side by side in `text`, where one of them is too many; nil if there are none. An ellipsis of three dots, and dots
/// of a path, are none.
public func gluedMarks(in text: String) -> String? {
    for pair in [".;", "?;", "!;", ";;", "?.", "!.", ".。", "?。", ". .", ".,", "?,", ":;", ": ;", "; ;", ":.", ";."]
    where text.contains(pair) {
        return pair
    }
    // Two dots at the end of a word; a path's stand behind a slash.
    var before: Character = " "
    var dots = 0
    for character in text + " " {
        if character == "." {
            dots += 1
            continue
        }
        if dots == 2, before.isLetter, character == " " || character == "\n" || character == ";" { return ".." }
        dots = 0
        before = character
    }
    return nil
}
