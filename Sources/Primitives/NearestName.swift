// Which known name someone meant: for `unknown key "prot"; did you mean "port"?`, of keys, options and choices alike.
// A name is near if it differs in case alone, by at most two edits, or if one begins with the other. A file may be large and
// hostile, known names are few and short: the cost of one question is bounded by the known names.

/// The name among `names` nearest to `word`, or nil if none is near; the earlier of two equally near.
public func nearestName(to word: String, among names: [String]) -> String? {
    guard word.utf8.count <= maximumWordBytes else { return nil }
    var best: (name: String, distance: Int)?
    for name in names {
        guard let distance = nameDistance(word, name), distance < (best?.distance ?? .max) else { continue }
        best = (name, distance)
    }
    return best?.name
}

private let maximumEdits = 2
private let maximumWordBytes = 256

/// 0 for the same but for case, then 1 or 2 edits, then 3 for a common beginning; nil if the two are not near.
private func nameDistance(_ word: String, _ name: String) -> Int? {
    let left = Array(word.lowercased().utf8)
    let right = Array(name.lowercased().utf8)
    if left == right { return 0 }
    // A difference in length is a number of edits: words of unlike length are never compared byte by byte.
    if abs(left.count - right.count) <= maximumEdits, right.count > maximumEdits {
        let edits = editDistance(left, right)
        if edits <= maximumEdits { return edits }
    }
    let shorter = min(left.count, right.count)
    return shorter >= 3 && left.prefix(shorter) == right.prefix(shorter) ? maximumEdits + 1 : nil
}

/// Insertions, deletions, substitutions and swaps of adjacent characters that turn one into the other (optimal string
/// alignment).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for i in left.indices {
        var current = [i + 1]
        for j in right.indices {
            var cost = min(previous[j + 1], current[j]) + 1
            cost = min(cost, previous[j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
            current.append(cost)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[right.count]
}
