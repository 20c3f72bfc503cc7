// Runs benchmarks. `run` beside this package is what people call; it counts instructions by running this program twice.
//
//     Benchmarks list                names, bytes and operations in a round
//     Benchmarks time [NAME…]        nanoseconds an operation: the best of several measurements
//     Benchmarks repeat NAME ROUNDS  that many rounds and nothing else
//     Benchmarks scale COUNT         time and memory of a gateway with that many agents

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let all = Codecs.benchmarks + Messages.benchmarks + Requests.benchmarks + Scale.benchmarks

func usage() -> Never {
    print("Benchmarks list | time [NAME…] | repeat NAME ROUNDS | scale COUNT")
    exit(2)
}

/// The best of measurements of about 50 ms each: what disturbs only ever adds.
func nanoseconds(of round: () throws -> Void, batch: Int) rethrows -> Double {
    let clock = ContinuousClock()
    var rounds = 1
    var best = Double.infinity
    var left = 8
    while left > 0 {
        let duration = try clock.measure { for _ in 0..<rounds { try round() } }
        if duration < .milliseconds(40) {
            rounds *= 2
            continue
        }
        best = min(best, duration / .nanoseconds(1) / Double(rounds * batch))
        left -= 1
    }
    return best
}

let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "list": for benchmark in all { print(benchmark.name, benchmark.bytes, benchmark.batch) }
case "time":
    for benchmark in all where words.count == 1 || words.dropFirst().contains(where: benchmark.name.hasPrefix) {
        print(benchmark.name, benchmark.bytes, try nanoseconds(of: try benchmark.prepare(), batch: benchmark.batch))
    }
case "repeat" where words.count == 3:
    guard let benchmark = all.first(where: { $0.name == words[1] }), let rounds = Int(words[2]) else { usage() }
    let round = try benchmark.prepare()
    for _ in 0..<rounds { try round() }
case "scale" where words.count == 2:
    guard let count = Int(words[1]), count > 0 else { usage() }
    try Scale.report(count)
default: usage()
}
