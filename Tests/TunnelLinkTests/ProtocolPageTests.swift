// Docs/Protocol.md lists the methods, and shows exchanges as text and as bytes: they are those of the code, and what two real
// sessions say, to the letter.

import Foundation
import HTTPCodec
import RPCCore
import Testing

@testable import TunnelLink

@Suite struct ProtocolPageTests {
    /// One line of an example: who says what.
    private struct Line: Hashable {
        var isFromGateway: Bool
        var received: Received
    }

    private static let page: String = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Docs/Protocol.md")
        return (try? String(contentsOf: path, encoding: .utf8)) ?? ""
    }()

    /// The fenced blocks of the page that begin with this language word (none: "").
    private static func blocks(_ language: String) -> [String] {
        let parts = page.components(separatedBy: "```")
        return stride(from: 1, to: parts.count, by: 2).map { parts[$0] }.filter { $0.hasPrefix(language + "\n") }
            .map { String($0.dropFirst(language.count + 1)) }
    }

    /// The lines of the blocks that show an exchange. What is indented goes on with the line above; a comment follows bytes
    /// after three blanks.
    private static func exchange() -> [Line] {
        var lines: [(arrow: Character, kind: String, content: String)] = []
        for block in blocks("") where block.hasPrefix("→") {
            for line in block.split(separator: "\n") {
                guard let arrow = line.first, arrow == "→" || arrow == "←" else {
                    lines[lines.count - 1].content += line.trimmingCharacters(in: .whitespaces)
                    continue
                }
                let words = line.dropFirst().trimmingCharacters(in: .whitespaces)
                let kind = String(words.prefix { $0 != " " })
                lines.append((arrow, kind, words.dropFirst(kind.count).trimmingCharacters(in: .whitespaces)))
            }
        }
        return lines.map { line in
            let received: Received = line.kind == "text" ? .text(line.content) : .binary(bytes(line.content))
            return Line(isFromGateway: line.arrow == "→", received: received)
        }
    }

    private static func bytes(_ text: String) -> [UInt8] {
        (text.components(separatedBy: "   ").first ?? "").split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }

    @Test func theExchangesOfThePageAreWhatTwoSessionsSay() {
        let lines = Self.exchange()
        #expect(lines.count >= 9)
        var gateway = RawPeer(of: .gateway, .v2)
        var agent = RawPeer(of: .agent(seed: [1]), .v2)
        var heardFromGateway: [Received] = []
        var heardFromAgent: [Received] = []
        for line in lines {
            // What one session makes of a message, the other is told to say.
            let events = line.isFromGateway ? Self.say(line.received, to: &agent) : Self.say(line.received, to: &gateway)
            if line.isFromGateway {
                Self.replay(events, on: &gateway.session)
                heardFromGateway += gateway.received()
            } else {
                Self.replay(events, on: &agent.session)
                heardFromAgent += agent.received()
            }
        }
        #expect(heardFromGateway == lines.filter(\.isFromGateway).map(\.received))
        #expect(heardFromAgent == lines.filter { !$0.isFromGateway }.map(\.received))
        #expect(gateway.session.openStreams == 0 && agent.session.openStreams == 0)
    }

    private static func say(_ received: Received, to peer: inout RawPeer) -> [TunnelEvent] {
        switch received {
        case .text(let text): peer.say(text)
        case .binary(let bytes): peer.say(bytes)
        case .ping, .pong, .closed: []
        }
    }

    private static func replay(_ events: [TunnelEvent], on session: inout TunnelSession) {
        let ends: [StreamID: HTTPFields] = events.reduce(into: [:]) { ends, event in
            if case .end(let id, let trailers) = event { ends[id] = trailers }
        }
        var ended: Set<StreamID> = []
        for event in events {
            switch event {
            case .request(let id, let request):
                #expect(session.open(request) == id)
                if !request.hasBody { ended.insert(id) }
            case .response(let id, let response):
                session.respond(response, on: id)
                if !response.hasBody { ended.insert(id) }
            case .data(let id, let bytes):
                _ = session.send(bytes, on: id, end: ends[id] != nil, trailers: ends[id] ?? HTTPFields())
                ended.insert(id)
            case .end(let id, let trailers) where !ended.contains(id):
                _ = session.send([], on: id, end: true, trailers: trailers)
            default: break
            }
        }
    }

    @Test func theTableOfMethodsIsThatOfTheCode() {
        let section = Self.page.components(separatedBy: "## Control plane").last?.components(separatedBy: "### ").first ?? ""
        let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
            row.split(separator: "|").prefix(3).map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let expected = TunnelMethod.allCases.map { method -> [String] in
            let sender = "\(method.sender)" + (method.since == .v1 ? "" : ", v2")
            return ["`\(method.name)`", sender, method.isRequest ? "request" : "notification"]
        }
        #expect(Set(rows) == Set(expected))
        #expect(rows.count == expected.count)
    }

    @Test func everyMethodIsKnownByItsNameAlone() {
        for method in TunnelMethod.allCases {
            #expect(TunnelMethod(named: "\(method.name)") == method)
            #expect(TunnelMethod(named: "\(method.name) ") == nil)
        }
        for name in ["", "web", "web.", "WEB.REQUEST", "web.request\0"] { #expect(TunnelMethod(named: name) == nil) }
    }

    @Test func everyJSONOfThePageIsOneMessage() throws {
        let examples = Self.blocks("json")
        #expect(examples.count >= 8)
        for example in examples {
            let text = Array(example.split(separator: "\n").joined().utf8)
            let batch = try RPCCodec.decode(text[...])
            #expect(batch.count == 1)
            for element in batch { _ = try element.get() }
        }
    }
}
