// An answer that the gateway makes itself, whole, and the clothes of its errors: a page for people, JSON for programs, else
// text.

import HTTPCodec
import RPCCore
import WebConsole

struct OwnAnswer: Sendable {
    var status: Int
    var fields = HTTPFields()
    var body: [UInt8]

    init(_ status: Int, type: String, body: [UInt8]) {
        self.status = status
        self.body = body
        for (name, value) in [
            (.contentType, type), (.cacheControl, "no-store"), (.xContentTypeOptions, "nosniff"),
            (.referrerPolicy, "same-origin"),
        ] as [(HTTPFieldName, String)] { try? fields.append(name, value) }
    }

    static func text(_ status: Int, _ text: String) -> OwnAnswer {
        OwnAnswer(status, type: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    static func json(_ status: Int, _ body: [UInt8]) -> OwnAnswer { OwnAnswer(status, type: "application/json", body: body) }
}

extension OwnAnswer {
    /// What is said of `error` to whoever sent `request`; `language`: in which, if it is a person.
    static func error(_ error: GatewayError, to request: VisitorRequest?, _ language: (HTTPRequestHead) -> Language)
        -> OwnAnswer
    {
        var answer = body(of: error, request, language)
        answer.status = error.status
        answer.mark(as: error, to: request?.head)
        return answer
    }

    /// The fields by which programs know it.
    mutating func mark(as error: GatewayError, to head: HTTPRequestHead?) {
        try? fields.append(HeaderRules.errorMark, error.code)
        if error == .unauthorized {
            for challenge in Authorization.challenges(to: head) { try? fields.append(.wwwAuthenticate, challenge) }
        }
        for (name, value) in error.fields { try? fields.append(name, value) }
    }

    private static func body(of error: GatewayError, _ request: VisitorRequest?, _ language: (HTTPRequestHead) -> Language)
        -> OwnAnswer
    {
        if let request, request.head.isByBrowser {
            var view = ErrorView(status: error.status, code: error.code, explanation: error.explanation)
            view.values = error.values
            view.requestID = request.id
            return .page(ErrorPage.render(view, language(request.head)), for: request.head)
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

/// The text of `Date`, made once a second.
struct CachedDate: Sendable {
    private var second = Int64.min
    private var cached = HTTPFields()

    /// `Date`, and nothing else.
    mutating func field(_ unixSeconds: Int64) -> HTTPFields {
        if unixSeconds != second {
            second = unixSeconds
            cached = HTTPFields()
            try? cached.append(.date, HTTPDate.format(unixSeconds: unixSeconds))  // a date is a legal value
        }
        return cached
    }
}
