// Why there is no TLS, as a sentence that a person can act on. It is about "the certificate" and "the peer": who says it knows
// whom it dialled.

import MachineCore
import Primitives

/// A failure of TLS. Nothing more can be read or written on the connection.
public enum TLSError: Error, Sendable, Hashable {
    /// There is no OpenSSL to load; the text says what to install.
    case unavailable(String)
    /// What the operator gave (a certificate, a key, a name) cannot be used; the text says why.
    case settings(String)
    /// The certificate's time is over, since this Unix time in seconds.
    case expired(subject: String, since: Int64)
    /// The certificate's time has not come; it does at this Unix time in seconds.
    case notYetValid(subject: String, from: Int64)
    /// The certificate is for other names than the host that was dialled.
    case nameMismatch(host: String, names: [String])
    /// The certificate is of an authority that is not believed.
    case unknownAuthority(String)
    /// No authority is known at all, since the system has none.
    case noAuthorities
    /// The certificate proves itself, and is not believed for that.
    case selfSigned(subject: String, pin: TLSPin)
    /// The certificate was revoked.
    case revoked(subject: String)
    /// The certificate is refused for another reason, which is OpenSSL's.
    case certificateRefused(String)
    /// The server's public key is none of the pins.
    case pinMismatch(seen: TLSPin)
    /// The peer speaks HTTP without TLS.
    case plainHTTP
    /// The peer speaks something else; these are its first bytes, 8 at most.
    case notTLS(firstBytes: [UInt8])
    /// The peer speaks no version that we do.
    case protocolTooOld
    /// The client presented no certificate, though it must.
    case noClientCertificate
    /// The server asks for a certificate, and we presented none.
    case certificateRequired
    /// The peer gave up and said why: an alert (RFC 8446 §6).
    case refusedByPeer(alert: Int)
    /// The handshake failed; the reason is for people.
    case handshake(String)
    /// What came after the handshake is no valid record: bytes were changed or lost on the way.
    case invalidRecord(String)
    /// The connection ended during the handshake.
    case endedInHandshake
    /// The connection ended without the `close_notify` that would show that nothing is missing.
    case truncated
    /// Bytes were to be sent before the handshake was over, or after the end.
    case notOpen
    /// OpenSSL failed where it should not.
    case internalFailure(String)
}

extension TLSError: CustomStringConvertible {
    /// One sentence without a full stop.
    public var description: String {
        switch self {
        case .unavailable(let text), .settings(let text), .internalFailure(let text): text
        case .expired(let subject, let since):
            "\(Self.the(subject)) expired on \(UTCTime.text(since)); it must be renewed, or this machine's clock is wrong"
        case .notYetValid(let subject, let from):
            "\(Self.the(subject)) is not valid before \(UTCTime.text(from)); perhaps this machine's clock is wrong"
        case .nameMismatch(let host, let names): Self.mismatch(host, names)
        case .unknownAuthority(let name): Self.unknown(name)
        case .noAuthorities: "this machine has no certificate authorities, so that nobody is trusted: install ca-certificates"
        case .selfSigned(let subject, let pin):
            "\(Self.the(subject)) is self-signed; if it is yours, trust its public key by the pin \(pin)"
        case .revoked(let subject): "\(Self.the(subject)) was revoked"
        case .certificateRefused(let text): "the certificate is refused: \(text)"
        case .pinMismatch(let seen): "the public key is not one that is pinned: it is \(seen)"
        case .plainHTTP: "the peer speaks plain HTTP, not TLS: ws:// or http:// instead of wss:// or https://?"
        case .notTLS(let bytes): "the peer does not speak TLS: it begins with \(Self.shown(bytes))"
        case .protocolTooOld: "the peer speaks no version of TLS from 1.2 on: it must be updated"
        case .noClientCertificate: "the client presents no certificate, and one is required"
        case .certificateRequired: "the server requires a client's certificate, and none was presented"
        case .refusedByPeer(let alert): Self.refused(alert)
        case .handshake(let text): "the TLS handshake failed: \(text)"
        case .invalidRecord(let text): "what came is no valid TLS: \(text)"
        case .endedInHandshake: "the connection ended during the TLS handshake"
        case .truncated: "the connection ended without TLS's close_notify, so that something may be missing"
        case .notOpen: "the TLS connection is not open"
        }
    }

    private static func the(_ subject: String) -> String {
        subject.isEmpty ? "the certificate" : "the certificate (\(subject))"
    }

    private static func unknown(_ authority: String) -> String {
        let name = authority.isEmpty ? "one without a name" : authority
        return "the certificate is of an authority that is not trusted here: \(name); if it is yours, name its certificate"
    }

    private static func mismatch(_ host: String, _ names: [String]) -> String {
        let shown = names.prefix(5).joined(separator: ", ")
        let rest = names.count > 5 ? " and \(names.count - 5) more" : ""
        return "the certificate is not for \(host), but for \(names.isEmpty ? "no name" : shown + rest)"
    }

    /// `"GET / "` or `16 03 01`.
    private static func shown(_ bytes: [UInt8]) -> String {
        if !bytes.isEmpty, bytes.allSatisfy({ (0x20..<0x7f).contains($0) }) {
            return "\"\(String(decoding: bytes, as: UTF8.self))\""
        }
        let digits = bytes.map { String(decoding: [HexDigit.lowercase($0 >> 4), HexDigit.lowercase($0)], as: UTF8.self) }
        return bytes.isEmpty ? "nothing" : "the bytes " + digits.joined(separator: " ")
    }

    /// The alerts that a person can do something about (RFC 8446 §6.2).
    private static func refused(_ alert: Int) -> String {
        switch alert {
        case 40: "the peer refuses the TLS handshake: no cipher in common, or it wants a certificate"
        case 42, 43, 46: "the peer does not accept our certificate"
        case 44: "the peer says that our certificate was revoked"
        case 45: "the peer says that our certificate has expired"
        case 48: "the peer does not trust the authority of our certificate"
        case 49: "the peer denies access to our certificate"
        case 51: "the peer says that a signature is wrong"
        case 80: "the peer has an internal error"
        case 112: "the peer has no certificate for the name that was asked for"
        case 120: "the peer speaks none of the application protocols that were offered"
        default: "the peer refuses the TLS handshake (alert \(alert))"
        }
    }
}
