// What the local inspector answers: which requests are let in, by their heads alone, and what each address gives.

import HTTPCodec
import Inspection
import MachineCore
import WebConsole

extension InspectorServer {
    // MARK: Who is let in

    /// Why a request with this head is not answered; nil: it is.
    static func refusal(of head: HTTPRequestHead) -> InspectorResponse? {
        guard isOfThisMachine(head.fields[.host] ?? "") else {
            return .error(421, "bad-host", "This inspector is for this machine alone: use the address that agentd prints.")
        }
        let path = path(of: head).map { String(decoding: $0, as: UTF8.self) }
        guard path == "/api/replay" else {
            guard head.method == "GET" || head.method == "HEAD" else { return .methodNotAllowed("GET, HEAD") }
            return nil
        }
        guard head.method == "POST" else { return .methodNotAllowed("POST") }
        if isFromElsewhere(head) { return .error(403, "cross-site", "A page of another site may not ask for this.") }
        guard ReplayRequest.accepts(contentType: head.fields[.contentType]) else {
            return .badReplay("Content-Type must be application/json")
        }
        return nil
    }

    /// Whether this is a name that no stranger's name server gives out: a page at `http://evil.example/` that has its own name
    /// point here says so in `Host`.
    private static func isOfThisMachine(_ host: String) -> Bool {
        var name = host.lowercased()[...]
        if let colon = name.lastIndex(of: ":"), name[colon...].dropFirst().allSatisfy(\.isNumber) { name = name[..<colon] }
        return LoopbackAddress.isLoopback(String(name))
    }

    /// Whether a browser says that a page of another origin sends this. Programs that are no browsers say nothing.
    private static func isFromElsewhere(_ head: HTTPRequestHead) -> Bool {
        if let site = head.fields[.secFetchSite], site != "same-origin", site != "none" { return true }
        return !SameOrigin.accepts(head.fields, hosts: [head.fields[.host] ?? ""], isSecure: false)
    }

    // MARK: Addresses

    /// The request is here, whole.
    mutating func answer(
        _ id: ConnectionID, _ client: InspectorClient, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
        guard let head = client.head, let path = Self.path(of: head) else {
            return respond(to: id, .error(400, "malformed-request", "The target is no path."), now, &outputs)
        }
        switch String(decoding: path, as: UTF8.self) {
        case "/": respond(to: id, page(head), now, &outputs)
        case "/api/exchanges": respond(to: id, .json(200, list(head)), now, &outputs)
        case "/api/events": watch(id, client, head, now, &outputs)
        case "/api/replay": replay(id, client, now, &outputs)
        case let path: respond(to: id, one(path), now, &outputs)
        }
    }

    private func page(_ head: HTTPRequestHead) -> InspectorResponse {
        let parameters = Self.query(of: head).map { QueryText.parameters($0) } ?? []
        let chosen = parameters.first { $0.name.elementsEqual("lang".utf8) }?.value.map { QueryText.decoded($0) }
        let language = Language(chosen: chosen, accept: head.fields[.acceptLanguage])
        let view = InspectorView(title: title, api: "/api", limitMiB: store.maximumBytes / (1024 * 1024))
        let page = InspectorPage.render(view, language)
        return InspectorResponse(
            200, "text/html; charset=utf-8", page.body, [("Content-Security-Policy", page.contentSecurityPolicy)])
    }

    private func list(_ head: HTTPRequestHead) -> [UInt8] {
        let filter = ExchangeFilter(query: Self.query(of: head))
        return ExchangeJSON.list(store.exchanges(matching: filter), of: store)
    }

    private func one(_ path: String) -> InspectorResponse {
        let prefix = "/api/exchanges/"
        guard path.hasPrefix(prefix) else { return .error(404, "not-found", "Nothing is at this address.") }
        guard let number = UInt64(path.dropFirst(prefix.count)), let exchange = store[number] else { return .unknownExchange }
        return .json(200, ExchangeJSON.full(exchange))
    }

    // MARK: Replay

    private mutating func replay(
        _ id: ConnectionID, _ client: InspectorClient, _ now: Moment, _ outputs: inout [MachineOutput<Note>]
    ) {
        let number: UInt64
        let request: ReplayedRequest
        do throws(ReplayProblem) {
            let wish = try ReplayRequest(json: client.body)
            guard let original = store[wish.number] else { return respond(to: id, .unknownExchange, now, &outputs) }
            (number, request) = (wish.number, try wish.applied(to: original))
        } catch {
            return respond(to: id, .badReplay(error.reason), now, &outputs)
        }
        client.body = []
        lastCall += 1
        client.phase = .replaying(lastCall)
        replays[lastCall] = id
        deadlines.set(.client(id), at: now.advanced(by: Self.replayPatience))
        outputs.append(.note(.replay(request, of: number, call: lastCall)))
    }

    // MARK: Targets

    private static func path(of head: HTTPRequestHead) -> ArraySlice<UInt8>? {
        guard head.target.first == UInt8(ascii: "/") else { return nil }
        return head.target.prefix { $0 != UInt8(ascii: "?") }
    }

    private static func query(of head: HTTPRequestHead) -> ArraySlice<UInt8>? {
        head.target.firstIndex(of: UInt8(ascii: "?")).map { head.target[($0 + 1)...] }
    }
}

/// Which addresses are of this machine alone.
public enum LoopbackAddress {
    /// Whether `host` is `localhost`, 127.x.y.z or ::1 (in brackets or without), which no other machine can be.
    public static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in
                part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } && UInt8(part) != nil
            }
    }
}
