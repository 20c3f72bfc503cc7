import AgentKit
import TunnelLink

let gateway = try GatewayURL(CommandLine.arguments.dropFirst().first ?? "ws://127.0.0.1:3000/agent")
let polled = AgentConfiguration(gateway: gateway, description: AgentDescription(agentID: "polled"), service: .handler)
let seed = (0..<32).map { _ in UInt8.random(in: 0...255) }  // Swift's own generator is the system's
let loop = PollLoop(Agent(polled, seed: seed))
loop.onNote = { note, loop in
    guard case .call(let call, let request) = note else { return }
    loop.send(.respond(call, .text("Hello from \(request.path), which sent \(request.body.count) bytes\n")))
}
loop.send(.start)
while true { loop.turn() }
