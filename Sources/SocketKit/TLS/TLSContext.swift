// What connections of one kind have in common: certificates, authorities, protocols, tickets. A loop has contexts of its own,
// because OpenSSL 3.0 locks what several threads share; connections keep theirs when a newer one takes its place.
//
// Unsafe here: an `SSL_CTX *`, which is freed with the context; whoever calls with it holds the context.

import X509

/// A context for servers or for clients. To be used by one thread.
@safe public final class TLSContext {
    let library: OpenSSL
    let pointer: OpaquePointer
    /// Whom a client believes; nil at a server.
    let trust: TLSTrust?
    /// What clients can resume; nil at a server.
    let sessions: SessionStore?
    /// What a server can present.
    let credentials: CredentialChoice?
    /// The protocols of a server, best first.
    let protocols: [[UInt8]]
    /// The first seals tickets, all open them. The keys of a running context can be replaced: rotation is the caller's. An
    /// empty list changes nothing.
    public var ticketKeys: [TLSTicketKey] {
        didSet { if ticketKeys.isEmpty { ticketKeys = oldValue } }
    }
    /// Whether the system's authorities are believed, and there are none.
    var lacksAuthorities = false
    /// What is presented to a certificate authority that checks a name (tls-alpn-01, RFC 8737 §3), by server name.
    private var challenges: [String: LoadedCredential] = [:]

    /// A context for servers. The error says which credential is at fault, from 1, if there are several.
    public init(server settings: TLSServerSettings) throws(TLSError) {
        library = try OpenSSL.loaded.get()
        trust = nil
        sessions = nil
        protocols = settings.protocols.map { Array($0.utf8) }
        ticketKeys = settings.ticketKeys.isEmpty ? [TLSTicketKey()] : settings.ticketKeys
        credentials = try CredentialChoice(settings.credentials, library)
        // The last to be set, since an initialiser that throws before all is set frees nothing.
        unsafe pointer = try unsafe makeContext(library)
        try configure(settings)
    }

    /// A context for clients.
    public init(client settings: TLSClientSettings) throws(TLSError) {
        library = try OpenSSL.loaded.get()
        trust = settings.trust
        sessions = SessionStore()
        credentials = nil
        protocols = settings.protocols.map { Array($0.utf8) }
        ticketKeys = []
        unsafe pointer = try unsafe makeContext(library)
        try configure(settings)
    }

    deinit { unsafe library.ssl.freeContext(pointer) }

    /// Presents `credential` from now on to a certificate authority that checks `serverName`; nil withdraws it.
    public func setChallenge(for serverName: String, _ credential: TLSCredential?) throws(TLSError) {
        challenges[serverName.lowercased()] = nil
        if let credential { challenges[serverName.lowercased()] = try LoadedCredential(credential, library) }
    }

    /// What is presented to a certificate authority that checks `serverName`.
    func challenge(for serverName: String?) -> LoadedCredential? { serverName.flatMap { challenges[$0] } }
}

/// The certificates of a server, by name.
struct CredentialChoice {
    /// For clients that name no server, or one that none is for.
    let standard: [LoadedCredential]
    private var byName: [String: [LoadedCredential]] = [:]
    /// `example.com` for `*.example.com`.
    private var byParent: [String: [LoadedCredential]] = [:]

    init(_ credentials: [TLSCredential], _ library: OpenSSL) throws(TLSError) {
        var loaded: [LoadedCredential] = []
        for (index, credential) in credentials.enumerated() {
            do throws(TLSError) {
                loaded.append(try LoadedCredential(credential, library))
            } catch {
                guard credentials.count > 1, case .settings(let text) = error else { throw error }
                throw .settings("certificate \(index + 1): \(text)")
            }
        }
        guard let first = loaded.first else { throw .settings("a server needs a certificate") }
        // With the first go those of the same names whose key is of another kind.
        standard = loaded.filter { $0 === first || !first.names.isEmpty && $0.names == first.names }
        for credential in loaded {
            for name in Set(credential.names) {
                if name.hasPrefix("*.") {
                    byParent[String(name.dropFirst(2)), default: []].append(credential)
                } else {
                    byName[name, default: []].append(credential)
                }
            }
        }
    }

    /// What is for `name`: those that have it, else those of a wildcard for its first label, else the standard.
    func credentials(for name: String?) -> [LoadedCredential] {
        guard let name else { return standard }
        if let exact = byName[name] { return exact }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return standard }
        return byParent[String(name[name.index(after: dot)...])] ?? standard
    }
}

/// The last session with each host, for clients to resume.
final class SessionStore {
    private var sessions: [String: LoadedSession] = [:]
    /// Hosts that are remembered at most; beyond it any one is forgotten.
    private static let maximumCount = 64

    func take(for host: String) -> LoadedSession? {
        guard let session = sessions[host] else { return nil }
        if session.isUsedOnce { sessions[host] = nil }
        return session
    }

    func keep(_ session: LoadedSession, for host: String) {
        if sessions[host] == nil, sessions.count >= Self.maximumCount, let other = sessions.keys.first { sessions[other] = nil }
        sessions[host] = session
    }

    func forgetAll() { sessions = [:] }
}
