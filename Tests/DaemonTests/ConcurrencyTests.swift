// Many at once through one tunnel: no visitor gets another's response or waits for another's slowness, and who leaves is
// missed. Bodies stream: each piece goes on when it is here, which is shown by a sender that waits until the last piece has
// arrived, never by a clock.

import Foundation
import TestSupport
import Testing

extension DaemonTests {
    @Suite struct Concurrency {
        @Test(arguments: Tunnel.allCases)
        func fiftyVisitorsGetTheirOwnResponsesAndNoOthers(_ tunnel: Tunnel) throws {
            try withDaemons { fixture in
                let (gateway, _, _) = try fixture.chain("{}", tunnel) { call in
                    let body = try call.body()
                    let response = Array("\(call.path):".utf8) + body
                    if call.path.hasSuffix("1") || call.path.hasSuffix("5") {
                        try call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                        try call.conversation.sendChunk(Array(response.prefix(response.count / 2 + 1)))
                        let rest = Array(response.dropFirst(response.count / 2 + 1))
                        if !rest.isEmpty { try call.conversation.sendChunk(rest) }
                        try call.say("0\r\n\r\n")
                    } else {
                        try call.respond(body: response)
                    }
                }
                try onThreads(50) { number in
                    var dice = SplitMix(seed: UInt64(number))
                    let visitor = try gateway.visitor()
                    defer { visitor.leave() }
                    for turn in 0..<20 {
                        let path = "/visitor/\(number)/turn/\(turn)"
                        let body = dice.bytes(Int.random(in: 0...3_000, using: &dice))
                        if turn % 3 == 0 {
                            try visitor.send("PUT", "/web/pi\(path)", ["Transfer-Encoding: chunked"])
                            if !body.isEmpty { try visitor.conversation.sendChunk(body) }
                            try visitor.conversation.send("0\r\n\r\n")
                        } else {
                            try visitor.send("POST", "/web/pi\(path)", ["Content-Length: \(body.count)"])
                            try visitor.conversation.send(body)
                        }
                        let response = try visitor.response()
                        guard response.status == 200, response.body == Array("\(path):".utf8) + body else {
                            throw TestFailure("\(path): \(response.verdict) with \(response.body.count) bytes")
                        }
                    }
                }
            }
        }

        /// One block of 64 KiB, each with bytes of its own.
        private static func block(_ number: Int) -> [UInt8] {
            [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 65_536)
        }

        /// The body is larger than all the buffers between the two ends, so the service cannot get rid of it unless it is read.
        @Test func aVisitorThatDoesNotReadStopsNoOther() throws {
            let blocks = 512
            try withDaemons { fixture in
                let begun = Bell("the service sends the large body")
                let isSent = Shared(false)
                let (gateway, _, _) = try fixture.chain { call in
                    guard call.path == "/large" else { return try call.respond("small") }
                    try call.say("HTTP/1.1 200 OK\r\nContent-Length: \(blocks * 65_536)\r\n\r\n")
                    begun.ring()
                    for number in 0..<blocks {
                        try call.conversation.socket.send(Self.block(number), by: Deadline(in: .seconds(30)))
                    }
                    isSent.change { $0 = true }
                }
                let slow = try TestVisitor(port: gateway.port, receiveBuffer: 16_384)
                try slow.send("GET", "/web/pi/large")
                try begun.await()
                let other = try gateway.visitor()
                for _ in 0..<100 { #expect(try other.get("/web/pi/small").text == "small") }
                #expect(!isSent.value)
                #expect(try slow.responseHead()["content-length"] == "\(blocks * 65_536)")
                for number in 0..<blocks {
                    guard try slow.conversation.read(65_536) == Self.block(number) else {
                        throw TestFailure("block \(number) is another")
                    }
                }
                #expect(try slow.get("/web/pi/small").text == "small")
            }
        }

        @Test func aServiceSeesThatItsVisitorLeftBeforeTheResponse() throws {
            try withDaemons { fixture in
                let begun = Bell("the request reaches the service")
                let left = Bell("the service sees its connection end")
                let (gateway, _, _) = try fixture.chain { call in
                    begun.ring()
                    try call.conversation.awaitEnd()
                    left.ring()
                    throw CutOff(wasReset: false)
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/")
                try begun.await()
                visitor.leave()
                try left.await()
                try gateway.expectHealthy()
            }
        }

        @Test func aServiceSeesThatItsVisitorLeftWithinTheResponse() throws {
            try withDaemons { fixture in
                let left = Bell("the service sees its connection end")
                let (gateway, _, _) = try fixture.chain { call in
                    if call.path == "/good" { return try call.respond("served") }
                    defer { left.ring() }
                    try call.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while true { try call.conversation.sendChunk(Self.block(0)) }
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/endless")
                _ = try visitor.responseHead()
                _ = try visitor.conversation.readChunk()
                visitor.leave()
                try left.await()
                #expect(try gateway.get("/web/pi/good").text == "served")
            }
        }

        @Test func aVisitorThatLeavesWithinItsOwnBodyIsMissedByTheService() throws {
            try withDaemons { fixture in
                let begun = Bell("the request reaches the service")
                let left = Bell("the service sees its connection end")
                let (gateway, _, _) = try fixture.chain { call in
                    begun.ring()
                    defer { left.ring() }
                    _ = try call.body()
                    try call.respond("whole")
                }
                let visitor = try gateway.visitor()
                try visitor.send("POST", "/web/pi/", ["Content-Length: 1000"])
                try visitor.conversation.send("only this")
                try begun.await()
                visitor.leave()
                try left.await()
                try gateway.expectHealthy()
            }
        }

        /// Each event reaches the visitor before the service sends the next one.
        @Test func eventsArriveOneByOne() throws {
            try withDaemons { fixture in
                let next = Bell("the visitor has the last event")
                let (gateway, _, _) = try fixture.chain { call in
                    try call.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
                    for number in 0..<10 {
                        try call.say("data: \(number)\n\n")
                        try next.await()
                    }
                    call.hangUp()
                }
                let visitor = try gateway.visitor()
                try visitor.send("GET", "/web/pi/events", ["Accept: text/event-stream"])
                #expect(try visitor.responseHead()["content-type"] == "text/event-stream")
                for number in 0..<10 {
                    let event = try visitor.conversation.readChunk()
                    #expect(event == Array("data: \(number)\n\n".utf8))
                    next.ring()
                }
                #expect(try visitor.conversation.readChunk() == nil)
            }
        }

        /// And each part of an upload reaches the service before the visitor sends the next one.
        @Test func anUploadArrivesPieceByPiece() throws {
            try withDaemons { fixture in
                let next = Bell("the service has the last piece")
                let (gateway, _, _) = try fixture.chain { call in
                    var count = 0
                    while let piece = try call.conversation.readChunk() {
                        count += piece.count
                        next.ring()
                    }
                    try call.respond("\(count)")
                }
                let visitor = try gateway.visitor()
                try visitor.send("POST", "/web/pi/", ["Transfer-Encoding: chunked"])
                for _ in 0..<10 {
                    try visitor.conversation.sendChunk(Array("piece".utf8))
                    try next.await()
                }
                try visitor.conversation.send("0\r\n\r\n")
                #expect(try visitor.response().text == "50")
            }
        }
    }
}
