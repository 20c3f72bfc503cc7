// An agent with a scripted transport, real gateways' ends of tunnels, and services that say what the test says, on virtual
// time.
//
// The transport writes everything at once unless told otherwise, and after each input lets all gateways and the agent talk
// until none of them has anything to say. Services never respond by themselves.

import HTTPCodec
import MachineCore
import RPCCore
import Testing
import TunnelLink
import WireWS

@testable import AgentKit

struct World {
    /// A connection as the transport sees it.
    struct Link {
        enum Ending: Equatable { case none, closed, aborted }
        var written: [UInt8] = []
        /// Of `written`, what the test or the gateway has looked at.
        var readCount = 0
        var isReading = true
        var isFinished = false
        var ending = Ending.none
    }

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
        var responses: [StreamID: Response] = [:]
        var registrations: [AgentDescription] = []
        var statuses: [StatusUpdate] = []
        var pongs = 0
        var leavings = 0
        var closed: WSCloseCode?
    }

    var agent: Agent
    var now = Moment(nanoseconds: 5_000_000_000)
    var dials: [(id: DialID, endpoint: Endpoint)] = []
    var cancelledDials = 0
    var links: [ConnectionID: Link] = [:]
    var gateways: [ConnectionID: Gateway] = [:]
    var notes: [AgentNote] = []
    /// How gateways respond to `agent.register`; nil: not at all.
    var welcome: Welcome? = Welcome(
        sessionID: "s1", webURL: "http://g/web/my-agent/", ping: .seconds(20), initialWindow: 256 * 1024, maximumStreams: 256)
    var refusal: RPCFailure?
    /// What the gateways' ends of tunnels allow.
    var gatewayLimits = TunnelLimits()
    /// Credit of services comes only when the test says `wrote`.
    var holdsServiceWrites = false
    private var slots: UInt32 = 0

    init(_ configuration: AgentConfiguration = .sample()) { agent = Agent(configuration, seed: [1, 2, 3]) }

    /// A world whose agent is registered, and its gateway.
    static func serving(
        _ configuration: AgentConfiguration = .sample(), version: TunnelVersion = .v2
    ) throws -> (World, ConnectionID) {
        var world = World(configuration)
        world.send(.start)
        let gateway = try world.acceptUpgrade(version)
        #expect(world.agent.phase == .serving)
        return (world, gateway)
    }

    // MARK: Inputs

    mutating func send(_ message: AgentMessage) { input(.message(message)) }

    mutating func event(_ event: TransportEvent) { input(.transport(event)) }

    private mutating func input(_ input: MachineInput<AgentMessage>) {
        handle(input)
        settle()
    }

    mutating func handle(_ input: MachineInput<AgentMessage>) {
        var outputs: [MachineOutput<AgentNote>] = []
        agent.handle(input, now: now, into: &outputs)
        perform(outputs)
    }

    /// Time passes, with a tick at each deadline on the way.
    mutating func pass(_ duration: Duration) {
        let end = now.advanced(by: duration)
        while let next = agent.nextDeadline, next <= end {
            now = max(now, next)
            input(.tick)
        }
        now = end
    }

    // MARK: Outputs

    private mutating func perform(_ outputs: [MachineOutput<AgentNote>]) {
        for output in outputs {
            switch output {
            case .note(let note): notes.append(note)
            case .transport(let command): perform(command)
            }
        }
    }

    private mutating func perform(_ command: TransportCommand) {
        switch command {
        case .dial(let id, let endpoint): dials.append((id, endpoint))
        case .cancelDial(let id):
            #expect(dials.contains { $0.id == id }, "cancels a dial that is over")
            dials.removeAll { $0.id == id }
            cancelledDials += 1
        case .write(let id, let bytes):
            #expect(links[id]?.ending == Link.Ending.none && links[id]?.isFinished == false, "writes after the end")
            links[id]?.written += bytes
        case .setReading(let id, let isReading):
            #expect(links[id]?.isReading != isReading, "no change")
            links[id]?.isReading = isReading
        case .finishWriting(let id): links[id]?.isFinished = true
        case .close(let id), .closeAtOnce(let id):
            #expect(links[id]?.ending == Link.Ending.none, "closes twice")
            links[id]?.ending = .closed
        case .abort(let id):
            #expect(links[id]?.ending == Link.Ending.none, "aborts twice")
            links[id]?.ending = .aborted
        }
    }

    /// Turns, until neither the agent nor a gateway has anything to say.
    mutating func settle() {
        repeat {
            var outputs: [MachineOutput<AgentNote>] = []
            agent.finishTurn(now: now, into: &outputs)
            perform(outputs)
            reportWrites()
        } while talkToGateways()
    }

    private mutating func reportWrites() {
        for (id, link) in links.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where gateways[id] == nil {
            if holdsServiceWrites || link.ending != .none { continue }
            wrote(id)
        }
    }

    private var reported: [ConnectionID: Int] = [:]

    /// The transport has written everything on this connection.
    mutating func wrote(_ id: ConnectionID) {
        let count = (links[id]?.written.count ?? 0) - (reported[id] ?? 0)
        guard count > 0 else { return }
        reported[id] = links[id]?.written.count
        handle(.transport(.wrote(id, count)))
    }

    mutating func talkToGateways() -> Bool {
        var spoke = false
        for id in gateways.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            let news = read(id)
            if !news.isEmpty {
                spoke = true
                gateways[id]?.session.receive(news[...])
                handle(.transport(.wrote(id, news.count)))
            }
            while let event = gateways[id]?.session.next() { handle(event, at: id) }
            guard let reply = gateways[id]?.session.takeOutput(), !reply.isEmpty else { continue }
            gateways[id]?.session.wrote(reply.count)
            guard links[id]?.ending == Link.Ending.none else { continue }
            spoke = true
            handle(.transport(.received(id, reply)))
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

    /// What was written on the connection since the last look.
    mutating func read(_ id: ConnectionID) -> [UInt8] {
        guard let link = links[id] else { return [] }
        links[id]?.readCount = link.written.count
        return Array(link.written[link.readCount...])
    }

    mutating func readText(_ id: ConnectionID) -> String { String(decoding: read(id), as: UTF8.self) }

    /// The oldest dial succeeds.
    mutating func accept() throws -> ConnectionID {
        try #require(!dials.isEmpty, "no dial is pending")
        let dial = dials.removeFirst()
        slots += 1
        let id = ConnectionID(slot: slots, generation: 1)
        links[id] = Link()
        event(.connected(dial.id, id))
        return id
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
        event(.closed(id, error: error))
        links[id]?.ending = .closed
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
