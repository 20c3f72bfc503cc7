// A client, its host and a CA in one thread, with a virtual clock: each output of the client is performed at once, each reply
// queued; when nothing is queued, time goes on to the client's next deadline. The host's disk outlives the client.

import MachineCore
import Testing

@testable import ACMEKit

final class ACMEWorld {
    var configuration: ACMEConfiguration
    var ca = FakeCA()
    let crypto = FakeCrypto()
    var client: ACMEClient
    var now = Moment(nanoseconds: 1_000_000_000)
    /// The time of day at the moment zero: 2026-03-01T00:00:00Z.
    static let epoch: Int64 = 1_772_323_200
    /// By how much the time of day was corrected.
    private(set) var correction: Int64 = 0

    // The host.
    var disk: [String: [UInt8]] = [:]
    var isDiskFull = false
    /// Kinds that the host cannot put in place.
    var unpresentable: Set<ACMEChallengeKind> = []
    /// The host is silent when it is to put a challenge in place.
    var isHostSilent = false
    var presented: [ACMEChallenge] = []
    var certificates: [ACMECertificate] = []
    var failures: [(names: ACMENames, reason: String, retryAt: Int64)] = []
    var refusals: [(names: ACMENames, reason: String)] = []
    var logs: [LogRecord] = []
    /// What was performed, in words.
    var steps: [String] = []
    private var queue: [ACMEMessage] = []

    /// What happens to the request of this number, counted from 0.
    enum Loss { case request, response }
    var losses: [Int: Loss] = [:]
    private var sent = 0

    init(_ change: (inout ACMEConfiguration) -> Void = { _ in }) throws {
        configuration = ACMEConfiguration(directory: try #require(ACMEURL(FakeCA.directory)))
        configuration.agreesToTerms = true
        change(&configuration)
        client = Self.makeClient(configuration, crypto)
    }

    private static func makeClient(_ configuration: ACMEConfiguration, _ crypto: FakeCrypto) -> ACMEClient {
        ACMEClient(
            configuration, crypto: crypto, clock: WallClock(unixNanosecondsAtZero: epoch * 1_000_000_000), seed: [1, 2, 3])
    }

    var unixSeconds: Int64 { Self.epoch + correction + Int64(now.nanoseconds / 1_000_000_000) }
    var files: [ACMEFile] { disk.sorted { $0.key < $1.key }.map { ACMEFile(name: $0.key, contents: $0.value) } }

    // MARK: The host

    func start(_ names: [ACMENames]) {
        send(.start(files))
        for names in names { send(.want(names)) }
    }

    /// The power fails: what was not on the disk is gone.
    func restart(_ names: [ACMENames]) {
        (queue, presented, ca.presented) = ([], [], [])
        isHostSilent = false
        client = Self.makeClient(configuration, crypto)
        start(names)
    }

    func correctClock(by seconds: Int64) {
        correction += seconds
        send(.clock(WallClock(unixNanosecondsAtZero: (Self.epoch + correction) * 1_000_000_000)))
    }

    func send(_ message: ACMEMessage) { queue.append(message) }

    /// Runs until `isDone`, at most for so long, and for so many inputs. True if it was done.
    @discardableResult
    func run(
        for duration: Duration = .seconds(3_600), inputs: Int = 5_000, until isDone: (ACMEWorld) -> Bool = { _ in false }
    ) -> Bool {
        let end = now.advanced(by: duration)
        for _ in 0..<inputs {
            if isDone(self) { return true }
            if !queue.isEmpty {
                feed(.message(queue.removeFirst()))
            } else {
                guard let next = client.nextDeadline, next <= end else {
                    now = end
                    return isDone(self)
                }
                now = max(now, next)
                feed(.tick)
                if let next = client.nextDeadline, queue.isEmpty {
                    #expect(next > now, "a deadline that is over when it has been acted on")
                }
            }
        }
        Issue.record("still busy after \(inputs) inputs")
        return isDone(self)
    }

    /// Runs until there is a certificate for each of `names`.
    @discardableResult
    func runUntilIssued(_ names: [ACMENames], for duration: Duration = .seconds(86_400)) -> Bool {
        run(for: duration) { world in names.allSatisfy { names in world.certificates.contains { $0.names == names } } }
    }

    private func feed(_ input: MachineInput<ACMEMessage>) {
        var outputs: [MachineOutput<ACMENote>] = []
        client.handle(input, now: now, into: &outputs)
        client.finishTurn(now: now, into: &outputs)
        for output in outputs {
            if let limit = stepLimit, steps.count >= limit { return }
            guard case .note(let note) = output else { continue }
            perform(note)
        }
    }

    /// The power fails after so many steps: nothing is performed from then on.
    var stepLimit: Int?

    private func perform(_ note: ACMENote) {
        switch note {
        case .log(let record): logs.append(record)
        case .request(let request): perform(request)
        case .cancel: break
        case .store(let file):
            steps.append("store \(Self.kind(file.name))")
            if isDiskFull { return send(.notStored(name: file.name, reason: "no space left on the device")) }
            disk[file.name] = file.contents
            send(.stored(name: file.name))
        case .remove(let name):
            steps.append("remove \(Self.kind(name))")
            disk[name] = nil
        case .present(let challenge): present(challenge)
        case .withdraw(let challenge):
            steps.append("withdraw \(challenge.kind.rawValue)")
            #expect(presented.contains(challenge))
            presented.removeAll { $0 == challenge }
            ca.presented = presented
        case .certificate(let certificate):
            steps.append("certificate")
            certificates.append(certificate)
        case .failed(let names, let reason, let retryAt): failures.append((names, reason, retryAt))
        case .refused(let names, let reason): refusals.append((names, reason))
        }
    }

    private func present(_ challenge: ACMEChallenge) {
        steps.append("present \(challenge.kind.rawValue)")
        presented.append(challenge)
        ca.presented = presented
        if isHostSilent { return }
        if unpresentable.contains(challenge.kind) {
            send(.notPresented(challenge.id, reason: "nothing listens on that port"))
        } else {
            send(.presented(challenge.id))
        }
    }

    private func perform(_ request: ACMERequest) {
        steps.append("request \(Self.resource(request))")
        ca.now = unixSeconds
        let loss = losses[sent]
        sent += 1
        if loss == .request { return send(.failed(request.id, reason: "connection refused")) }
        let response = ca.respond(to: request)
        if loss == .response { return send(.failed(request.id, reason: "connection reset")) }
        send(.response(request.id, response))
    }

    private static func kind(_ name: String) -> String {
        String(name.split(separator: "-").dropFirst().first?.prefix { $0 != "." } ?? "?")
    }

    private static func resource(_ request: ACMERequest) -> String {
        let parts = request.url.target.split(separator: "/").map(String.init)
        return parts.first == "order" && parts.last == "finalize" ? "finalize" : parts.first ?? "?"
    }

    /// The log records of this event.
    func logged(_ event: String) -> [LogRecord] { logs.filter { $0.event == event } }
}

func names(_ texts: String...) throws -> ACMENames { try ACMENames(texts) }
