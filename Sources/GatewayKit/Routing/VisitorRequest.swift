// A request as the gateway deals with it, from its head's last byte on: every component reads it, and none changes it. One
// object, because it goes through a dozen hands.

import HTTPCodec
import MachineCore

/// A request's head, what its target means, and how its body is framed.
final class VisitorRequest: Sendable {
    let head: HTTPRequestHead
    /// Nil: it is neither in origin-form nor in absolute-form.
    let target: RequestTarget?
    let framing: HTTPBodyFraming
    /// What ties its lines in the log together, and those of others (`X-Request-ID`).
    let id: String
    /// When its head was here.
    let received: Moment
    /// What TLS on its connection came to; nil: there is none.
    let security: ConnectionSecurity?
    /// The agent that was to respond, once that is known.
    let agentID: String?
    /// The body has come whole and was taken care of.
    let isOver: Bool

    init(
        head: HTTPRequestHead, framing: HTTPBodyFraming, id: String, received: Moment, security: ConnectionSecurity? = nil
    ) {
        self.head = head
        self.framing = framing
        self.id = id
        self.received = received
        self.security = security
        target = RequestTarget(head.target)
        agentID = nil
        isOver = false
    }

    /// In the place of one that nobody needs any more.
    static let over = VisitorRequest(head: HTTPRequestHead(method: "", target: ""), framing: .none, id: "", received: Moment())

    /// `other`, but for these.
    private init(_ other: VisitorRequest, head: HTTPRequestHead, framing: HTTPBodyFraming, agentID: String?, isOver: Bool) {
        self.head = head
        self.framing = framing
        self.agentID = agentID
        self.isOver = isOver
        id = other.id
        received = other.received
        security = other.security
        target = other.target
    }

    /// What follows the first `?` of the target.
    var query: ArraySlice<UInt8>? { target?.query }

    /// The same request, whose connection ends with the response.
    var closing: VisitorRequest {
        var head = head
        try? head.fields.set(.connection, "close")
        return VisitorRequest(self, head: head, framing: framing, agentID: agentID, isOver: isOver)
    }

    /// The same request, of whose body nothing is left to come, or something.
    func over(_ isOver: Bool) -> VisitorRequest {
        VisitorRequest(self, head: head, framing: framing, agentID: agentID, isOver: isOver)
    }

    /// The same request, which an agent was to respond to: of its body so much has come that the rest cannot be told.
    func failed(at agentID: String, isOver: Bool) -> VisitorRequest {
        VisitorRequest(self, head: head, framing: .chunked, agentID: agentID, isOver: isOver)
    }

    /// Whether there is a body and the visitor waits before it sends it. One that may hold back nothing need not be told.
    var expectsContinue: Bool { framing != .none && framing != .length(0) && head.expectsContinue }

    /// Whether what is left of the body may be read and thrown away to keep the connection.
    func canDiscard(upTo limit: UInt64) -> Bool {
        if isOver { return true }
        guard !head.expectsContinue else { return false }
        switch framing {
        case .none: return true
        case .length(let count): return count <= limit
        case .chunked, .untilClose: return false
        }
    }
}

extension HTTPRequestHead {
    /// A person looks at the response.
    var isByBrowser: Bool { fields[.accept]?.lowercased().contains("text/html") ?? false }

    /// A browser goes to another page, and its address bar follows where it is sent. Without fields that say so,
    /// `Accept` decides.
    var isNavigation: Bool {
        guard method == "GET" || method == "HEAD", !asksForUpgrade else { return false }
        return fields[.secFetchMode].map { $0 == "navigate" } ?? isByBrowser
    }

    /// What comes is to run as a service worker: for all that is beneath its address.
    var asksForServiceWorker: Bool {
        fields.contains(.serviceWorker) || fields[.secFetchDest] == "serviceworker"
    }
}
