// What loops count and loop 0 shows: agents by the page, their counts, the plots, events for those who watch, metrics.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WebConsole

@testable import GatewayKit

extension GatewayFixture {
    func json(_ target: String, on loop: Int = 0) throws -> JSONValue {
        try JSONValue(decoding: try get(target, on: loop).body[...], limits: JSONLimits(maximumBytes: 1 << 24))
    }

    /// The members of the agents that `target` lists, by name.
    fileprivate func agents(_ name: String, _ target: String = "/.miagent/agents") throws -> [JSONValue?] {
        guard case .array(let agents)? = try json(target)["agents"] else { return [] }
        return agents.map { $0[name] }
    }

    /// A visitor that watches, and has seen what it was told at once.
    fileprivate func watch() -> ConnectionID {
        let id = visit("GET /.miagent/events HTTP/1.1\r\nHost: h\r\n\r\n")
        _ = read(id)
        return id
    }

    /// The samples of `/metrics`, by name and labels.
    func metrics(_ accept: String = "") throws -> [String: String] {
        let text = try get("/metrics", "Accept: \(accept)\r\n").text
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            samples.map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                return (String(parts[0]), String(parts[1]))
            }, uniquingKeysWith: { first, _ in first })
    }
}

@Suite struct AgentListTests {
    private func fixture() -> GatewayFixture {
        let fixture = GatewayFixture()
        for name in ["d", "b", "a", "c", "e"] {
            let agent = fixture.dial(query: "agentId=\(name)")
            let host = name == "c" ? "Laptop C++" : "server"
            agent.register(AgentDescription(agentID: name, type: "x\(name)X", host: host, model: "M"))
            if name == "b" { agent.close() }
        }
        return fixture
    }

    @Test(
        arguments: [
            ("", ["a", "b", "c", "d", "e"], 5, nil), ("?limit=2", ["a", "b"], 5, 2), ("?limit=2&offset=4", ["e"], 5, nil),
            ("?offset=9", [], 5, nil), ("?online=true&limit=3", ["a", "c", "d"], 4, 3), ("?filter=xBx", ["b"], 1, nil),
            ("?filter=server&online=true", ["a", "d", "e"], 3, nil), ("?filter=LAPTOP+c%2B%2b", ["c"], 1, nil),
            ("?filter=m&limit=1&offset=1", ["b"], 5, 2), ("?filter=nothing", [], 0, nil),
            ("?limit=x&offset=-3&online=maybe&filter=%zz", ["a", "b", "c", "d", "e"], 5, nil),
            ("?limit=99999999999999999999&offset=9223372036854775807", [], 5, nil),
        ] as [(String, [String], Int64, Int64?)])
    func pagesAndFilters(query: String, ids: [String], matching: Int64, next: Int64?) throws {
        let fixture = fixture()
        let list = try fixture.json("/.miagent/agents\(query)")
        #expect(try fixture.agents("agentId", "/.miagent/agents\(query)") == ids.map { .string($0) })
        #expect(list["matching"] == .integer(matching) && list["next"] == next.map { .integer($0) } ?? .null)
        #expect(list["connected"] == 4 && list["known"] == 5 && list["webServices"] == 4)
        fixture.end()
    }

    @Test func aPageHoldsAThousandAtMost() throws {
        let fixture = GatewayFixture()
        for number in 0..<1_002 { _ = fixture.agent("a\(10_000 + number)") }
        #expect(try fixture.agents("agentId", "/.miagent/agents?limit=5000").count == 1_000)
        #expect(try fixture.agents("agentId", "/.miagent/agents").count == 100)
        #expect(try fixture.agents("agentId", "/.miagent/agents?offset=1001") == ["a11001"])
        fixture.end()
    }
}

@Suite struct CountingTests {
    @Test func whatHappensToAnAgentIsCountedAndSurvivesItsReconnection() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        let visitor = fixture.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        let request = try agent.request()
        #expect(try fixture.agents("openStreams") == [1])
        agent.respond(request.id, 200, HTTPFields(), "hello")
        _ = fixture.visit(get("/web/a/"))
        agent.reset(try agent.request().id, .unreachable)
        let gone = fixture.visit(get("/web/a/"))
        fixture.leave(gone)
        agent.close()
        let again = fixture.agent()
        fixture.send(visitor, get("/web/a/"))
        again.respond(try again.request().id, 404, HTTPFields(), "")
        for (name, value) in [("requests", 4), ("failures", 1), ("bytesIn", 3), ("bytesOut", 5), ("openStreams", 0)] {
            #expect(try fixture.agents(name) == [.integer(Int64(value))], "\(name)")
        }
        let metrics = try fixture.metrics()
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"2xx\"}"] == "1")
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"4xx\"}"] == "1")
        #expect(metrics["miagent_requests_total{by=\"gateway\",status=\"5xx\"}"] == "1")
        #expect(metrics["miagent_agent_requests_total{agent=\"a\"}"] == "4")
        #expect(metrics["miagent_answer_latency_seconds_count"] == "3")
        fixture.end()
    }

    @Test func whatIsCountedOfAnAgentIsForgottenWithIt() throws {
        let fixture = GatewayFixture { $0.limits.maximumOfflineAgents = 1 }
        for name in ["a", "b"] {
            let agent = fixture.agent(name)
            _ = fixture.visit(get("/web/\(name)/"))
            agent.respond(try agent.request().id, 200, HTTPFields(), "")
            agent.close()
            fixture.wait(.seconds(1))
        }
        #expect(try fixture.agents("agentId") == ["b"])
        _ = fixture.agent("a")
        #expect(try fixture.agents("requests") == [0, 1])
        fixture.end()
    }

    @Test func theSumsOfThreeLoopsAreExactOnceTheyAreQuiet() throws {
        let fixture = GatewayFixture(loops: 3)
        let agents = ["a", "b", "c", "d"].map { fixture.agent($0) }
        for round in 0..<5 {
            for (number, agent) in agents.enumerated() {
                let name = ["a", "b", "c", "d"][number]
                let id = fixture.visit(
                    "POST /web/\(name)/ HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy", on: (number + round) % 3)
                let request = try agent.request()
                fixture.wait(.milliseconds(400))
                if round == 4 {
                    agent.reset(request.id, .timedOut)
                } else {
                    agent.respond(request.id, 200, HTTPFields(), "abc")
                }
                fixture.leave(id)
            }
        }
        fixture.wait(.seconds(1))
        #expect(try fixture.agents("requests") == [5, 5, 5, 5])
        #expect(try fixture.agents("failures") == [1, 1, 1, 1])
        #expect(try fixture.agents("bytesIn") == [10, 10, 10, 10])
        #expect(try fixture.agents("bytesOut") == [12, 12, 12, 12])
        let metrics = try fixture.metrics()
        #expect(metrics["miagent_exchanges_total"] == "20" && metrics["miagent_loops"] == "3")
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"2xx\"}"] == "16")
        #expect(metrics["miagent_errors_total{code=\"service-timed-out\"}"] == "4")
        #expect(metrics["miagent_stream_resets_total{by=\"agent\",reason=\"timedOut\"}"] == "4")
        #expect(metrics["miagent_body_bytes_total{direction=\"out\"}"] == "48")
        #expect(metrics["miagent_answer_latency_seconds_count"] == "20")
        #expect(metrics["miagent_agents_registered_total"] == "4" && metrics["miagent_open_streams"] == "0")
        #expect(metrics["miagent_visitors"] == "1", "who asks for it")
        let series = fixture.series
        #expect((series.requestsPerSecond.reduce(0, +) * 5).rounded() == 20)
        #expect((series.bytesInPerSecond.reduce(0, +) * 5).rounded() == 40)
        fixture.end()
    }

    @Test func whileNothingHappensNoLoopIsWoken() {
        let fixture = GatewayFixture(loops: 3)
        for name in ["a", "b", "c"] { fixture.agent(name).close() }
        fixture.wait(.seconds(2))
        #expect(fixture.loops.allSatisfy { $0.nextDeadline == nil })
        fixture.end()
    }

    @Test func thePlotsAreWhatHappenedWhenItDid() throws {
        let fixture = GatewayFixture()
        let agent = fixture.agent()
        for _ in 0..<10 {
            _ = fixture.visit(get("/web/a/"))
            let request = try agent.request()
            fixture.wait(.milliseconds(50))
            agent.respond(request.id, 200, HTTPFields(), "hello")
        }
        fixture.wait(.seconds(12))
        let series = try fixture.json("/.miagent/series")
        guard case .array(let rates)? = series["requestsPerSecond"], case .array(let medians)? = series["p50Ms"] else {
            Issue.record("\(series)")
            return
        }
        #expect(rates.count == 180 && medians.count == 180)
        #expect(rates.suffix(3) == [0, 2, 0] && medians.last == .null)
        #expect(series["secondsPerPoint"] == 5 && series["end"] == .integer((simulationStart + 12) / 5 * 5))
        fixture.wait(.seconds(900))
        guard case .array(let later)? = try fixture.json("/.miagent/series")["requestsPerSecond"] else { return }
        #expect(later.allSatisfy { $0 == 0 })
        fixture.end()
    }
}

extension GatewayFixture {
    fileprivate var series: SeriesView { gateway.internals.history.series(at: simulationStart + 10) }
}

@Suite struct EventTests {
    @Test func whoWatchesIsToldOfThoseWhoComeAndGoWithinAQuarterOfASecond() {
        let fixture = GatewayFixture()
        let watcher = fixture.watch()
        let agent = fixture.agent()
        fixture.wait(.milliseconds(250))
        var told = fixture.read(watcher)
        #expect(told.contains("event: agents\ndata: {\"agents\":[{\"agentId\":\"a\",") && told.contains("\"online\":true"))
        #expect(told.contains("\"webUrl\":\"/web/a/\""))
        agent.close()
        fixture.wait(.milliseconds(250))
        told = fixture.read(watcher)
        #expect(told.contains("\"online\":false") && told.contains("\"lastSeen\":\"2026"))
        fixture.end()
    }

    @Test(arguments: [1, 3]) func noMoreThanFourMessagesASecondHoweverMuchHappens(loops: Int) throws {
        let fixture = GatewayFixture(loops: loops)
        let agents = (0..<6).map { fixture.agent("a\($0)") }
        fixture.wait(.seconds(2))
        let watcher = fixture.watch()
        for _ in 0..<3 {
            var told = ""
            for step in 0..<20 {
                let name = "b\(step)"
                fixture.agent(name).close()
                let agent = agents[step % 6]
                _ = fixture.visit(get("/web/a\(step % 6)/"))
                agent.respond(try agent.request().id, 200, HTTPFields(), "hello")
                fixture.wait(.milliseconds(50))
                told += fixture.read(watcher)
            }
            let events = told.components(separatedBy: "event: ").count - 1
            #expect((3...4).contains(events) && told.contains("event: status\n") && told.contains("event: agents\n"), "\(told)")
        }
        fixture.wait(.seconds(3))
        let rest = fixture.read(watcher)
        #expect(rest.contains("\"agentId\":\"a0\"") && rest.contains("\"requests\":12"))
        fixture.end()
    }

    @Test func aQuietGatewaySaysSoEveryFiveSecondsAndNothingIfNobodyWatches() {
        let fixture = GatewayFixture()
        let watcher = fixture.watch()
        fixture.wait(.seconds(10))
        #expect(fixture.read(watcher).components(separatedBy: "event: status").count - 1 == 2)
        fixture.leave(watcher)
        fixture.wait(.seconds(1))
        #expect(fixture.gateway.nextDeadline == nil)
        _ = fixture.agent()
        #expect(!fixture.gateway.internals.notesChanges)
        fixture.end()
    }

    @Test func theForgottenAreNamed() {
        let fixture = GatewayFixture { $0.limits.maximumOfflineAgents = 1 }
        fixture.agent("old").close()
        fixture.wait(.seconds(1))
        let watcher = fixture.watch()
        fixture.agent("new").close()
        fixture.wait(.seconds(1))
        #expect(fixture.read(watcher).contains("\"forgotten\":[\"old\"]"))
        fixture.end()
    }

    @Test func onlyWhoMaySeeThePageWatches() throws {
        let fixture = GatewayFixture { $0.statusPage.authTokens = ["t"] }
        for target in ["/.miagent/events", "/.miagent/series", "/metrics", "/.miagent/openapi.json", "/.miagent/help"] {
            #expect(try fixture.get(target).status == 401)
        }
        fixture.end()
        let closed = GatewayFixture { $0.statusPage.isEnabled = false }
        for target in ["/.miagent/events", "/.miagent/series", "/metrics", "/.miagent/openapi.json", "/.miagent/help"] {
            #expect(try closed.get(target).errorCode == "not-found")
        }
        closed.end()
    }
}

@Suite struct MetricsTests {
    @Test func theFormatIsNegotiated() throws {
        let fixture = GatewayFixture()
        _ = fixture.agent()
        let text = try fixture.get("/metrics")
        #expect(text.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.text.contains("# TYPE miagent_exchanges_total counter\n"))
        let open = try fixture.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n")
        #expect(open.fields[.contentType] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(open.text.hasSuffix("# EOF\n") && open.text.contains("# UNIT miagent_body_bytes bytes\n"))
        fixture.end()
    }

    @Test func onlySoManyAgentsHaveSamplesOfTheirOwn() throws {
        let fixture = GatewayFixture { $0.metrics.maximumAgents = 2 }
        for name in ["c", "b", "a"] { _ = fixture.agent(name) }
        let metrics = try fixture.metrics()
        #expect(metrics["miagent_agent_online{agent=\"b\"}"] == "1" && metrics["miagent_agent_online{agent=\"c\"}"] == nil)
        #expect(metrics["miagent_agents_left_out"] == "1" && metrics["miagent_agents_known"] == "3")
        fixture.end()
    }

    @Test func theyCanBeSwitchedOff() throws {
        let fixture = GatewayFixture { $0.metrics.isEnabled = false }
        #expect(try fixture.get("/metrics").errorCode == "not-found")
        fixture.end()
    }
}

extension String {
    fileprivate func components(separatedBy mark: String) -> [String] {
        replacing(mark, with: "\u{0}").split(separator: "\u{0}", omittingEmptySubsequences: false).map(String.init)
    }
}
