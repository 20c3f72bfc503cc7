// What a TLS context is made of, as values: they are read once and then given to each loop, which makes a context of its own
// of them.

import MachineCore
import X509

/// What a server presents and asks for.
public struct TLSServerSettings: Sendable, Hashable {
    /// Whether clients are asked for certificates. The bytes are the authorities that they may be of, as PEM.
    public enum Clients: Sendable, Hashable {
        /// Clients are not asked.
        case anonymous
        /// A client without a certificate is served too; a certificate of another authority is refused.
        case mayAuthenticate(authorities: [UInt8])
        /// A client without a certificate is refused.
        case mustAuthenticate(authorities: [UInt8])

        var authorities: [UInt8] {
            switch self {
            case .anonymous: []
            case .mayAuthenticate(let pem), .mustAuthenticate(let pem): pem
            }
        }
    }

    /// One for each name, or several for a name whose keys differ in kind. The first is for clients that name no server, or
    /// one that none is for.
    public var credentials: [TLSCredential]
    /// Whether clients are asked for certificates.
    public var clients: Clients
    /// The application protocols (RFC 7301), best first. A client that offers none of them is refused; one that offers nothing
    /// is not. Empty: what clients offer is ignored.
    public var protocols: [String]
    /// The first seals tickets, all open them. Empty: a key that only the context has.
    public var ticketKeys: [TLSTicketKey]

    /// A server with these credentials.
    public init(
        _ credentials: [TLSCredential], clients: Clients = .anonymous, protocols: [String] = [], ticketKeys: [TLSTicketKey] = []
    ) {
        self.credentials = credentials
        self.clients = clients
        self.protocols = protocols
        self.ticketKeys = ticketKeys
    }
}

/// What a client believes and presents.
public struct TLSClientSettings: Sendable, Hashable {
    /// Which servers are believed.
    public var trust: TLSTrust
    /// What is presented to a server that asks for a certificate.
    public var credential: TLSCredential?
    /// The application protocols that are offered (RFC 7301), best first. Empty: none are.
    public var protocols: [String]

    /// A client that believes `trust`.
    public init(trust: TLSTrust = .system, credential: TLSCredential? = nil, protocols: [String] = []) {
        self.trust = trust
        self.credential = credential
        self.protocols = protocols
    }
}

/// Which servers a client believes.
public struct TLSTrust: Sendable, Hashable {
    /// Whether the system's authorities are believed.
    public var includesSystem = false
    /// Further authorities, as PEM.
    public var authorities: [UInt8] = []
    /// The public keys of which the server must have one. With authorities, its certificate must be of one of them besides, and
    /// for the host; without, the key alone counts, whatever the certificate says of names and times.
    public var pins: Set<TLSPin> = []
    /// Whether every server is believed, and none of the above counts.
    public var isInsecure = false

    /// The system's authorities.
    public static let system = {
        var trust = TLSTrust()
        trust.includesSystem = true
        return trust
    }()

    /// These authorities and no others.
    public static func authorities(_ pem: [UInt8]) -> TLSTrust {
        var trust = TLSTrust()
        trust.authorities = pem
        return trust
    }

    /// These keys and nothing else.
    public static func pins(_ pins: Set<TLSPin>) -> TLSTrust {
        var trust = TLSTrust()
        trust.pins = pins
        return trust
    }

    /// Everything: for development alone.
    public static let insecure = {
        var trust = TLSTrust()
        trust.isInsecure = true
        return trust
    }()

    /// Whether a certificate must be of an authority.
    var hasAuthorities: Bool { includesSystem || !authorities.isEmpty }
}

/// A key that seals session tickets (RFC 5077 §4): any context that has it resumes what another began.
public struct TLSTicketKey: Sendable, Hashable {
    /// Bytes of a key: 16 that name it, 32 for the MAC, 32 for the cipher.
    public static let count = 80
    /// All of it.
    let bytes: [UInt8]

    /// The key of these 80 secret bytes; nil if there are more or fewer.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.count else { return nil }
        self.bytes = bytes
    }

    /// A new one, from the system's randomness.
    public init() {
        var generator = SystemRandomNumberGenerator()
        bytes = (0..<Self.count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    var name: ArraySlice<UInt8> { bytes[..<16] }
    var authenticationKey: ArraySlice<UInt8> { bytes[16..<48] }
    var cipherKey: ArraySlice<UInt8> { bytes[48...] }
}
