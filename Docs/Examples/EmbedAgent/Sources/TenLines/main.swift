import AgentKit
import SocketKit
import TunnelLink

let gateway = try GatewayURL(CommandLine.arguments.dropFirst().first ?? "ws://127.0.0.1:3000/agent")
let hello = AgentConfiguration(gateway: gateway, description: AgentDescription(agentID: "hello"), service: .handler)
let runner = Runner(Agent(hello, seed: secureRandomBytes(32)), on: try SocketLoop())
runner.onNote = { note, runner in
    guard case .call(let call, let request) = note else { return }
    runner.send(.respond(call, .text("Hello from \(request.path)\n")))
}
runner.send(.start)
try runner.run()
