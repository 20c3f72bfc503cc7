// An agent inside a program: `/hello` gets a whole response, `/count` a line a second until the visitor leaves.
//
// Usage: EmbedAgent ws://HOST:PORT/agent [TOKEN]. What the program says goes to standard output.

import AgentKit
import HTTPCodec
import SocketKit
import TunnelLink

final class Application {
    /// Visitors of `/count`, and the next number of each.
    private var counts: [HandlerCall: Int] = [:]
    /// Those whose connection has no room at this moment.
    private var waiting: Set<HandlerCall> = []
    private var isRunning = true

    func run(_ configuration: AgentConfiguration) throws {
        let runner = Runner(Agent(configuration, seed: secureRandomBytes(32)), on: try SocketLoop())
        runner.onNote = { [self] note, runner in handle(note, runner) }
        try runner.loop.catchSignals([2, 15]) { _ in runner.send(.drain(within: .seconds(1))) }
        runner.send(.start)
        var next = SocketLoop.now().advanced(by: .seconds(1))
        while isRunning {
            try runner.turn(until: counts.isEmpty ? nil : next)
            guard SocketLoop.now() >= next else { continue }
            next = SocketLoop.now().advanced(by: .seconds(1))
            for call in counts.keys where !waiting.contains(call) { count(call, runner) }
        }
    }

    private func handle(_ note: AgentNote, _ runner: Runner<Agent>) {
        switch note {
        case .open(let call, let head): open(call, head, runner)
        case .body(let call, let bytes): runner.send(.took(call, bytes.count))  // of no use here
        case .full(let call): waiting.insert(call)
        case .writable(let call): waiting.remove(call)
        case .cancelled(let call):
            counts[call] = nil
            waiting.remove(call)
            say("a visitor left")
        case .registered(let webURL): say("serving \(webURL)")
        case .stopped(let reason):
            say("stopped: \(reason)")
            isRunning = false
        case .log, .phase, .exchange, .roundTrip, .captured, .call, .bodyEnd: break
        }
    }

    private func open(_ call: HandlerCall, _ head: HandlerHead, _ runner: Runner<Agent>) {
        switch head.path {
        case "/hello": runner.send(.respond(call, .text("Hello from inside the program!\n")))
        case "/count":
            var fields = HTTPFields()
            try? fields.append(.contentType, "text/plain; charset=utf-8")
            runner.send(.head(call, HandlerResponseHead(fields: fields)))
            if head.method == "GET" { count(call, runner) }
        default: runner.send(.respond(call, .text("Try /hello or /count.\n", status: 404)))
        }
    }

    private func count(_ call: HandlerCall, _ runner: Runner<Agent>) {
        let number = counts[call, default: 1]
        counts[call] = number + 1
        runner.send(.body(call, Array("\(number)\n".utf8), end: false))
    }

    private func say(_ text: String) {
        print(text)
        flushStandardOutput()
    }
}

let words = CommandLine.arguments
let configuration = AgentConfiguration(
    gateway: try GatewayURL(words.count > 1 ? words[1] : "ws://127.0.0.1:3000/agent"), token: words.count > 2 ? words[2] : nil,
    description: AgentDescription(agentID: "embedded", type: "example"), service: .streamingHandler)
try Application().run(configuration)
