// What the host of an ACME client says to it, and what the client says to its host: values, never closures.

import HTTPCodec
import MachineCore
import X509

/// What a host says to its ACME client.
public enum ACMEMessage: Sendable, Hashable {
    /// First of all, once: the files that `ACMENote.store` has had written, as they are now.
    case start([ACMEFile])
    /// There shall be a certificate for these names from now on.
    case want(ACMENames)
    /// There need not be one any more. An order under way is given up; what is on disk stays.
    case unwant(ACMENames)
    /// Something was mended: what waits after a failure is tried at once. The quota is not forgotten.
    case retry
    /// The response to `ACMENote.request`.
    case response(ACMERequestID, ACMEResponse)
    /// There is no response, or no whole one. The reason is for people.
    case failed(ACMERequestID, reason: String)
    /// The reply to `ACMENote.store`: the file is on the disk, also if power fails now.
    case stored(name: String)
    /// The reply to `ACMENote.store`: it is not. It will be asked for again.
    case notStored(name: String, reason: String)
    /// The reply to `ACMENote.present`: a CA that connects from now on finds it.
    case presented(ACMEChallengeID)
    /// The reply to `ACMENote.present`: it cannot be put in place, such as without a listener on the port.
    case notPresented(ACMEChallengeID, reason: String)
    /// The time of day was corrected.
    case clock(WallClock)
}

/// What an ACME client says to its host.
public enum ACMENote: LoggingNote, Hashable {
    /// For the log; never holds a secret.
    case log(LogRecord)
    /// Send this over TLS to a server whose certificate is verified. The reply is `response` or `failed`.
    case request(ACMERequest)
    /// The response is not wanted any more; there need not be a reply.
    case cancel(ACMERequestID)
    /// Write this durably: beside, flushed, renamed. The reply is `stored` or `notStored`. No request leaves before the replies
    /// to all that was to be stored.
    case store(ACMEFile)
    /// Delete the file of this name. There is no reply.
    case remove(name: String)
    /// Put this in place. The reply is `presented` or `notPresented`.
    case present(ACMEChallenge)
    /// Take this away. There is no reply.
    case withdraw(ACMEChallenge)
    /// Here is a certificate, new or from the disk: use it instead of any earlier one for these names.
    case certificate(ACMECertificate)
    /// No certificate came, and there will be another attempt at the given time (seconds since 1970). The reason is for people.
    case failed(ACMENames, reason: String, retryAt: Int64)
    /// These names are not looked after. The reason is for people.
    case refused(ACMENames, reason: String)
}

/// A file that a client keeps: JSON with a format version, and secrets.
public struct ACMEFile: Sendable, Hashable {
    /// A name without a folder: small letters, digits, `-` and `.`.
    public var name: String
    /// All of it.
    public var contents: [UInt8]

    /// A file.
    public init(name: String, contents: [UInt8]) {
        self.name = name
        self.contents = contents
    }
}

/// A request, named by the client, never reused.
public struct ACMERequestID: Sendable, Hashable {
    /// Counted from 1.
    public var rawValue: UInt64
    /// The request with this raw value.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A request to a CA. Fields that belong to the connection or frame the body (`Host`, `Content-Length`) are the host's to add.
public struct ACMERequest: Sendable, Hashable {
    /// What the reply names.
    public var id: ACMERequestID
    /// `GET`, `HEAD` or `POST`.
    public var method: String
    /// Where to.
    public var url: ACMEURL
    /// The fields.
    public var fields: HTTPFields
    /// The body; empty but for POST.
    public var body: [UInt8]
    /// A longer body of the response is of no use: the host may stop there and reply `failed`.
    public var maximumResponseBytes: Int
}

/// A whole response of a CA.
public struct ACMEResponse: Sendable, Hashable {
    /// The status code.
    public var status: Int
    /// The header fields.
    public var fields: HTTPFields
    /// The body.
    public var body: [UInt8]

    /// A response with these parts.
    public init(status: Int, fields: HTTPFields = HTTPFields(), body: [UInt8] = []) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

/// A challenge that is put in place, named by the client, never reused.
public struct ACMEChallengeID: Sendable, Hashable {
    /// Counted from 1.
    public var rawValue: UInt64
    /// The challenge with this raw value.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What a CA looks for to see that a name is ours.
public struct ACMEChallenge: Sendable, Hashable {
    /// What the replies name.
    public var id: ACMEChallengeID
    /// The name in question.
    public var identifier: ACMEIdentifier
    /// What to put in place.
    public var proof: Proof

    /// What to put in place.
    public enum Proof: Sendable, Hashable {
        /// Whoever offers `acme-tls/1` alone in ALPN and names this server (in small letters) gets that protocol and this
        /// certificate (RFC 8737 §3).
        case tlsALPN(serverName: String, TLSCredential)
        /// `GET /.well-known/acme-challenge/{token}` on port 80 has the response `keyAuthorization` (RFC 8555 §8.3).
        case http(token: String, keyAuthorization: String)
    }

    /// The kind of the proof.
    public var kind: ACMEChallengeKind {
        switch proof {
        case .tlsALPN: .tlsALPN
        case .http: .http
        }
    }
}

/// A certificate with what it is for.
public struct ACMECertificate: Sendable, Hashable {
    /// The names that it was ordered for.
    public var names: ACMENames
    /// The chain and the key.
    public var credential: TLSCredential
    /// The first second of its life, since 1970.
    public var notBefore: Int64
    /// The last second of its life, since 1970.
    public var notAfter: Int64
}
