// The local inspector's server, driven as a transport and a host would: which requests are accepted, what the addresses give,
// events, replays, and limits.

import HTTPCodec
import Inspection
import MachineCore
import RPCCore
import Testing

@testable import InspectorKit

@Suite struct InspectorServerTests {
    @Test func pipelinedRequestsGetOneResponse() {
        var driver = Driver()
        driver.reads = false
        let id = driver.send(String(repeating: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", count: 1_000))
        let once = driver.text(id)
        driver.send(String(repeating: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", count: 1_000), on: id)
        #expect(once.hasPrefix("HTTP/1.1 200") && once.split(separator: "HTTP/1.1 200").count == 1)
        #expect(driver.text(id) == once && driver.closed == [id])
    }

    /// The server, and what it wrote to whom.
    struct Driver {
        var server = InspectorServer(title: "pi", maximumBytes: 1024 * 1024)
        var now = Moment(nanoseconds: 1_000_000_000)
        var written: [ConnectionID: [UInt8]] = [:]
        var closed: Set<ConnectionID> = []
        var aborted: Set<ConnectionID> = []
        var orders: [(request: ReplayedRequest, number: UInt64, call: UInt64)] = []
        /// Clients take what they are sent.
        var reads = true
        private var slots: UInt32 = 0

        mutating func input(_ input: MachineInput<InspectorServer.Message>) {
            var outputs: [MachineOutput<InspectorServer.Note>] = []
            server.handle(input, now: now, into: &outputs)
            server.finishTurn(now: now, into: &outputs)
            for output in outputs {
                switch output {
                case .note(.replay(let request, let number, let call)): orders.append((request, number, call))
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

        /// A request of a program on this machine; the response so far.
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

    private static func status(_ response: String) -> Int? { Int(response.split(separator: " ").dropFirst().first ?? "") }
    private static func body(_ response: String) -> String {
        response.split(separator: "\r\n\r\n", maxSplits: 1).last.map { String($0) } ?? ""
    }
    private static let json = "Content-Type: application/json"

    // MARK: Which requests are accepted

    @Test(arguments: [
        ("127.0.0.1:4040", 200), ("localhost:4040", 200), ("LOCALHOST", 200), ("[::1]:4040", 200), ("127.9.8.7", 200),
        ("evil.example", 421), ("localhost.evil.example:4040", 421), ("127.0.0.1.evil.example", 421), ("192.168.0.2:4040", 421),
        ("127.0.0.1evil", 421), ("[::2]", 421), ("", 421), ("127.0.0.256", 421), ("127.1", 421),
    ])
    func onlyNamesOfThisMachineAreServed(host: String, status: Int) {
        var driver = Driver()
        for path in ["/", "/api/exchanges"] { #expect(Self.status(driver.ask("GET \(path)", host: host)) == status) }
        #expect(driver.closed.count == 2)
    }

    @Test(arguments: [
        (["Origin: http://127.0.0.1:4040"], 404), ([], 404),
        (["Sec-Fetch-Site: same-origin", "Origin: http://127.0.0.1:4040"], 404),
        (["Origin: http://evil.example"], 403), (["Origin: null"], 403), (["Sec-Fetch-Site: cross-site"], 403),
        (["Sec-Fetch-Site: same-site"], 403), (["Origin: http://127.0.0.1:8080"], 403),
        (["Origin: http://localhost:4040"], 403),
        (["Sec-Fetch-Site: none", "Origin: https://evil.example"], 403),
    ])
    func ordersFromPagesOfOtherSitesAreRefused(fields: [String], status: Int) {
        var driver = Driver()
        #expect(Self.status(driver.ask("POST /api/replay", [Self.json] + fields, body: "{\"number\":1}")) == status)
        #expect(driver.orders.isEmpty)
    }

    @Test func responsesCannotBeFramedEmbeddedOrCached() {
        var driver = Driver()
        for path in ["/", "/api/exchanges", "/nothing"] {
            let response = driver.ask("GET \(path)")
            for field in ["X-Frame-Options: DENY", "nosniff", "no-store", "Connection: close", "Cross-Origin-Resource-Policy"] {
                #expect(response.contains(field))
            }
        }
        #expect(driver.ask("GET /").contains("Content-Security-Policy: "))
    }

    // MARK: Addresses

    @Test func thePageSpeaksTheBrowsersLanguage() {
        var driver = Driver()
        let response = driver.ask("GET /?lang=zh")
        #expect(Self.status(response) == 200 && response.contains("text/html") && response.contains("pi"))
        let head = driver.ask("HEAD /")
        #expect(Self.status(head) == 200 && head.hasSuffix("\r\n\r\n"))
    }

    @Test func exchangesAreListedFilteredAndShown() throws {
        var driver = Driver()
        driver.capture(90, "/a", status: 200, total: 5)
        driver.capture(95, "/b")
        driver.capture(95, "/b", status: 404, total: 7)
        driver.capture(99, "/c")
        func targets(_ response: String) throws -> [String] {
            let document = try JSONDocument(Array(Self.body(response).utf8)[...])
            return document.root["exchanges"]?.elements.compactMap { $0["target"]?.string } ?? []
        }
        #expect(try targets(driver.ask("GET /api/exchanges")) == ["/c", "/b", "/a"])
        #expect(try targets(driver.ask("GET /api/exchanges?status=4xx")) == ["/b"])
        #expect(try targets(driver.ask("GET /api/exchanges?limit=1")) == ["/c"])
        let one = driver.ask("GET /api/exchanges/2")
        #expect(Self.status(one) == 200 && one.contains("\"number\":2") && one.contains("\"status\":404"))
        for path in ["/api/exchanges/4", "/api/exchanges/x", "/api/exchanges/", "/x", "/api/exchanges/99999999999999999999"] {
            #expect(Self.status(driver.ask("GET \(path)")) == 404)
        }
        #expect(Self.status(driver.ask("DELETE /api/exchanges/1")) == 405)
        #expect(Self.status(driver.ask("GET /api/replay")) == 405)
    }

    // MARK: Events

    @Test func eventsComeAtMostFourTimesASecond() {
        var driver = Driver()
        let follower = driver.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect(driver.text(follower).contains("text/event-stream") && !driver.text(follower).contains("Content-Length"))
        for number in 1...50 {
            driver.capture(UInt64(number), status: 200, total: 1)
            driver.pass(.milliseconds(10))
        }
        driver.pass(.milliseconds(250))
        let events = driver.text(follower).split(separator: "event: exchange\n").dropFirst()
        #expect(events.count <= 4)
        #expect(events.joined().split(separator: "\"number\":").count == 51)
        driver.pass(.seconds(20))
        #expect(driver.text(follower).hasSuffix(":\n\n") && !driver.aborted.contains(follower))
        driver.input(.transport(.closed(follower, error: nil)))
        driver.capture(51)
        #expect(driver.server.nextDeadline == nil)
    }

    @Test func aClientThatDoesNotReadMissesEventsAndIsToldSo() {
        var driver = Driver()
        let follower = driver.send("GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        driver.reads = false
        var count = 0
        for number in 1...400 {
            let before = driver.written[follower]?.count ?? 0
            driver.capture(UInt64(number), "/" + String(repeating: "x", count: 4000), total: 1)
            driver.pass(.milliseconds(20))
            count += (driver.written[follower]?.count ?? 0) - before
        }
        let limit = EventSubscription.maximumUnread
        #expect(count > limit && count < limit + 100_000)
        driver.reads = true
        driver.input(.transport(.wrote(follower, count)))
        #expect(driver.text(follower).hasSuffix("event: resync\ndata: {}\n\n"))
        driver.reads = false
        driver.capture(500, total: 1)
        driver.pass(.seconds(11))
        #expect(driver.aborted == [follower])
    }

    // MARK: Replays

    @Test func aReplayGetsItsResponseWhenItIsOver() {
        var driver = Driver()
        driver.capture(77, "/a?x=1", status: 200, total: 5)
        let body = "{\"number\":1,\"method\":\"PUT\",\"body\":{\"text\":\"hi\"}}"
        let response = driver.ask("POST /api/replay", [Self.json], body: body)
        #expect(response.isEmpty)
        let order = driver.orders.first
        #expect(order?.number == 1 && order?.request.method == "PUT" && order?.request.body == Array("hi".utf8))
        #expect(order?.request.target == Array("/a?x=1".utf8))
        let id = ConnectionID(slot: 1, generation: 1)
        driver.capture(78, "/a", call: order?.call)
        #expect(driver.text(id).isEmpty)
        driver.capture(78, "/a", status: 201, total: 9, call: order?.call)
        #expect(Self.status(driver.text(id)) == 200)
        #expect(driver.text(id).contains("\"number\":2") && driver.text(id).contains("\"status\":201"))
        #expect(driver.closed == [id])
    }

    @Test func aReplayThatCannotBeIsRefusedWithAReason() {
        var driver = Driver()
        driver.capture(1, total: 5)
        for (body, status) in [("{", 400), ("{\"number\":9}", 404), ("{\"number\":1,\"target\":\"x\"}", 400)] {
            #expect(Self.status(driver.ask("POST /api/replay", [Self.json], body: body)) == status)
        }
        #expect(Self.status(driver.ask("POST /api/replay", ["Content-Type: text/plain"], body: "{\"number\":1}")) == 400)
        #expect(driver.orders.isEmpty)
    }

    @Test func aReplayThatIsNeverOverTimesOut() {
        var driver = Driver()
        driver.capture(1, total: 5)
        _ = driver.ask("POST /api/replay", [Self.json], body: "{\"number\":1}")
        driver.pass(.seconds(41))
        #expect(Self.status(driver.text(ConnectionID(slot: 1, generation: 1))) == 504)
        driver.capture(2, total: 5, call: 1)  // no client waits for it
        #expect(driver.server.replayCount == 0)
    }

    // MARK: Limits

    @Test func connectionsAreLimited() {
        var driver = Driver()
        for _ in 0..<InspectorServer.maximumClients { _ = driver.connect() }
        #expect(driver.aborted.isEmpty)
        let surplus = driver.connect()
        #expect(driver.aborted == [surplus])
        driver.input(.transport(.closed(ConnectionID(slot: 1, generation: 1), error: nil)))
        #expect(Self.status(driver.ask("GET /")) == 200)
    }

    @Test func slowHeadsLargeHeadsAndLargeBodiesAreRefused() {
        var driver = Driver()
        let slow = driver.send("GET / HTTP/1.1\r\n")
        driver.pass(.seconds(11))
        #expect(Self.status(driver.text(slow)) == 408 && driver.closed.contains(slow))
        #expect(Self.status(driver.ask("GET /" + String(repeating: "x", count: 70_000))) == 400)
        let nonsense = driver.send("nonsense\r\n\r\n")
        #expect(Self.status(driver.text(nonsense)) == 400)
        let large = driver.send(
            "POST /api/replay HTTP/1.1\r\nHost: localhost\r\n\(Self.json)\r\nContent-Length: 9000000\r\n\r\n")
        let piece = String(repeating: " ", count: 500_000)
        for _ in 0..<5 { driver.send(piece, on: large) }
        #expect(Self.status(driver.text(large)) == 413)
        #expect(driver.closed.contains(large))
    }

    @Test func aClientThatDoesNotReadItsResponseIsCut() {
        var driver = Driver()
        driver.reads = false
        let id = driver.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        driver.pass(.seconds(11))
        #expect(driver.aborted == [id] && driver.server.clientCount == 0)
        #expect(driver.server.nextDeadline == nil)
    }
}
