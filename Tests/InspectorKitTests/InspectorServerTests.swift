// The local inspector's server, driven as a transport and a host would: who is let in, what the addresses give, events, replays, and
// limits.

import HTTPCodec
import Inspection
import MachineCore
import RPCCore
import Testing

@testable import InspectorKit

@Suite struct InspectorServerTests {
    @Test func pipelinedRequestsGetOneResponse() {
        var room = Room()
        room.reads = false
        let id = room.send(String(repeating: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", count: 1_000))
        let once = room.text(id)
        room.send(String(repeating: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", count: 1_000), on: id)
        #expect(once.hasPrefix("HTTP/1.1 200") && once.split(separator: "HTTP/1.1 200").count == 1)
        #expect(room.text(id) == once && room.closed == [id])
    }

    /// The server, and what it wrote to whom.
    struct Room {
        var server = InspectorServer(title: "pi", maximumBytes: 1024 * 1024)
        var now = Moment(nanoseconds: 1_000_000_000)
        var written: [ConnectionID: [UInt8]] = [:]
        var closed: Set<ConnectionID> = []
        var aborted: Set<ConnectionID> = []
        var wishes: [(request: ReplayedRequest, number: UInt64, call: UInt64)] = []
        /// Clients take what they are sent.
        var reads = true
        private var slots: UInt32 = 0

        mutating func input(_ input: MachineInput<InspectorServer.Message>) {
            var outputs: [MachineOutput<InspectorServer.Note>] = []
            server.handle(input, now: now, into: &outputs)
            server.finishTurn(now: now, into: &outputs)
            for output in outputs {
                switch output {
                case .note(.replay(let request, let number, let call)): wishes.append((request, number, call))
                case .transport(.write(let id, let bytes)):
                    written[id, default: []] += bytes
                    if reads { self.input(.transport(.wrote(id, bytes.count))) }
                case .transport(.close(let id)): closed.insert(id)
                case .transport(.abort(let id)): aborted.insert(id)
                case .transport: Issue.record("an unexpected command")
                }
            }
        }

        mutating func connect() -> ConnectionID {
            slots += 1
            let id = ConnectionID(slot: slots, generation: 1)
            input(.transport(.accepted(id, peer: "127.0.0.1", listener: 0)))
            return id
        }

        @discardableResult
        mutating func send(_ text: String, on id: ConnectionID? = nil) -> ConnectionID {
            let id = id ?? connect()
            input(.transport(.received(id, Array(text.utf8)[...])))
            return id
        }

        /// A request of a program on this machine; the answer so far.
        mutating func ask(
            _ line: String, _ fields: [String] = [], host: String = "127.0.0.1:4040", body: String = ""
        ) -> String {
            let length = body.isEmpty ? [] : ["Content-Length: \(body.utf8.count)"]
            let head = ["\(line) HTTP/1.1", "Host: \(host)"] + fields + length
            let id = send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
            return text(id)
        }

        func text(_ id: ConnectionID) -> String { String(decoding: written[id] ?? [], as: UTF8.self) }

        mutating func pass(_ duration: Duration) {
            let end = now.advanced(by: duration)
            while let next = server.nextDeadline, next <= end {
                now = max(now, next)
                input(.tick)
            }
            now = end
        }

        mutating func capture(
            _ number: UInt64, _ target: String = "/a", status: Int? = nil, total: Int64? = nil, call: UInt64? = nil
        ) {
            var exchange = CapturedExchange(
                agentID: "pi", method: "GET", target: Array(target.utf8), requestFields: HTTPFields(),
                startedAtMilliseconds: 1_775_798_000_000)
            exchange.number = number
            exchange.status = status
            exchange.totalMicroseconds = total
            if total != nil { exchange.outcome = CapturedExchange.done }
            input(.message(.captured(exchange, call: call)))
        }
    }

    private static func status(_ answer: String) -> Int? { Int(answer.split(separator: " ").dropFirst().first ?? "") }
    private static func body(_ answer: String) -> String {
        answer.split(separator: "\r\n\r\n", maxSplits: 1).last.map { String($0) } ?? ""
    }
    private static let json = "Content-Type: application/json"

    // MARK: Who is let in

    @Test(arguments: [
        ("127.0.0.1:4040", 200), ("localhost:4040", 200), ("LOCALHOST", 200), ("[::1]:4040", 200), ("127.9.8.7", 200),
        ("evil.example", 421), ("localhost.evil.example:4040", 421), ("127.0.0.1.evil.example", 421), ("192.168.0.2:4040", 421),
        ("127.0.0.1evil", 421), ("[::2]", 421), ("", 421), ("127.0.0.256", 421), ("127.1", 421),
    ])
    func onlyNamesOfThisMachineAreAnswered(host: String, status: Int) {
        var room = Room()
        for path in ["/", "/api/exchanges"] { #expect(Self.status(room.ask("GET \(path)", host: host)) == status) }
        #expect(room.closed.count == 2)
    }

    @Test(arguments: [
        (["Origin: http://127.0.0.1:4040"], 404), ([], 404),
        (["Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:4040"], 404),
        (["Origin: http://evil.example"], 403), (["Origin: null"], 403), (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site"], 403), (["Origin: http://127.0.0.1:8080"], 403),
        (["Origin: http://localhost:4040"], 403),
        (["Sec-Fetch-Site: none", "Origin: https://evil.example"], 403),
    ])
    func ordersFromPagesOfOthersAreRefused(fields: [String], status: Int) {
        var room = Room()
        #expect(Self.status(room.ask("POST /api/replay", [Self.json] + fields, body: "{\"number\":1}")) == status)
        #expect(room.wishes.isEmpty)
    }

    @Test func answersCannotBeFramedEmbeddedOrCached() {
        var room = Room()
        for path in ["/", "/api/exchanges", "/nothing"] {
            let answer = room.ask("GET \(path)")
            for field in ["X-Frame-Options: DENY", "nosniff", "no-store", "Connection: close", "Cross-Origin-Resource-Policy"] {
                #expect(answer.contains(field))
            }
        }
        #expect(room.ask("GET /").contains("Content-Security-Policy: "))
    }

    // MARK: Addresses

    @Test func thePageSpeaksTheBrowsersLanguage() {
        var room = Room()
        let answer = room.ask("GET /?lang=zh")
        #expect(Self.status(answer) == 200 && answer.contains("text/html") && answer.contains("pi"))
        let head = room.ask("HEAD /")
        #expect(Self.status(head) == 200 && head.hasSuffix("\r\n\r\n"))
    }

    @Test func exchangesAreListedFilteredAndShown() throws {
        var room = Room()
        room.capture(90, "/a", status: 200, total: 5)
        room.capture(95, "/b")
        room.capture(95, "/b", status: 404, total: 7)
        room.capture(99, "/c")
        func targets(_ answer: String) throws -> [String] {
            let document = try JSONDocument(Array(Self.body(answer).utf8)[...])
            return document.root["exchanges"]?.elements.compactMap { $0["target"]?.string } ?? []
        }
        #expect(try targets(room.ask("GET /api/exchanges")) == ["/c", "/b", "/a"])
        #expect(try targets(room.ask("GET /api/exchanges?status=4xx")) == ["/b"])
        #expect(try targets(room.ask("GET /api/exchanges?limit=1")) == ["/c"])
        let one = room.ask("GET /api/exchanges/2")
        #expect(Self.status(one) == 200 && one.contains("\"number\":2") && one.contains("\"status\":404"))
        for path in ["/api/exchanges/4", "/api/exchanges/x", "/api/exchanges/", "/x", "/api/exchanges/99999999999999999999"] {
            #expect(Self.status(room.ask("GET \(path)")) == 404)
        }
        #expect(Self.status(room.ask("DELETE /api/exchanges/1")) == 405)
        #expect(Self.status(room.ask("GET /api/replay")) == 405)
    }

    // MARK: Events

    @Test func watchersAreToldAtMostFourTimesASecond() {
        var room = Room()
        let watcher = room.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(room.text(watcher).contains("text/event-stream") && !room.text(watcher).contains("Content-Length"))
        for number in 1...50 {
            room.capture(UInt64(number), status: 200, total: 1)
            room.pass(.milliseconds(10))
        }
        room.pass(.milliseconds(250))
        let events = room.text(watcher).split(separator: "event: exchange\n").dropFirst()
        #expect(events.count <= 4)
        #expect(events.joined().split(separator: "\"number\":").count == 51)
        room.pass(.seconds(20))
        #expect(room.text(watcher).hasSuffix(":\n\n") && !room.aborted.contains(watcher))
        room.input(.transport(.closed(watcher, error: nil)))
        room.capture(51)
        #expect(room.server.nextDeadline == nil)
    }

    @Test func aWatcherThatDoesNotReadMissesEventsAndIsToldSo() {
        var room = Room()
        let watcher = room.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        room.reads = false
        var count = 0
        for number in 1...400 {
            let before = room.written[watcher]?.count ?? 0
            room.capture(UInt64(number), "/" + String(repeating: "x", count: 4000), total: 1)
            room.pass(.milliseconds(20))
            count += (room.written[watcher]?.count ?? 0) - before
        }
        let limit = EventSubscription.maximumUnread
        #expect(count > limit && count < limit + 100_000)
        room.reads = true
        room.input(.transport(.wrote(watcher, count)))
        #expect(room.text(watcher).hasSuffix("event: resync\ndata: {}\n\n"))
        room.reads = false
        room.capture(500, total: 1)
        room.pass(.seconds(11))
        #expect(room.aborted == [watcher])
    }

    // MARK: Replays

    @Test func aReplayIsAskedForAndAnsweredWhenItIsOver() {
        var room = Room()
        room.capture(77, "/a?x=1", status: 200, total: 5)
        let body = "{\"number\":1,\"method\":\"PUT\",\"body\":{\"text\":\"hi\"}}"
        let answer = room.ask("POST /api/replay", [Self.json], body: body)
        #expect(answer.isEmpty)
        let wish = room.wishes.first
        #expect(wish?.number == 1 && wish?.request.method == "PUT" && wish?.request.body == Array("hi".utf8))
        #expect(wish?.request.target == Array("/a?x=1".utf8))
        let id = ConnectionID(slot: 1, generation: 1)
        room.capture(78, "/a", call: wish?.call)
        #expect(room.text(id).isEmpty)
        room.capture(78, "/a", status: 201, total: 9, call: wish?.call)
        #expect(Self.status(room.text(id)) == 200)
        #expect(room.text(id).contains("\"number\":2") && room.text(id).contains("\"status\":201"))
        #expect(room.closed == [id])
    }

    @Test func whereAVisitorCameFromIsNotThePersonsToSay() throws {
        var exchange = CapturedExchange(
            agentID: "a", method: "GET", target: Array("/a".utf8), requestFields: HTTPFields(), startedAtMilliseconds: 0)
        for (name, value) in [("X-Forwarded-For", "192.0.2.1"), ("X-Real-IP", "192.0.2.1"), ("A", "1"), ("Host", "h")] {
            try exchange.requestFields.append(HTTPFieldName(name), value)
        }
        let edits = [
            "X-Forwarded-For", "X-FORWARDED-USER", "X_Forwarded_Proto", "Forwarded", "X_Real-IP", "CF-Connecting-IP",
            "Connection",
            "Upgrade", "Host", "Content-Length", "Expect",
        ]
        let fields = edits.map { "[\"\($0)\",\"evil\"]" }.joined(separator: ",")
        let edited = try ReplayRequest(json: Array("{\"number\":1,\"fields\":[\(fields),[\"A\",\"2\"]]}".utf8)).applied(
            to: exchange)
        let lines = edited.fields.map { "\($0.nameString): \($0.valueString)".lowercased() }
        #expect(lines.sorted() == ["a: 2", "host: h", "x-forwarded-for: 192.0.2.1", "x-real-ip: 192.0.2.1"])
        let again = try ReplayRequest(number: 1).applied(to: exchange)
        #expect(
            again.fields.map(\.nameString).map { $0.lowercased() }.sorted() == ["a", "host", "x-forwarded-for", "x-real-ip"])
    }

    @Test func whatCannotBeReplayedIsSaid() {
        var room = Room()
        room.capture(1, total: 5)
        for (body, status) in [("{", 400), ("{\"number\":9}", 404), ("{\"number\":1,\"target\":\"x\"}", 400)] {
            #expect(Self.status(room.ask("POST /api/replay", [Self.json], body: body)) == status)
        }
        #expect(Self.status(room.ask("POST /api/replay", ["Content-Type: text/plain"], body: "{\"number\":1}")) == 400)
        #expect(room.wishes.isEmpty)
    }

    @Test func aReplayThatIsNeverOverIsAnsweredToo() {
        var room = Room()
        room.capture(1, total: 5)
        _ = room.ask("POST /api/replay", [Self.json], body: "{\"number\":1}")
        room.pass(.seconds(41))
        #expect(Self.status(room.text(ConnectionID(slot: 1, generation: 1))) == 504)
        room.capture(2, total: 5, call: 1)  // nobody waits
        #expect(room.server.replays.isEmpty)
    }

    // MARK: Limits

    @Test func connectionsAreLimited() {
        var room = Room()
        for _ in 0..<InspectorServer.maximumClients { _ = room.connect() }
        #expect(room.aborted.isEmpty)
        let surplus = room.connect()
        #expect(room.aborted == [surplus])
        room.input(.transport(.closed(ConnectionID(slot: 1, generation: 1), error: nil)))
        #expect(Self.status(room.ask("GET /")) == 200)
    }

    @Test func slowHeadsLargeHeadsAndLargeBodiesAreRefused() {
        var room = Room()
        let slow = room.send("GET / HTTP/1.1\r\n")
        room.pass(.seconds(11))
        #expect(Self.status(room.text(slow)) == 408 && room.closed.contains(slow))
        #expect(Self.status(room.ask("GET /" + String(repeating: "x", count: 70_000))) == 400)
        let nonsense = room.send("nonsense\r\n\r\n")
        #expect(Self.status(room.text(nonsense)) == 400)
        let large = room.send(
            "POST /api/replay HTTP/1.1\r\nHost: localhost\r\n\(Self.json)\r\nContent-Length: 9000000\r\n\r\n")
        let piece = String(repeating: " ", count: 500_000)
        for _ in 0..<5 { room.send(piece, on: large) }
        #expect(Self.status(room.text(large)) == 413)
        #expect(room.closed.contains(large))
    }

    @Test func whoDoesNotReadAnAnswerIsCut() {
        var room = Room()
        room.reads = false
        let id = room.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        room.pass(.seconds(11))
        #expect(room.aborted == [id] && room.server.clients.count == 0)
        #expect(room.server.nextDeadline == nil)
    }
}
