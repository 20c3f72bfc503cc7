// What each of many agents costs: benchmarks at two sizes, whose counts must be alike, and a report of time and memory at any
// size.

#if canImport(Glibc)
    import Glibc
#endif

enum Scale {
    /// Small enough for callgrind; a scan over all agents at each event would show between the two.
    static var benchmarks: [Benchmark] {
        [250, 2_000].flatMap { count in
            [
                Benchmark("scale.ping.\(count)", batch: count) {
                    let agents = filled(count)
                    _ = agents.pingAll()  // the measured rounds are at equal distances
                    return { try require(agents.pingAll() == count, "not all were pinged once") }
                },
                Benchmark("scale.request.\(count)", batch: 50) {
                    let agents = filled(count)
                    agents.admitVisitor()
                    return { for _ in 0..<50 { try agents.request() } }
                },
            ]
        }
    }

    private static func filled(_ count: Int) -> ManyAgents {
        let agents = ManyAgents(agents: count)
        agents.register(0..<count, (0..<count).map(ManyAgents.introduction))
        return agents
    }

    // MARK: The report

    /// Prints lines of `name value`: nanoseconds for each agent or page, and bytes.
    static func report(_ count: Int) throws {
        let clock = ContinuousClock()
        func say(_ name: String, per divisor: Int, _ body: () throws -> Void) rethrows {
            let duration = try clock.measure(body)
            print("\(name).ns", Int(duration / .nanoseconds(1) / Double(divisor)))
        }
        let introductions = (0..<count).map(ManyAgents.introduction)
        let agents = ManyAgents(agents: count)
        let before = residentBytes()
        say("register", per: count) { agents.register(0..<count, introductions) }
        print("memory.bytes", (residentBytes() - before) / count)
        try require(agents.gateway.counters.registeredAgents == count, "not all registered")
        for name in ["ping", "ping.again"] {
            var pings = 0
            say(name, per: count) { pings = agents.pingAll() }
            try require(pings == count, "\(pings) pings")
        }
        print("memory.pinged.bytes", (residentBytes() - before) / count)
        agents.admitVisitor()
        try say("request", per: count) { for _ in 0..<count { try agents.request() } }
        print("memory.used.bytes", (residentBytes() - before) / count)
        let pages = [
            ("first", "/"), ("page", "/"), ("thousand", "/?limit=1000"), ("list", "/.miagent/agents?limit=1000"),
            ("search", "/.miagent/agents?filter=nothing"), ("metrics", "/metrics"), ("health", "/healthz"),
        ]
        for (name, path) in pages {
            var size = 0
            say(name, per: 1) { size = agents.page(path) }
            print("\(name).bytes", size)
        }
        say("lose", per: count) { agents.loseAll() }
    }

    /// Memory of this process that no file stands behind; 0 where /proc has no word of it.
    private static func residentBytes() -> Int {
        #if canImport(Glibc)
            guard let file = fopen("/proc/self/status", "r") else { return 0 }
            defer { fclose(file) }
            var text = [UInt8](repeating: 0, count: 8192)
            let count = fread(&text, 1, text.count, file)
            let lines = String(decoding: text.prefix(count), as: UTF8.self).split(separator: "\n")
            let line = lines.first { $0.hasPrefix("RssAnon:") }
            return (line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) * 1024
        #else
            return 0
        #endif
    }
}
