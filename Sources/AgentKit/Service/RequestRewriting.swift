// What changes about a head between the tunnel and the service (RFC 9110 §7.6): nothing that the service or the visitor should
// see, but the base path, Host with what follows it (VisitorOrigin), and whatever belongs to one connection only.
//
// The gateway is not trusted with framing: a Content-Length must be one number and agree with the body that is announced, the
// method must not be CONNECT, and method, target and fields are checked again by the encoder.

import HTTPCodec
import TunnelLink

/// Why a request cannot be put to a service, for the gateway's log.
struct UnservableRequest: Error, Hashable {
    var reason: String
}

/// A request in the form in which a service gets it.
struct ServiceRequest: Sendable, Hashable {
    /// The head's bytes.
    var head: [UInt8]
    var framing: HTTPBodyFraming
    /// The service may respond with 101, after which the stream is raw. Until it does, bytes on the stream are not for it.
    var asksForUpgrade: Bool
}

extension LocalHTTPService {
    /// What the service gets for `request`. `wholeBodyCount` is the length of a body that came whole (v1), where a length among
    /// the fields counts for nothing.
    func serviceRequest(for request: WebRequest, wholeBodyCount: Int?) throws(UnservableRequest) -> ServiceRequest {
        guard request.method != "CONNECT" else { throw UnservableRequest(reason: "CONNECT is not served") }
        if let upgrade = request.upgrade, !HTTPUpgrade.isName(upgrade) || HTTPUpgrade.isForbidden(upgrade) {
            throw UnservableRequest(reason: "this is no protocol to switch to")
        }
        guard request.path.first == UInt8(ascii: "/") else { throw UnservableRequest(reason: "path must begin with /") }
        var fields = request.fields
        let host = self.host(for: fields)
        try setDestinations(in: &fields, host: host)
        do throws(HTTPFieldError) {
            try setOrigins(in: &fields, host: host)
            let ownLength = wholeBodyCount.flatMap { Self.length($0, of: request.method, fields) }
            var dropped = fields.hopByHop()
            dropped.insert(.host, of: fields)
            // `Expect` is the service's to respond to where its 100 can be passed on, and where there is a body to wait for.
            if wholeBodyCount != nil || !request.hasBody || request.upgrade != nil { dropped.insert(.expect, of: fields) }
            if wholeBodyCount != nil { dropped.insert(.contentLength, of: fields) }
            let declared = wholeBodyCount == nil ? try Self.declaredLength(fields) : ownLength
            let asksForUpgrade = request.upgrade != nil && (declared ?? 0) == 0
            let framing = try Self.framing(
                declared: declared, hasBody: wholeBodyCount.map { $0 > 0 } ?? (request.hasBody && !asksForUpgrade))
            var writer = try HTTPHeadWriter(
                method: request.method, target: target(path: request.path, query: request.query),
                byteCount: fields.storedByteCount + Self.addedByteCount)
            writer.fields(fields, without: dropped)
            try writer.field(.host, host)
            if let ownLength { try writer.field(.contentLength, "\(ownLength)") }
            if framing == .chunked { try writer.field(.transferEncoding, "chunked") }
            if asksForUpgrade, let upgrade = request.upgrade {
                try writer.field(.connection, "Upgrade")
                try writer.field(.upgrade, upgrade)
            }
            return ServiceRequest(head: writer.end(), framing: framing, asksForUpgrade: asksForUpgrade)
        } catch {
            throw UnservableRequest(reason: Self.text(for: error))
        }
    }

    /// What the agent's own fields mostly take.
    private static let addedByteCount = 64

    func host(for fields: HTTPFields) -> String {
        switch hostField {
        case .text(let text): text
        case .preserve: fields[.xForwardedHost] ?? fields[.host] ?? Self.hostText(of: endpoint)
        }
    }

    /// The base path, the path and the query; the one slash between the first two is not doubled.
    func target(path: ArraySlice<UInt8>, query: ArraySlice<UInt8>?) -> ArraySlice<UInt8> {
        if basePath == "/", query == nil { return path }
        var target: [UInt8] = []
        if basePath != "/" { target.append(contentsOf: basePath.utf8) }
        if target.last == UInt8(ascii: "/") { target.removeLast() }
        target.append(contentsOf: path)
        if let query {
            target.append(UInt8(ascii: "?"))
            target.append(contentsOf: query)
        }
        return target[...]
    }

    // MARK: Framing

    /// A whole body has the length that it has. Without one a method that usually has a body says so (RFC 9110 §8.6).
    private static func length(_ count: Int, of method: String, _ fields: HTTPFields) -> UInt64? {
        let usuallyHasBody = method == "POST" || method == "PUT" || method == "PATCH"
        return count > 0 || usuallyHasBody || fields.contains(.contentLength) ? UInt64(max(0, count)) : nil
    }

    /// `Content-Length`, nil if there is none. Anything but one decimal number is refused as a value that cannot be sent on.
    static func declaredLength(_ fields: HTTPFields) throws(HTTPFieldError) -> UInt64? {
        guard let text = fields.first(.contentLength) else { return nil }
        guard fields.count(of: .contentLength) == 1, let length = HTTPBodyFraming.decimal(text) else {
            throw HTTPFieldError(.value)
        }
        return length
    }

    private static func framing(declared: UInt64?, hasBody: Bool) throws(HTTPFieldError) -> HTTPBodyFraming {
        switch (declared, hasBody) {
        case (let length?, true): return .length(length)
        case (nil, true): return .chunked
        case (nil, false), (0?, false): return .none
        case (.some, false): throw HTTPFieldError(.value)  // a service would wait for a body that never comes
        }
    }

    private static func text(for error: HTTPFieldError) -> String {
        switch error.part {
        case .method: "the method is not a token"
        case .target: "the path or the query has a character that a request line cannot carry"
        case .name, .value, .status, .reason, .trailer: "a field cannot be sent on, or contradicts the body"
        }
    }
}

extension WebResponse {
    /// What the gateway gets for the service's response; nil if a gateway could not take it. `Upgrade` survives in a 101.
    init?(_ head: HTTPResponseHead, framing: HTTPBodyFraming) {
        guard head.status == 101 || (200...599).contains(head.status) else { return nil }
        self.init(status: head.status, fields: head.fields, hasBody: head.status == 101 || framing.hasBytes)
        dropped = fields.hopByHop()
        guard head.status == 101, let upgrade = fields.first(.upgrade) else { return }
        settleFields()
        try? fields.append(.upgrade, bytes: upgrade)  // it came as a legal field
    }
}

extension HTTPBodyFraming {
    /// Whether anything can follow the head.
    var hasBytes: Bool {
        switch self {
        case .none, .length(0): false
        case .length, .chunked, .untilClose: true
        }
    }
}
