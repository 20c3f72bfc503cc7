// The access log: one line for each request that got a response or was given up, in the format that log analysers know, or as
// JSON.
//
// Nothing that a client sends can end a line or a quotation. What may hold secrets is left out: queries, of the target and of
// the referring page too.

import HTTPCodec
import MachineCore
import Primitives
import RPCCore

/// How the access log is written.
public enum AccessLogFormat: String, Sendable, Hashable, CaseIterable {
    /// Not at all.
    case off
    /// NCSA's combined format, as Apache and nginx write it, and the request's id as one more quoted text.
    case combined
    /// One JSON object a line.
    case json
}

/// One request, as the access log has it.
public struct AccessRecord: Sendable, Hashable {
    /// What ties it to other logs.
    public var requestID: String
    /// When its head was here, in seconds since 1970.
    public var time: Int64
    /// The visitor's address, also from behind a trusted proxy.
    public var peer: String
    /// The request's head.
    public var request: HTTPRequestHead
    /// The agent that was to respond; nil: the gateway itself.
    public var agentID: String?
    /// The status of the response; nil if there was none.
    public var status: Int?
    /// Bytes of the request's body.
    public var requestBytes: UInt64 = 0
    /// Bytes of the response's body.
    public var responseBytes: UInt64 = 0
    /// From the head to the head of the response; nil if there was none.
    public var untilResponse: Duration?
    /// From the head to the end.
    public var duration: Duration
    /// `TLSv1.3` or `TLSv1.2`; nil: plain HTTP.
    public var tlsVersion: String?
    /// How it ended: `done`, `cancelled`, or the code of an error.
    public var outcome: String

    /// The line, with its end.
    public func line(_ format: AccessLogFormat) -> [UInt8] {
        switch format {
        case .off: []
        case .combined: combined
        case .json: json
        }
    }

    private var combined: [UInt8] {
        let text =
            "\(peer) - - [\(UTCTime.logText(time))] \"\(QuotedText.quotable(request.method)) \(path) HTTP/1.\(request.minorVersion)\" "
            + "\(status.map(String.init) ?? "499") \(responseBytes) \"\(field(.referer, withoutQuery: true) ?? "-")\" "
            + "\"\(field(.userAgent) ?? "-")\" \"\(requestID)\"\n"
        return Array(text.utf8)
    }

    private var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        let texts: [(StaticString, String?)] = [
            ("time", UTCTime.text(time)), ("id", requestID), ("peer", peer), ("agent", agentID), ("host", field(.host)),
            ("method", QuotedText.quotable(request.method)), ("path", path), ("referer", field(.referer, withoutQuery: true)),
            ("userAgent", field(.userAgent)), ("tls", tlsVersion), ("outcome", outcome),
        ]
        for (name, value) in texts {
            guard let value else { continue }
            writer.name(name)
            writer.string(value)
        }
        let numbers: [(StaticString, Int64?)] = [
            ("status", status.map { Int64($0) }), ("in", Int64(clamping: requestBytes)),
            ("out", Int64(clamping: responseBytes)),
            ("firstByteUs", untilResponse.map { $0.wholeNanoseconds / 1_000 }), ("us", duration.wholeNanoseconds / 1_000),
        ]
        for (name, value) in numbers {
            guard let value else { continue }
            writer.name(name)
            writer.integer(value)
        }
        writer.endObject()
        return writer.finish() + [UInt8(ascii: "\n")]
    }

    private var path: String { QuotedText.quotable(request.target.prefix { $0 != UInt8(ascii: "?") }) }

    private func field(_ name: HTTPFieldName, withoutQuery: Bool = false) -> String? {
        guard let value = request.fields.first(name) else { return nil }
        return QuotedText.quotable(withoutQuery ? value.prefix { $0 != UInt8(ascii: "?") } : value)
    }
}

/// What clients sent, inside quotation marks.
enum QuotedText {
    /// Visible ASCII and blanks as they are; everything else, quotation marks and backslashes too, as `\xHH`, like nginx.
    static func quotable(_ bytes: some Sequence<UInt8>) -> String {
        var result = ""
        for byte in bytes {
            if (0x20..<0x7f).contains(byte), byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += byte < 16 ? "\\x0" : "\\x"
                result += String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    static func quotable(_ text: String) -> String { quotable(text.utf8) }
}

extension UTCTime {
    /// `10/Apr/2026:05:21:22 +0000`, as access logs have it.
    fileprivate static func logText(_ unixSeconds: Int64) -> String {
        let text = text(unixSeconds)
        let parts = text.split { "-T".contains($0) }
        guard parts.count == 4, let month = Int(parts[1]), months.indices.contains(month - 1) else { return text }
        return "\(parts[2])/\(months[month - 1])/\(parts[0]):\(parts[3].dropLast()) +0000"
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
