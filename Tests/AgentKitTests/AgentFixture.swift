// An agent on the simulated network, the gateways' ends of its tunnels, which are real, and services that send what a test
// says.
//
// What the agent writes to a service is acknowledged at once unless told otherwise; a gateway acknowledges what its end of the
// tunnel has read. After each input all gateways and the agent talk until none has anything to say. Services never respond by
// themselves, and no peer closes unless the test says so.

import HTTPCodec
import MachineCore
import RPCCore
import TestSupport
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

struct AgentFixture {
    typealias Ending = ScriptedConnection.Ending

    /// What a gateway saw of one response.
    struct Response: Equatable {
        var interim: [WebInformational] = []
        var head: WebResponse?
        var body: [UInt8] = []
        var ended = false
        var trailers = HTTPFields()
        var failure: RPCFailure?
        var reset: ResetReason?
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    struct Gateway {
        var session: TunnelSession
        /// All that came through the tunnel, as it came.
        var received: [UInt8] = []
        var responses: [StreamID: Response] = [:]
        var registrations: [AgentDescription] = []
        var statuses: [StatusUpdate] = []
        var pongs = 0
        var leavings = 0
        var closed: WSCloseCode?
    }

    let network = SimulatedNetwork(startingAt: Moment(nanoseconds: 5_000_000_000))
    let host: Host<Agent>
    private(set) var links: [ConnectionID: ScriptedConnection] = [:]
    var gateways: [ConnectionID: Gateway] = [:]
    /// How gateways respond to `agent.register`; nil: not at all.
    var welcome: Welcome? = Welcome(
        sessionID: "s1", webURL: "http://g/web/my-agent/", ping: .seconds(20), initialWindow: 256 * 1024, maximumStreams: 256)
    var refusal: RPCFailure?
    /// What the gateways' ends of tunnels allow.
    var gatewayLimits = TunnelLimits()
    /// Credit of services comes only when the test says `wrote`.
    var holdsServiceWrites = false

    init(_ configuration: AgentConfiguration = .sample(), seed: [UInt8] = [1, 2, 3]) {
        host = network.add(Agent(configuration, seed: seed), isScripted: true)
        network.onMistake = { Issue.record("\($0)") }
    }

    var agent: Agent {
        get { host.machine }
        set { host.machine = newValue }
    }
    var now: Moment { network.now }
    var notes: [AgentNote] { host.notes }
    var cancelledDials: Int { host.cancelledDials }
    var dials: [(id: DialID, endpoint: Endpoint)] {
        get { host.dials }
        set { host.dials = newValue }
    }

    /// An agent that is registered, and its gateway.
    static func serving(
        _ configuration: AgentConfiguration = .sample(), version: TunnelVersion = .v2
    ) throws -> (AgentFixture, ConnectionID) {
        var fixture = AgentFixture(configuration)
        fixture.send(.start)
        let gateway = try fixture.acceptUpgrade(version)
        #expect(fixture.agent.phase == .serving)
        return (fixture, gateway)
    }

    // MARK: Inputs

    mutating func send(_ message: AgentMessage) { input(.message(message)) }

    mutating func event(_ event: TransportEvent) { input(.transport(event)) }

    private mutating func input(_ input: MachineInput<AgentMessage>) {
        host.take(input)
        settle()
    }

    /// Time passes, with a tick at each deadline on the way.
    mutating func pass(_ duration: Duration) {
        let network = network
        network.pass(duration) { input(.tick) }
    }

    // MARK: Turns

    /// Turns, until neither the agent nor a gateway has anything to say.
    mutating func settle() {
        repeat {
            host.finishTurn()
            reportWrites()
        } while talkToGateways()
    }

    private func reportWrites() {
        for (id, link) in links.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where gateways[id] == nil {
            if holdsServiceWrites || link.ending != .none { continue }
            wrote(id)
        }
    }

    /// The transport has written everything on this connection.
    func wrote(_ id: ConnectionID) { links[id]?.acknowledge() }

    mutating func talkToGateways() -> Bool {
        var spoke = false
        for id in gateways.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            let news = read(id)
            if !news.isEmpty {
                spoke = true
                gateways[id]?.received += news
                gateways[id]?.session.receive(news[...])
                links[id]?.acknowledge(news.count)
            }
            while let event = gateways[id]?.session.next() { handle(event, at: id) }
            guard let reply = gateways[id]?.session.takeOutput(), !reply.isEmpty else { continue }
            gateways[id]?.session.wrote(reply.count)
            guard links[id]?.ending == Ending.none else { continue }
            spoke = true
            host.deliver(.received(id, reply))
        }
        return spoke
    }

    private mutating func handle(_ event: TunnelEvent, at id: ConnectionID) {
        switch event {
        case .register(let rpcID, let description):
            gateways[id]?.registrations.append(description)
            if let refusal {
                gateways[id]?.session.refuse(rpcID, refusal)
            } else if let welcome {
                gateways[id]?.session.welcome(rpcID, welcome)
            }
        case .status(let update): gateways[id]?.statuses.append(update)
        case .informational(let stream, let interim):
            gateways[id]?.responses[stream, default: Response()].interim.append(interim)
        case .response(let stream, let head): gateways[id]?.responses[stream, default: Response()].head = head
        case .failed(let stream, let failure): gateways[id]?.responses[stream, default: Response()].failure = failure
        case .data(let stream, let bytes):
            gateways[id]?.responses[stream, default: Response()].body += bytes
            if readsResponses { gateways[id]?.session.consumed(bytes.count, on: stream) }
        case .end(let stream, let trailers):
            gateways[id]?.responses[stream, default: Response()].ended = true
            gateways[id]?.responses[stream]?.trailers = trailers
        case .reset(let stream, let reason): gateways[id]?.responses[stream, default: Response()].reset = reason
        case .leaving(let isLeaving): gateways[id]?.leavings += isLeaving ? 1 : 0
        case .pong: gateways[id]?.pongs += 1
        case .closed(let code, _): gateways[id]?.closed = code
        case .broken(let code, let reason): Issue.record("the agent broke the protocol: \(code) \(reason)")
        case .welcome, .refused, .request, .drain, .resume: break
        }
    }

    /// Visitors take what comes, so that credit goes back to the agent.
    var readsResponses = true

    // MARK: The transport

    /// What was written on the connection since the last look. Mutating, so that a connection may be accepted within the call.
    mutating func read(_ id: ConnectionID) -> [UInt8] { links[id]?.takeWritten() ?? [] }

    mutating func readText(_ id: ConnectionID) -> String { String(decoding: read(id), as: UTF8.self) }

    /// The oldest dial succeeds.
    mutating func accept() throws -> ConnectionID {
        try #require(!dials.isEmpty, "no dial is pending")
        let dial = dials.removeFirst()
        let connection = addConnection()
        event(.connected(dial.id, connection.id))
        return connection.id
    }

    /// A connection of which the agent does not know yet.
    mutating func addConnection(id: ConnectionID? = nil) -> ScriptedConnection {
        let connection = host.addConnection(.strict, id: id)
        links[connection.id] = connection
        return connection
    }

    mutating func refuseDial(_ reason: String = "connection refused") throws {
        try #require(!dials.isEmpty, "no dial is pending")
        event(.dialFailed(dials.removeFirst().id, reason: reason))
    }

    /// The service, or a gateway before its upgrade, says something.
    mutating func reply(_ id: ConnectionID, _ text: String) { event(.received(id, Array(text.utf8)[...])) }

    mutating func reply(_ id: ConnectionID, _ bytes: [UInt8]) { event(.received(id, bytes[...])) }

    /// Whatever the agent did about the connection, the peer is gone.
    mutating func peerCloses(_ id: ConnectionID, error: String? = nil) {
        links[id]?.end(error)
        settle()
    }
}

struct Missing: Error { var what: String }

extension AgentConfiguration {
    /// An agent for a service on port 4173.
    static func sample(
        service: LocalService = .http(LocalHTTPService(port: 4173)), _ change: (inout AgentConfiguration) -> Void = { _ in }
    ) -> AgentConfiguration {
        var configuration = AgentConfiguration(
            gateway: .unknown, token: "s3cret-token",
            description: AgentDescription(agentID: "my-agent", type: "pi-coding", host: "h", model: "m"), service: service)
        if let gateway = try? GatewayURL("ws://gateway.example.com:3000/agent") { configuration.gateway = gateway }
        change(&configuration)
        return configuration
    }
}
