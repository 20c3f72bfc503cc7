// Requests to a CA as bytes: what leaves, how responses come in however they are cut, and whatever a CA's server does wrong
// ends in a reply with a reason, once.

import ACMEKit
import MachineCore
import Testing

@testable import gatewayd

@Suite struct ACMETransportTests {
    private let dial = DialID(rawValue: 1)
    private let connection = ConnectionID(slot: 0, generation: 1)

    /// A transport beside what it wants done.
    private struct Driver {
        var transport = ACMETransport()
        var commands: [TransportCommand] = []

        mutating func run<Result>(_ body: (inout ACMETransport, inout Turn<ACMENote>) -> Result) -> Result {
            var outputs: [MachineOutput<ACMENote>] = []
            var turn = Turn(now: Moment(), taking: &outputs)
            let result = body(&transport, &turn)
            for case .transport(let command) in turn.outputs { commands.append(command) }
            return result
        }

        mutating func send(_ request: ACMERequest) -> ACMEMessage? { run { $0.send(request, &$1) } }
        mutating func receive(_ event: TransportEvent) -> ACMEMessage? { run { $0.receive(event, &$1) } }
    }

    /// The first request of a client: it has no other way to make one.
    private func request(_ url: String = "https://ca.example.com/dir") throws -> ACMERequest {
        var client = ACMEClient(
            ACMEConfiguration(directory: try #require(ACMEURL(url))), crypto: NoCrypto(),
            clock: WallClock(unixNanosecondsAtZero: 0), seed: [1])
        var outputs: [MachineOutput<ACMENote>] = []
        client.handle(.message(.start([])), now: Moment(), into: &outputs)
        client.handle(.message(.want(try ACMENames(["gw.example.com"]))), now: Moment(), into: &outputs)
        for case .note(.request(let request)) in outputs { return request }
        throw NoRequest()
    }

    private struct NoRequest: Error {}

    private struct NoCrypto: ACMECrypto {
        func makePrivateKey() throws(ACMECryptoError) -> String { throw ACMECryptoError("none") }
        func publicPoint(ofKey pem: String) throws(ACMECryptoError) -> [UInt8] { throw ACMECryptoError("none") }
        func signature(of message: [UInt8], byKey pem: String) throws(ACMECryptoError) -> [UInt8] {
            throw ACMECryptoError("none")
        }
    }

    /// A driver whose request has left.
    private func connected() throws -> Driver {
        var driver = Driver()
        #expect(driver.send(try request()) == nil)
        #expect(driver.receive(.connected(dial, connection)) == nil)
        return driver
    }

    private func failure(_ message: ACMEMessage?) -> String? {
        guard case .failed(ACMERequestID(rawValue: 1), let reason) = message else { return nil }
        return reason
    }

    // MARK: Requests

    @Test func aRequestIsDialledEncryptedAndWritten() throws {
        let driver = try connected()
        #expect(driver.commands.count == 3)
        #expect(driver.commands[0] == .dial(dial, .tcp(host: "ca.example.com", port: 443)))
        #expect(driver.commands[1] == .startTLS(connection, TLSPeer(host: "ca.example.com", profile: ACMETransport.profile)))
        guard case .write(connection, let bytes) = driver.commands[2] else {
            Issue.record("nothing is written")
            return
        }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.hasPrefix("GET /dir HTTP/1.1\r\nHost: ca.example.com\r\n"))
        #expect(text.contains("\r\nConnection: close\r\n") && text.contains("\r\nUser-Agent: miagent/"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test func aTestServerOnThisMachineNeedsNoTLS() throws {
        var driver = Driver()
        #expect(driver.send(try request("http://127.0.0.1:8080/dir")) == nil)
        #expect(driver.receive(.connected(dial, connection)) == nil)
        #expect(driver.commands.first == .dial(dial, .tcp(host: "127.0.0.1", port: 8_080)))
        #expect(driver.commands.count == 2)
    }

    // MARK: Responses

    private static let responses: [(String, String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
            "{}"
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
    ]

    @Test(arguments: responses) func aResponseIsReadHoweverItIsCut(_ text: String, _ body: String) throws {
        let bytes = Array(text.utf8)
        for cut in 1..<bytes.count {
            var driver = try connected()
            var reply = driver.receive(.received(connection, bytes[..<cut]))
            if reply == nil { reply = driver.receive(.received(connection, bytes[cut...])) }
            guard case .response(ACMERequestID(rawValue: 1), let response) = reply else {
                Issue.record("no response after a cut at \(cut)")
                continue
            }
            #expect(String(decoding: response.body, as: UTF8.self) == body)
            #expect(driver.commands.last == .close(connection))
            #expect(driver.receive(.closed(connection, error: nil)) == nil, "one reply")
        }
    }

    @Test func aBodyWithoutALengthEndsWithTheConnection() throws {
        var driver = try connected()
        #expect(driver.receive(.received(connection, Array("HTTP/1.1 200 OK\r\n\r\nabc".utf8)[...])) == nil)
        guard case .response(_, let response) = driver.receive(.receivedEOF(connection)) else {
            Issue.record("no response")
            return
        }
        #expect(response.body == Array("abc".utf8))
    }

    // MARK: Failures

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"])
    func whatEndsEarlyIsNoResponse(_ text: String) throws {
        var driver = try connected()
        if !text.isEmpty { #expect(driver.receive(.received(connection, Array(text.utf8)[...])) == nil) }
        #expect(failure(driver.receive(.receivedEOF(connection))) != nil)
        #expect(driver.commands.last == .abort(connection))
        #expect(driver.receive(.closed(connection, error: "later")) == nil, "one reply")
    }

    @Test func whatIsNoHTTPAndWhatIsTooLongIsRefused() throws {
        var driver = try connected()
        let noHTTP = failure(driver.receive(.received(connection, Array("SSH-2.0-x\r\n\r\n".utf8)[...])))
        #expect(noHTTP?.contains("is no HTTP") == true)
        driver = try connected()
        let limit = try request().maximumResponseBytes
        let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(limit + 1)\r\n\r\n".utf8)
        #expect(driver.receive(.received(connection, head[...])) == nil)
        let body = [UInt8](repeating: 0x20, count: limit + 1)
        #expect(failure(driver.receive(.received(connection, body[...]))) == "the CA's response is too long")
        #expect(driver.commands.last == .abort(connection))
    }

    @Test func aDialOrAHandshakeThatFailsIsSaid() throws {
        var driver = Driver()
        #expect(driver.send(try request()) == nil)
        #expect(failure(driver.receive(.dialFailed(dial, reason: "no route"))) == "cannot connect: no route")
        driver = try connected()
        #expect(failure(driver.receive(.closed(connection, error: "the certificate expired"))) == "the certificate expired")
    }

    @Test func whatIsCancelledIsNotHeardOf() throws {
        let id = ACMERequestID(rawValue: 1)
        var driver = Driver()
        #expect(driver.send(try request()) == nil)
        driver.run { $0.cancel(id, &$1) }
        #expect(driver.commands.last == .cancelDial(dial))
        driver = try connected()
        driver.run { $0.cancel(id, &$1) }
        #expect(driver.commands.last == .abort(connection))
        #expect(driver.receive(.closed(connection, error: nil)) == nil)
        driver.run { $0.cancel(id, &$1) }
    }
}
