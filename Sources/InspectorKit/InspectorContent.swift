// What the local inspector responds: the page, lists, single exchanges, and requests to send again. A request and the recorded
// exchanges in, an action out; the server carries it out.

import HTTPCodec
import Inspection
import WebConsole

/// What a complete request asks for.
enum InspectorAction {
    /// A response, complete but for events.
    case respond(InspectorResponse)
    /// A response that goes on with events.
    case follow(InspectorResponse)
    /// Another exchange, which repeats exchange `of`; it will be the response.
    case replay(ReplayedRequest, of: UInt64)

    /// What the request with this head and body asks for of `store`, in an inspector called `title`.
    init(_ head: HTTPRequestHead, body: [UInt8], title: String, _ store: InspectorStore) {
        guard let path = head.path else {
            self = .respond(.error(400, "malformed-request", "The target is no path."))
            return
        }
        switch InspectorRoute(path: path) {
        case .page: self = .respond(.page(title: title, head))
        case .exchanges:
            let filter = ExchangeFilter(query: head.query)
            self = .respond(.json(200, ExchangeJSON.list(store.exchanges(matching: filter), of: store)))
        case .exchange(let number):
            let exchange = number.flatMap { store[$0] }
            self = .respond(exchange.map { .json(200, ExchangeJSON.full($0)) } ?? .unknownExchange)
        case .events:
            let start = InspectorResponse(200, "text/event-stream", ServerSentEvent.comment)
            self = head.method == "GET" ? .follow(start) : .respond(start)
        case .replay: self.init(replay: body, store)
        case .unknown: self = .respond(.error(404, "not-found", "Nothing is at this address."))
        }
    }

    private init(replay body: [UInt8], _ store: InspectorStore) {
        do throws(ReplayProblem) {
            let order = try ReplayRequest(json: body)
            guard let original = store[order.number] else {
                self = .respond(.unknownExchange)
                return
            }
            self = .replay(try order.applied(to: original), of: order.number)
        } catch {
            self = .respond(.badReplay(error.reason))
        }
    }
}

extension InspectorResponse {
    /// The page, in the language that the browser asks for.
    fileprivate static func page(title: String, _ head: HTTPRequestHead) -> InspectorResponse {
        let parameters = head.query.map { QueryText.parameters($0) } ?? []
        let chosen = parameters.first { $0.name.elementsEqual("lang".utf8) }?.value.map { QueryText.decoded($0) }
        let language = Language(chosen: chosen, accept: head.fields[.acceptLanguage])
        let view = InspectorView(title: title, api: "/api")
        let page = InspectorPage.render(view, language)
        return InspectorResponse(
            200, "text/html; charset=utf-8", page.body, [("Content-Security-Policy", page.contentSecurityPolicy)])
    }
}
