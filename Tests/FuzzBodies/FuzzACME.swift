// Invariant: whatever a CA responds, an ACME client neither traps nor asks to be woken at once again and again, has no more
// challenges in place than orders under way, and leaves files behind that the next start reads without an objection; a
// certificate that it accepts is for the names that were wanted and belongs to its key. The same bytes as a URL and
// as a file of its own are refused or read, and never a trap.
//
// An input is the responses in order, parted by lines of `--`: a line with the status, fields as in HTTP, an empty line, the
// body. Nonces need not be among them.

import ACMEKit
import HTTPCodec
import MachineCore
import X509

/// Runs the invariant over `bytes` as the responses of a CA.
public func fuzzACME(_ bytes: [UInt8]) {
    var host = FuzzedHost(bytes)
    host.start()
    host.run()
    host.restart()
    readByThemselves(bytes)
}

private func readByThemselves(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let url = ACMEURL(text) { precondition(url.description == text && !url.host.isEmpty && url.target.first == "/") }
    guard bytes.first == UInt8(ascii: "{") else { return }
    for kind in ["account", "ledger", "order", "certificate"] {
        var host = FuzzedHost([])
        host.files = ["\(FuzzedHost.prefix)-\(kind).json": bytes]
        host.start()
    }
}

/// The host of a client, with a disk and a virtual clock.
private struct FuzzedHost {
    /// What the names of files at this CA begin with.
    static let prefix = "3f0f069f145c3cbd"

    private var responses: [[UInt8]]
    private var client: ACMEClient
    private let names: ACMENames
    private var now = Moment(nanoseconds: 1)
    private var queue: [ACMEMessage] = []
    private var presented: [ACMEChallenge] = []
    private var refusedFiles = 0
    var files: [String: [UInt8]] = [:]

    init(_ bytes: [UInt8]) {
        responses = Self.records(bytes).reversed()
        guard let names = try? ACMENames(["gw.example.com"]) else { preconditionFailure("a good name is refused") }
        self.names = names
        client = Self.makeClient()
    }

    private static func makeClient() -> ACMEClient {
        guard let directory = ACMEURL("https://ca.test/dir") else { preconditionFailure("a good URL is refused") }
        var configuration = ACMEConfiguration(directory: directory)
        configuration.agreesToTerms = true
        configuration.profile = "shortlived"
        // 2026-03-01T00:00:00Z
        let clock = WallClock(unixNanosecondsAtZero: 1_772_323_200_000_000_000)
        return ACMEClient(configuration, crypto: FuzzedCrypto(), clock: clock, seed: [1])
    }

    mutating func start() {
        queue = [.start(files.sorted { $0.key < $1.key }.map { ACMEFile(name: $0.key, contents: $0.value) }), .want(names)]
        while !queue.isEmpty, queue.count < 64 { feed(.message(queue.removeFirst())) }
    }

    /// Until the responses are used up, and a while longer.
    mutating func run() {
        var rest = 400
        while rest > 0 {
            rest -= responses.isEmpty ? 8 : 1
            if !queue.isEmpty {
                feed(.message(queue.removeFirst()))
            } else {
                guard let next = client.nextDeadline else { return }
                now = max(now, next)
                feed(.tick)
                if queue.isEmpty, let next = client.nextDeadline { precondition(next > now, "a deadline that has passed") }
            }
            precondition(presented.count <= 1, "two challenges of one order")
        }
    }

    /// The power fails.
    mutating func restart() {
        (client, queue, presented, responses) = (Self.makeClient(), [], [], [])
        let before = refusedFiles
        start()
        precondition(refusedFiles == before, "a file of one's own is refused")
    }

    private mutating func feed(_ input: MachineInput<ACMEMessage>) {
        var outputs: [MachineOutput<ACMENote>] = []
        client.handle(input, now: now, into: &outputs)
        for case .note(let note) in outputs { perform(note) }
    }

    private mutating func perform(_ note: ACMENote) {
        switch note {
        case .log(let record): if record.event == "acme.file-refused" { refusedFiles += 1 }
        case .request(let request): respond(to: request)
        case .store(let file):
            files[file.name] = file.contents
            queue.append(.stored(name: file.name))
        case .remove(let name): files[name] = nil
        case .present(let challenge):
            presented.append(challenge)
            queue.append(.presented(challenge.id))
        case .withdraw(let challenge): presented.removeAll { $0 == challenge }
        case .certificate(let certificate):
            guard let facts = certificate.credential.certificate, facts.notBefore < facts.notAfter else {
                preconditionFailure("a certificate that cannot be read")
            }
            precondition(Set(facts.names).isSuperset(of: names.identifiers.map(\.text)), "a certificate for other names")
            precondition(facts.publicPoint == FuzzedCrypto().point(certificate.credential.keyPEM), "for another key")
        case .cancel, .failed, .refused: break
        }
    }

    private mutating func respond(to request: ACMERequest) {
        var response = ACMEResponse(status: 200)
        if request.method != "HEAD" {
            guard let record = responses.popLast() else { return queue.append(.failed(request.id, reason: "no more")) }
            response = Self.response(record)
        }
        do { try response.fields.append("Replay-Nonce", "AAAA") } catch {}
        queue.append(.response(request.id, response))
    }

    // MARK: Records

    private static func records(_ bytes: [UInt8]) -> [[UInt8]] {
        var records: [[UInt8]] = [[]]
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            if line.elementsEqual("--".utf8) { records.append([]) } else { records[records.count - 1] += line + [0x0a] }
        }
        return records
    }

    private static func response(_ record: [UInt8]) -> ACMEResponse {
        var lines = record.split(separator: 0x0a, omittingEmptySubsequences: false)[...]
        let status = lines.popFirst().flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 200
        var response = ACMEResponse(status: status)
        while let line = lines.popFirst(), !line.isEmpty {
            guard let colon = line.firstIndex(of: 0x3a) else { continue }
            do { try response.fields.append(name: line[..<colon], value: line[(colon + 1)...]) } catch {}
        }
        response.body = Array(lines.joined(separator: [0x0a]))
        return response
    }
}

/// Keys that are always the same: good enough to get past every check.
private struct FuzzedCrypto: ACMECrypto {
    private static let key = PEMBlock(label: "PRIVATE KEY", bytes: Array("fuzz".utf8)).text

    func makePrivateKey() -> String { Self.key }

    func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8] {
        guard pem == Self.key else { throw ACMECryptoError("no key") }
        return point(pem)
    }

    func point(_ pem: String) -> [UInt8] { Array(1...64) }

    func signature(of message: [UInt8], byKey pem: String) -> [UInt8] { Array(repeating: 7, count: 64) }
}
