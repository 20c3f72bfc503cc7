// A response that the gateway makes itself, whole. An error is a page for people, JSON for programs that ask for it, else text.

import HTTPCodec
import RPCCore
import WebConsole

struct OwnResponse: Sendable {
    var status: Int
    var fields = HTTPFields()
    var body: [UInt8]
    /// Set if it is an error.
    private(set) var error: GatewayError?

    init(_ status: Int, type: String, body: [UInt8]) {
        self.status = status
        self.body = body
        for (name, value) in [
            (.contentType, type), (.cacheControl, "no-store"), (.xContentTypeOptions, "nosniff"),
            (.referrerPolicy, "same-origin"),
        ] as [(HTTPFieldName, String)] { try? fields.append(name, value) }
    }

    static func text(_ status: Int, _ text: String) -> OwnResponse {
        OwnResponse(status, type: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    static func json(_ status: Int, _ body: [UInt8]) -> OwnResponse {
        OwnResponse(status, type: "application/json", body: body)
    }

    /// To another path of this host (RFC 9110 §15.4.4).
    static func redirect(to path: [UInt8], cookie: String? = nil) -> OwnResponse {
        var response = OwnResponse.text(303, "")
        // Both were made or checked here.
        try? response.fields.append(.location, bytes: path[...])
        if let cookie { try? response.fields.append(.setCookie, cookie) }
        return response
    }
}

extension OwnResponse {
    /// `/web/{id}` means `/web/{id}/`, and only there do the service's relative links lead to the service.
    static func addSlash(to route: WebRoute) -> OwnResponse {
        var location = Array("\(route.prefix)/".utf8)
        if let query = route.query { location += [UInt8(ascii: "?")] + query }
        var response = OwnResponse.text(308, "The web service is at \(route.prefix)/\n")
        try? response.fields.append(.location, bytes: location[...])
        return response
    }
}

// MARK: Errors

extension OwnResponse {
    /// The response with `error` to `request`.
    static func error(_ error: GatewayError, to request: VisitorRequest?) -> OwnResponse {
        var response = body(of: error, request)
        response.status = error.status
        response.mark(as: error, to: request)
        return response
    }

    /// Adds the fields by which programs know it.
    mutating func mark(as error: GatewayError, to request: VisitorRequest?) {
        self.error = error
        try? fields.append(.errorMark, error.code)
        if error == .unauthorized {
            for challenge in Authorization.challenges(to: request) { try? fields.append(.wwwAuthenticate, challenge) }
        }
        for (name, value) in error.fields { try? fields.append(name, value) }
    }

    private static func body(of error: GatewayError, _ request: VisitorRequest?) -> OwnResponse {
        if let request, request.head.isByBrowser {
            var view = ErrorView(status: error.status, code: error.code, explanation: error.explanation)
            view.values = error.values
            view.requestID = request.id
            return .page(ErrorPage.render(view, .of(request)), for: request)
        }
        guard request?.head.fields[.accept]?.lowercased().contains("json") == true else {
            return .text(error.status, error.explanation + "\n")
        }
        var writer = JSONWriter()
        writer.beginObject()
        for (name, value) in [("error", error.code), ("message", error.explanation)] as [(StaticString, String)] {
            writer.name(name)
            writer.string(value)
        }
        writer.name("status")
        writer.integer(Int64(error.status))
        writer.endObject()
        return .json(error.status, writer.finish())
    }
}

// MARK: Pages

extension OwnResponse {
    /// A page for people; a language chosen by its address is kept in a cookie.
    static func page(_ page: Page, for request: VisitorRequest) -> OwnResponse {
        var response = OwnResponse(200, type: "text/html; charset=utf-8", body: page.body)
        try? response.fields.append(.contentSecurityPolicy, page.contentSecurityPolicy)
        try? response.fields.append(.vary, "Accept-Language, Cookie")
        if let language = Language.chosen(by: request) {
            let cookie = "\(Language.cookieName)=\(language.rawValue); Path=/; Max-Age=31536000; SameSite=Lax"
            try? response.fields.append(.setCookie, cookie)
        }
        return response
    }
}

extension Language {
    fileprivate static let cookieName = "miagent-lang"

    /// The language of pages for this request: what its address says, else its cookie, else what the browser asks for.
    static func of(_ request: VisitorRequest) -> Language {
        let fields = request.head.fields
        let kept = OwnCookies.values(named: cookieName, in: fields).first.map { String(decoding: $0, as: UTF8.self) }
        return Language(chosen: chosen(by: request)?.rawValue ?? kept, accept: fields[.acceptLanguage])
    }

    /// The language of `?lang=`.
    fileprivate static func chosen(by request: VisitorRequest) -> Language? {
        Authorization.queryValue("lang", in: request.query).flatMap(Language.init(rawValue:))
    }
}

// MARK: Addresses

extension OwnResponse {
    /// Puts the prefix before the addresses of the gateway's own that are in it: where it leads to, and links, forms and
    /// `data-api` of a page.
    mutating func prefixAddresses(with outer: String) {
        guard !outer.isEmpty else { return }
        if let location = fields[.location], location.hasPrefix("/"), location != outer, !location.hasPrefix(outer + "/") {
            try? fields.set(.location, outer + location)
        }
        guard fields[.contentType]?.hasPrefix("text/html") == true else { return }
        var page: [UInt8] = []
        page.reserveCapacity(body.count + 512)
        var rest = body[...]
        while let quote = rest.firstIndex(of: UInt8(ascii: "\"")) {
            let isAddress = Self.addressAttributes.contains { rest[..<quote].suffix($0.count).elementsEqual($0) }
            page += rest[...quote]
            rest = rest[(quote + 1)...]
            if isAddress, rest.first == UInt8(ascii: "/"), rest.dropFirst().first != UInt8(ascii: "/") { page += outer.utf8 }
        }
        body = page + rest
    }

    private static let addressAttributes = ["href=", "action=", "data-api="].map { Array($0.utf8) }
}
