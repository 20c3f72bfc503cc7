// Fields that hold addresses (RFC 3986 §4.1 references), each in the form of its own: where a proxy changes prefixes, all of
// them change, and not `Location` alone.
//
//     Location, Content-Location (RFC 9110 §10.2.2, §8.7), SourceMap (ECMA-426), htmx and its like: the whole value
//     Refresh: 5; url=/x (HTML §2.5)
//     Link: </x>; rel=next, </y> (RFC 8288), and If: </x> (<lock>) (RFC 4918 §10.4): what stands between < and >
//
// Left alone: addresses within JSON (`HX-Location: {…}`), within policies (`Content-Security-Policy`) and within bodies.

extension HTTPFieldSet {
    /// The fields of responses that hold addresses.
    public static let addresses = HTTPFieldSet(HTTPFields.wholeAddresses + [.refresh, .link])
}

extension HTTPFieldName {
    /// `Refresh`
    public static var refresh: HTTPFieldName { HTTPFieldName(.refresh) }
    /// `Link`
    public static var link: HTTPFieldName { HTTPFieldName(.link) }
}

extension HTTPFields {
    /// Those that are one address.
    static let wholeAddresses: [HTTPFieldName] = [
        .location, .contentLocation, "SourceMap", "X-SourceMap", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Replace-Url",
        "X-PJAX-URL", "X-Inertia-Location", "Turbo-Location",
    ]

    /// Puts what `change` gives in the place of each address; nil: it stays. To be called where `containsAny(of: .addresses)`.
    public mutating func changeAddresses(_ change: (String) -> String?) {
        for name in Self.wholeAddresses { changeValues(of: name, change) }
        changeValues(of: .refresh) { Self.changingRefresh($0, change) }
        changeBracketed(in: .link, change)
    }

    /// Puts what `change` gives in the place of what stands between `<` and `>`, outside of quotes.
    public mutating func changeBracketed(in name: HTTPFieldName, _ change: (String) -> String?) {
        changeValues(of: name) { Self.changingBracketed($0, change) }
    }

    /// Puts what `change` gives in the place of each value of `name`, in their order.
    public mutating func changeValues(of name: HTTPFieldName, _ change: (String) -> String?) {
        guard contains(name) else { return }
        let values = all(name).map { Latin1.string($0) }
        let changed = values.map { change($0) ?? $0 }
        guard changed != values || changed.contains("") else { return }
        removeAll(name)
        // What came as a legal value is one again; an address that is gone is no field.
        for value in changed where !value.isEmpty { try? append(name, value) }
    }

    /// `delta [;,] [url =] address`, the address perhaps in quotes.
    private static func changingRefresh(_ value: String, _ change: (String) -> String?) -> String? {
        guard let mark = value.firstIndex(where: { $0 == ";" || $0 == "," }) else { return nil }
        var start = value.index(after: mark)
        func skipBlanks() {
            while start < value.endIndex, value[start] == " " || value[start] == "\t" { start = value.index(after: start) }
        }
        skipBlanks()
        if value[start...].prefix(3).lowercased() == "url" {
            let behind = value[start...].dropFirst(3).drop { $0 == " " || $0 == "\t" }
            if behind.first == "=" { start = value.index(after: behind.startIndex) }
            skipBlanks()
        }
        var end = value.endIndex
        if let quote = value[start...].first, quote == "'" || quote == "\"" {
            start = value.index(after: start)
            end = value[start...].firstIndex(of: quote) ?? value.endIndex
        }
        return change(String(value[start..<end])).map { value[..<start] + $0 + value[end...] }
    }

    private static func changingBracketed(_ value: String, _ change: (String) -> String?) -> String? {
        var result = ""
        var rest = value[...]
        var isQuoted = false
        while let character = rest.first {
            if !isQuoted, character == "<", let end = rest.firstIndex(of: ">") {
                let address = String(rest[rest.index(after: rest.startIndex)..<end])
                result += "<" + (change(address) ?? address)
                rest = rest[end...]
                continue
            }
            if character == "\"" { isQuoted.toggle() }
            if isQuoted, character == "\\" {
                result.append(character)
                rest = rest.dropFirst()
                guard let escaped = rest.first else { break }
                result.append(escaped)
            } else {
                result.append(character)
            }
            rest = rest.dropFirst()
        }
        return result
    }
}
