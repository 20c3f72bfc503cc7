// A setting that is a host name, under which agents have names of their own. What people write instead of the bare name (a
// wildcard as in a certificate, a URL as in a browser, a leading dot as in a cookie) is refused with the name that they mean.

enum HostName {
    /// The host name in small letters; nil after a problem.
    static func parse(_ text: String, _ refuse: (String) -> Void) -> String? {
        let name = text.lowercased()
        if isHostName(name) { return name }
        let meant = bareName(in: name)
        let example = isHostName(meant) ? meant : "example.com"
        refuse("must be a host name alone, such as \"\(example)\": without a scheme, *, port or path")
        return nil
    }

    /// Labels of letters, digits, `-` and `_`, parted by dots; the last is no number, or agents would have names beneath an
    /// address.
    static func isHostName(_ name: String) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...253).contains(name.utf8.count), let last = labels.last, !last.allSatisfy(\.isNumber) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                        UInt8(ascii: "_"):
                        true
                    default: false
                    }
                }
        }
    }

    /// `text` without what does not belong to a name.
    private static func bareName(in text: String) -> String {
        var name = text[...]
        if let mark = name.firstRange(of: "://") { name = name[mark.upperBound...] }
        name = name.prefix { $0 != "/" && $0 != ":" && $0 != "?" && $0 != "#" }
        name = name.drop { $0 == "*" || $0 == "." || $0.isWhitespace }
        while let last = name.last, last == "." || last.isWhitespace { name.removeLast() }
        return String(name)
    }
}
