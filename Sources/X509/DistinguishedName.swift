// Names of subjects and issuers (RFC 5280 §4.1.2.4) as one line for people. They are what somebody else wrote, so nothing in
// them may move a cursor or look like the next field.

/// Lists of attributes, each with a value.
enum DistinguishedName {
    /// `CN=gw.example.com, O=Example`, the most particular first, as people read it; what has no short name is left out.
    static func text(_ content: ArraySlice<UInt8>) -> String {
        var reader = DERReader(content)
        var parts: [String] = []
        while let set = reader.next(.set), parts.count < maximumParts {
            var members = DERReader(set.content)
            while let member = members.next(.sequence) {
                var fields = DERReader(member.content)
                guard let object = fields.next(.objectIdentifier), let value = fields.next() else { break }
                guard let name = shortNames[Array(object.content)] else { continue }
                parts.append("\(name)=\(visible(value))")
            }
        }
        return parts.reversed().joined(separator: ", ")
    }

    /// The name with `commonName` alone; the empty name if that is empty.
    static func encoded(commonName: String) -> [UInt8] {
        if commonName.isEmpty { return DER.sequence() }
        let attribute = DER.sequence(DER.identifier(.commonName), DER.value(.utf8String, Array(commonName.utf8)))
        return DER.sequence(DER.set(attribute))
    }

    private static let maximumParts = 16
    private static let maximumLength = 64

    private static let shortNames: [[UInt8]: String] = [
        DERObject.commonName.bytes: "CN", DERObject.organizationName.bytes: "O",
        DERObject.organizationalUnitName.bytes: "OU", DERObject.countryName.bytes: "C",
    ]

    /// UTF8String, PrintableString, IA5String and T61String (taken for Latin-1); others by their length.
    private static func visible(_ value: DERValue) -> String {
        let text: String
        switch value.tag.rawValue {
        case 0x0c: text = String(decoding: value.content, as: UTF8.self)
        case 0x13, 0x14, 0x16: text = String(String.UnicodeScalarView(value.content.map { Unicode.Scalar($0) }))
        default: return "(\(value.content.count) bytes)"
        }
        let scalars = text.unicodeScalars.prefix(maximumLength).map { isHarmless($0) ? $0 : "?" }
        return String(String.UnicodeScalarView(scalars)) + (text.unicodeScalars.count > maximumLength ? "…" : "")
    }

    /// Letters, marks, digits, punctuation and the space: no controls, nothing invisible, and not what separates attributes.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "," || scalar == "=" { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        case .spaceSeparator: return scalar == " "
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark,
            .enclosingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation,
            .openPunctuation,
            .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol,
            .modifierSymbol, .otherSymbol:
            return true
        @unknown default: return false
        }
    }
}
