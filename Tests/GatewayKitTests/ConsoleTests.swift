// What loops count and loop 0 shows: agents by the page, their counts, the plots, events for those who watch, metrics.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WebConsole

@testable import GatewayKit

extension World {
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
    private func world() -> World {
        let world = World()
        for name in ["d", "b", "a", "c", "e"] {
            let agent = world.dial(query: "agentId=\(name)")
            let host = name == "c" ? "Laptop C++" : "server"
            agent.register(AgentDescription(agentID: name, type: "x\(name)X", host: host, model: "M"))
            if name == "b" { agent.close() }
        }
        return world
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
        let world = world()
        let list = try world.json("/.miagent/agents\(query)")
        #expect(try world.agents("agentId", "/.miagent/agents\(query)") == ids.map { .string($0) })
        #expect(list["matching"] == .integer(matching) && list["next"] == next.map { .integer($0) } ?? .null)
        #expect(list["connected"] == 4 && list["known"] == 5 && list["webServices"] == 4)
        world.end()
    }

    @Test func aPageHoldsAThousandAtMost() throws {
        let world = World()
        for number in 0..<1_002 { _ = world.agent("a\(10_000 + number)") }
        #expect(try world.agents("agentId", "/.miagent/agents?limit=5000").count == 1_000)
        #expect(try world.agents("agentId", "/.miagent/agents").count == 100)
        #expect(try world.agents("agentId", "/.miagent/agents?offset=1001") == ["a11001"])
        world.end()
    }
}

@Suite struct CountingTests {
    @Test func whatHappensToAnAgentIsCountedAndSurvivesItsReconnection() throws {
        let world = World()
        let agent = world.agent()
        let visitor = world.visit("POST /web/a/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
        let request = try agent.request()
        #expect(try world.agents("openStreams") == [1])
        agent.answer(request.id, 200, HTTPFields(), "hello")
        _ = world.visit(get("/web/a/"))
        agent.reset(try agent.request().id, .unreachable)
        let gone = world.visit(get("/web/a/"))
        world.leave(gone)
        agent.close()
        let again = world.agent()
        world.send(visitor, get("/web/a/"))
        again.answer(try again.request().id, 404, HTTPFields(), "")
        for (name, value) in [("requests", 4), ("failures", 1), ("bytesIn", 3), ("bytesOut", 5), ("openStreams", 0)] {
            #expect(try world.agents(name) == [.integer(Int64(value))], "\(name)")
        }
        let metrics = try world.metrics()
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"2xx\"}"] == "1")
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"4xx\"}"] == "1")
        #expect(metrics["miagent_requests_total{by=\"gateway\",status=\"5xx\"}"] == "1")
        #expect(metrics["miagent_agent_requests_total{agent=\"a\"}"] == "4")
        #expect(metrics["miagent_answer_latency_seconds_count"] == "3")
        world.end()
    }

    @Test func whatIsCountedOfAnAgentIsForgottenWithIt() throws {
        let world = World { $0.limits.maximumOfflineAgents = 1 }
        for name in ["a", "b"] {
            let agent = world.agent(name)
            _ = world.visit(get("/web/\(name)/"))
            agent.answer(try agent.request().id, 200, HTTPFields(), "")
            agent.close()
            world.wait(.seconds(1))
        }
        #expect(try world.agents("agentId") == ["b"])
        _ = world.agent("a")
        #expect(try world.agents("requests") == [0, 1])
        world.end()
    }

    @Test func theSumsOfThreeLoopsAreExactOnceTheyAreQuiet() throws {
        let world = World(loops: 3)
        let agents = ["a", "b", "c", "d"].map { world.agent($0) }
        for round in 0..<5 {
            for (number, agent) in agents.enumerated() {
                let name = ["a", "b", "c", "d"][number]
                let id = world.visit(
                    "POST /web/\(name)/ HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy", on: (number + round) % 3)
                let request = try agent.request()
                world.wait(.milliseconds(400))
                if round == 4 { agent.reset(request.id, .timedOut) } else { agent.answer(request.id, 200, HTTPFields(), "abc") }
                world.leave(id)
            }
        }
        world.wait(.seconds(1))
        #expect(try world.agents("requests") == [5, 5, 5, 5])
        #expect(try world.agents("failures") == [1, 1, 1, 1])
        #expect(try world.agents("bytesIn") == [10, 10, 10, 10])
        #expect(try world.agents("bytesOut") == [12, 12, 12, 12])
        let metrics = try world.metrics()
        #expect(metrics["miagent_exchanges_total"] == "20" && metrics["miagent_loops"] == "3")
        #expect(metrics["miagent_requests_total{by=\"agent\",status=\"2xx\"}"] == "16")
        #expect(metrics["miagent_errors_total{code=\"service-timed-out\"}"] == "4")
        #expect(metrics["miagent_stream_resets_total{by=\"agent\",reason=\"timedOut\"}"] == "4")
        #expect(metrics["miagent_body_bytes_total{direction=\"out\"}"] == "48")
        #expect(metrics["miagent_answer_latency_seconds_count"] == "20")
        #expect(metrics["miagent_agents_registered_total"] == "4" && metrics["miagent_open_streams"] == "0")
        #expect(metrics["miagent_visitors"] == "1", "who asks for it")
        let series = world.series
        #expect((series.requestsPerSecond.reduce(0, +) * 5).rounded() == 20)
        #expect((series.bytesInPerSecond.reduce(0, +) * 5).rounded() == 40)
        world.end()
    }

    @Test func whileNothingHappensNoLoopIsWoken() {
        let world = World(loops: 3)
        for name in ["a", "b", "c"] { world.agent(name).close() }
        world.wait(.seconds(2))
        #expect(world.loops.allSatisfy { $0.nextDeadline == nil })
        world.end()
    }

    @Test func thePlotsAreWhatHappenedWhenItDid() throws {
        let world = World()
        let agent = world.agent()
        for _ in 0..<10 {
            _ = world.visit(get("/web/a/"))
            let request = try agent.request()
            world.wait(.milliseconds(50))
            agent.answer(request.id, 200, HTTPFields(), "hello")
        }
        world.wait(.seconds(12))
        let series = try world.json("/.miagent/series")
        guard case .array(let rates)? = series["requestsPerSecond"], case .array(let medians)? = series["p50Ms"] else {
            Issue.record("\(series)")
            return
        }
        #expect(rates.count == 180 && medians.count == 180)
        #expect(rates.suffix(3) == [0, 2, 0] && medians.last == .null)
        #expect(series["secondsPerPoint"] == 5 && series["end"] == .integer((worldBegins + 12) / 5 * 5))
        world.wait(.seconds(900))
        guard case .array(let later)? = try world.json("/.miagent/series")["requestsPerSecond"] else { return }
        #expect(later.allSatisfy { $0 == 0 })
        world.end()
    }
}

extension World {
    fileprivate var series: SeriesView { gateway.internals.history.series(at: worldBegins + 10) }
}

@Suite struct EventTests {
    @Test func whoWatchesIsToldOfThoseWhoComeAndGoWithinAQuarterOfASecond() {
        let world = World()
        let watcher = world.watch()
        let agent = world.agent()
        world.wait(.milliseconds(250))
        var told = world.read(watcher)
        #expect(told.contains("event: agents\ndata: {\"agents\":[{\"agentId\":\"a\",") && told.contains("\"online\":true"))
        #expect(told.contains("\"webUrl\":\"/web/a/\""))
        agent.close()
        world.wait(.milliseconds(250))
        told = world.read(watcher)
        #expect(told.contains("\"online\":false") && told.contains("\"lastSeen\":\"2026"))
        world.end()
    }

    @Test(arguments: [1, 3]) func noMoreThanFourMessagesASecondHoweverMuchHappens(loops: Int) throws {
        let world = World(loops: loops)
        let agents = (0..<6).map { world.agent("a\($0)") }
        world.wait(.seconds(2))
        let watcher = world.watch()
        for _ in 0..<3 {
            var told = ""
            for step in 0..<20 {
                let name = "b\(step)"
                world.agent(name).close()
                let agent = agents[step % 6]
                _ = world.visit(get("/web/a\(step % 6)/"))
                agent.answer(try agent.request().id, 200, HTTPFields(), "hello")
                world.wait(.milliseconds(50))
                told += world.read(watcher)
            }
            let events = told.components(separatedBy: "event: ").count - 1
            #expect((3...4).contains(events) && told.contains("event: status\n") && told.contains("event: agents\n"), "\(told)")
        }
        world.wait(.seconds(3))
        let rest = world.read(watcher)
        #expect(rest.contains("\"agentId\":\"a0\"") && rest.contains("\"requests\":12"))
        world.end()
    }

    @Test func aQuietGatewaySaysSoEveryFiveSecondsAndNothingIfNobodyWatches() {
        let world = World()
        let watcher = world.watch()
        world.wait(.seconds(10))
        #expect(world.read(watcher).components(separatedBy: "event: status").count - 1 == 2)
        world.leave(watcher)
        world.wait(.seconds(1))
        #expect(world.gateway.nextDeadline == nil)
        _ = world.agent()
        #expect(!world.gateway.internals.notesChanges)
        world.end()
    }

    @Test func theForgottenAreNamed() {
        let world = World { $0.limits.maximumOfflineAgents = 1 }
        world.agent("old").close()
        world.wait(.seconds(1))
        let watcher = world.watch()
        world.agent("new").close()
        world.wait(.seconds(1))
        #expect(world.read(watcher).contains("\"forgotten\":[\"old\"]"))
        world.end()
    }

    @Test func onlyWhoMaySeeThePageWatches() throws {
        let world = World { $0.statusPage.authTokens = ["t"] }
        for target in ["/.miagent/events", "/.miagent/series", "/metrics", "/.miagent/openapi.json", "/.miagent/help"] {
            #expect(try world.get(target).status == 401)
        }
        world.end()
        let closed = World { $0.statusPage.isEnabled = false }
        for target in ["/.miagent/events", "/.miagent/series", "/metrics", "/.miagent/openapi.json", "/.miagent/help"] {
            #expect(try closed.get(target).errorCode == "not-found")
        }
        closed.end()
    }
}

@Suite struct MetricsTests {
    @Test func theFormatIsNegotiated() throws {
        let world = World()
        _ = world.agent()
        let text = try world.get("/metrics")
        #expect(text.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(text.text.contains("# TYPE miagent_exchanges_total counter\n"))
        let open = try world.get("/metrics", "Accept: application/openmetrics-text; version=1.0.0\r\n")
        #expect(open.fields[.contentType] == "application/openmetrics-text; version=1.0.0; charset=utf-8")
        #expect(open.text.hasSuffix("# EOF\n") && open.text.contains("# UNIT miagent_body_bytes bytes\n"))
        world.end()
    }

    @Test func onlySoManyAgentsHaveSamplesOfTheirOwn() throws {
        let world = World { $0.metrics.maximumAgents = 2 }
        for name in ["c", "b", "a"] { _ = world.agent(name) }
        let metrics = try world.metrics()
        #expect(metrics["miagent_agent_online{agent=\"b\"}"] == "1" && metrics["miagent_agent_online{agent=\"c\"}"] == nil)
        #expect(metrics["miagent_agents_left_out"] == "1" && metrics["miagent_agents_known"] == "3")
        world.end()
    }

    @Test func theyCanBeSwitchedOff() throws {
        let world = World { $0.metrics.isEnabled = false }
        #expect(try world.get("/metrics").errorCode == "not-found")
        world.end()
    }
}

extension String {
    fileprivate func components(separatedBy mark: String) -> [String] {
        replacing(mark, with: "\u{0}").split(separator: "\u{0}", omittingEmptySubsequences: false).map(String.init)
    }
}
