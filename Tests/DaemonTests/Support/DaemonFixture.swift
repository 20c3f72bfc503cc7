// The daemons and services of one test: all that it starts ends with it, and no daemon may end before unless the test made it.
// A test that fails shows the last lines of each daemon. Ports are the system's choice; settings are files as people write
// them, gone after the test.

import Foundation
import TestSupport
import Testing

/// The tunnel's two versions.
enum Tunnel: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case v1, v2
    var testDescription: String { rawValue }
}

/// A gateway that listens.
struct RunningGateway: Sendable {
    let daemon: Daemon
    let port: UInt16

    /// A new connection of a visitor.
    func visitor() throws -> TestVisitor { try TestVisitor(port: port) }

    /// The response to one GET on a connection of its own.
    func get(_ path: String, _ fields: [String] = []) throws -> Response {
        let visitor = try visitor()
        defer { visitor.leave() }
        return try visitor.get(path, fields)
    }

    /// Fails unless the gateway still serves new clients.
    func expectHealthy(_ sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try get("/healthz").status == 200, sourceLocation: sourceLocation)
    }
}

/// Runs `body`; then ends every process and every service.
func withDaemons(_ sourceLocation: SourceLocation = #_sourceLocation, _ body: (DaemonFixture) throws -> Void) throws {
    let fixture = DaemonFixture()
    defer { fixture.endAll() }
    do {
        try body(fixture)
    } catch {
        throw TestFailure("\(error)\n\(fixture.transcript)")
    }
    fixture.check(sourceLocation)
}

/// Starts daemons and services for one test.
final class DaemonFixture {
    private var daemons: [Daemon] = []
    private var services: [TestService] = []
    private var files: [URL] = []

    // MARK: Starting

    /// A gateway on loopback with these settings.
    func gateway(_ settings: String = "{}", port: UInt16 = 0) throws -> RunningGateway {
        let daemon = try self.daemon(
            "gatewayd", ["--config", try file(settings), "--host", "127.0.0.1", "--port", "\(port)"])
        let mark = "gateway.listening address=127.0.0.1:"
        return RunningGateway(daemon: daemon, port: try self.port(in: daemon.waitForLine(with: mark)))
    }

    /// The port that a line of the log names.
    func port(in line: String) throws -> UInt16 {
        let rest = line.components(separatedBy: "address=127.0.0.1:").last?.prefix { $0.isNumber }
        guard let port = rest.flatMap({ UInt16($0) }) else { throw TestFailure("no port in: \(line)") }
        return port
    }

    /// An agent before `service` (nil: it offers none), registered unless `waits` is false. `settings` are members of its file.
    @discardableResult
    func agent(
        _ id: String = "pi", at gatewayPort: UInt16, before service: UInt16?, _ tunnel: Tunnel = .v2, settings: [String] = [],
        waits: Bool = true
    ) throws -> Daemon {
        var members = [#""agentId": "\#(id)""#, #""gatewayUrl": "ws://127.0.0.1:\#(gatewayPort)/agent""#]
        members.append(#""protocol": "\#(tunnel.rawValue)""#)
        if let service { members.append(#""webService": {"port": \#(service)}"#) }
        let text = "{" + (members + settings).joined(separator: ", ") + "}"
        let daemon = try self.daemon("agentd", ["--config", try file(text)])
        if waits { try daemon.waitForLine(with: "agent.registered") }
        return daemon
    }

    /// A service that responds as `behaviour` says.
    func service(on listener: Socket? = nil, _ behaviour: @escaping TestService.Behaviour) throws -> TestService {
        let service = try TestService(on: listener, behaviour)
        services.append(service)
        return service
    }

    /// A service that responds to each request with its path.
    func pathService() throws -> TestService {
        try service { call in
            _ = try call.body()
            try call.respond("service at \(call.path)")
        }
    }

    /// A gateway, an agent `pi` and a service behind it.
    func chain(
        _ settings: String = "{}", _ tunnel: Tunnel = .v2, _ behaviour: @escaping TestService.Behaviour
    ) throws -> (gateway: RunningGateway, agent: Daemon, service: TestService) {
        let gateway = try gateway(settings)
        let service = try service(behaviour)
        return (gateway, try agent(at: gateway.port, before: service.port, tunnel), service)
    }

    func daemon(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], onTerminal: Bool = false,
        leads: Bool = false, descriptors: Int? = nil
    ) throws -> Daemon {
        let daemon = try Daemon(
            name, arguments, environment: environment, onTerminal: onTerminal, leads: leads, descriptors: descriptors)
        daemons.append(daemon)
        return daemon
    }

    /// A program that is expected to end by itself: how, and what it wrote.
    func run(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws -> (Ending, output: String) {
        let daemon = try daemon(name, arguments, environment: environment)
        let ending = try daemon.waitForEnding()
        return (ending, daemon.lines.joined(separator: "\n"))
    }

    /// A file with this text; its path.
    func file(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString).json")
        try Data(text.utf8).write(to: url)
        files.append(url)
        return url.path
    }

    // MARK: The end

    /// No daemon ended that should not have, none wrote sentences that are glued together, and no service met something that it
    /// did not expect.
    fileprivate func check(_ sourceLocation: SourceLocation) {
        for line in daemons.flatMap(\.lines) where gluedMarks(in: line) != nil {
            Issue.record("two marks meet in: \(line)", sourceLocation: sourceLocation)
        }
        for daemon in daemons where !daemon.isDoneWith.value {
            let said = Comment(rawValue: daemon.lines.suffix(40).joined(separator: "\n"))
            #expect(daemon.isRunning, said, sourceLocation: sourceLocation)
        }
        let problems = services.flatMap(\.problems)
        #expect(problems.isEmpty, sourceLocation: sourceLocation)
    }

    /// The last lines of every daemon, for a test that failed.
    fileprivate var transcript: String {
        let services = services.flatMap(\.problems).map { "service: \($0)" }
        let daemons = daemons.map { "\($0.name):\n" + $0.lines.suffix(40).joined(separator: "\n") }
        return (daemons + services).joined(separator: "\n")
    }

    fileprivate func endAll() {
        for daemon in daemons { daemon.signal(SIGKILL) }
        for service in services { service.stop() }
        for file in files { try? FileManager.default.removeItem(at: file) }
    }
}
