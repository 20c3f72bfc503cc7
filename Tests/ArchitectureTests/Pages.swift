// The links of a Markdown page: `[text](target)`, outside of fenced code. Links to the web are not checked.

import Foundation

/// The relative targets of the links in `page`, without fragment, with the line of each (counted from 1).
func localLinks(in page: String) -> [(target: String, line: Int)] {
    var links: [(target: String, line: Int)] = []
    var isFenced = false
    for (number, line) in page.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        if line.drop(while: { $0 == " " }).hasPrefix("```") { isFenced.toggle() }
        if isFenced { continue }
        for part in line.components(separatedBy: "](").dropFirst() {
            guard let end = part.firstIndex(where: { $0 == ")" || $0 == " " }) else { continue }
            let target = part[..<end].prefix { $0 != "#" }
            let isElsewhere = target.isEmpty || target.contains("://") || target.hasPrefix("mailto:")
            if !isElsewhere { links.append((String(target), number + 1)) }
        }
    }
    return links
}

/// The links of the page at `path`, whose text is `page`, that lead to nothing; they count from the page's own folder.
func deadLinks(in page: String, at path: String, exists: (String) -> Bool) -> [Finding] {
    let folder = path.split(separator: "/").dropLast().map { $0 + "/" }.joined()
    return localLinks(in: page).filter { !exists(folder + $0.target) }.map {
        Finding(path: path, line: $0.line, what: "links to \($0.target), which does not exist")
    }
}
