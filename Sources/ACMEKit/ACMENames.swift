// The names of one certificate. Whoever holds a value of this type holds names that a CA may be asked for: no wildcard (which
// needs dns-01, RFC 8555 §8.4, and that nobody here can answer), nothing that is not a host name or an address, none twice.

import Primitives

/// Whom a certificate is for (RFC 8555 §9.7.7, RFC 8738 §3).
public enum ACMEIdentifier: Sendable, Hashable, Comparable {
    /// A host name in small letters, non-ASCII labels as `xn--…`.
    case dns(String)
    /// An address.
    case ip(IPAddress)

    /// As people write it.
    public var text: String {
        switch self {
        case .dns(let name): name
        case .ip(let address): address.text
        }
    }

    /// As the protocol calls its kind.
    var type: String {
        switch self {
        case .dns: "dns"
        case .ip: "ip"
        }
    }

    /// The server name that a CA sends when it validates by TLS: of an address, that of its reverse lookup (RFC 8738 §6).
    public var serverName: String {
        switch self {
        case .dns(let name): name
        case .ip(let address): address.reverseName
        }
    }

    /// In the order of their texts.
    public static func < (left: ACMEIdentifier, right: ACMEIdentifier) -> Bool {
        (left.type, left.text) < (right.type, right.text)
    }
}

/// One to a hundred names, sorted, each once.
public struct ACMENames: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The names, sorted.
    public let identifiers: [ACMEIdentifier]
    /// What tells these names apart from others in the name of a file: 32 hexadecimal digits.
    let fileKey: String

    /// The names that one certificate may have at Let's Encrypt and others.
    public static let maximumCount = 100

    /// The names in `texts`: host names and literal addresses, in any case and order, also more than once.
    public init(_ texts: [String]) throws(ACMENameError) {
        var found: Set<ACMEIdentifier> = []
        for text in texts { found.insert(try Self.identifier(text)) }
        guard !found.isEmpty else { throw ACMENameError("a certificate without a name") }
        guard found.count <= Self.maximumCount else { throw ACMENameError("more than \(Self.maximumCount) names") }
        identifiers = found.sorted()
        let text = identifiers.map { "\($0.type):\($0.text)" }.joined(separator: "\n")
        fileKey = Hexadecimal.text(SHA256.digest(text.utf8).prefix(16))
    }

    /// The names for people, with blanks between them.
    public var description: String { identifiers.map(\.text).joined(separator: " ") }

    /// In the order of their texts.
    public static func < (left: ACMENames, right: ACMENames) -> Bool {
        left.identifiers.lexicographicallyPrecedes(right.identifiers)
    }

    /// Whether a name is in both.
    func overlaps(_ other: ACMENames) -> Bool {
        let own = Set(identifiers)
        return other.identifiers.contains { own.contains($0) }
    }

    private static func identifier(_ text: String) throws(ACMENameError) -> ACMEIdentifier {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
        if let address = IPAddress(bare) { return .ip(address) }
        let name = text.lowercased()
        if name.hasPrefix("*") {
            throw ACMENameError(
                "\(visible(text)): a certificate for a wildcard needs a record in the DNS (dns-01); bring one from files instead"
            )
        }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, let last = labels.last, labels.allSatisfy(isLabel), !last.allSatisfy(\.isNumber) else {
            throw ACMENameError("\(visible(text)) is neither a host name nor an address")
        }
        return .dns(name)
    }

    /// Letters, digits and hyphens, which do not stand at an end (RFC 5890 §2.3.1).
    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
                default: false
                }
            }
    }

    private static func visible(_ text: String) -> String { VisibleText.make(text, maximumCount: 80) }
}

/// Why a certificate for a name cannot be asked for.
public struct ACMENameError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence for people.
    public var description: String
    /// An error with this sentence.
    init(_ description: String) { self.description = description }
}
