// What the suites share: frames written by hand, without the module's own encoder, and a reader that feeds a connection.

import TestSupport
import Testing
import WireWS

/// A frame as RFC 6455 §5.2 draws it. `key` masks the payload.
func frame(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, key: [UInt8]? = nil) -> [UInt8] {
    var bytes = [(isFinal ? 0x80 : 0) | opcode]
    let maskBit: UInt8 = key == nil ? 0 : 0x80
    switch payload.count {
    case 0...125: bytes.append(maskBit | UInt8(payload.count))
    case 126...0xffff: bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    default:
        bytes.append(maskBit | 127)
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(payload.count >> shift & 0xff)) }
    }
    guard let key else { return bytes + payload }
    return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
}

/// A frame as a client sends it.
func masked(_ opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true) -> [UInt8] {
    frame(opcode, payload, isFinal: isFinal, key: [0x37, 0xfa, 0x21, 0x3d])
}

/// The bytes of `text`.
func utf8(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The payload of a Close frame.
func closePayload(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    [UInt8(code >> 8), UInt8(code & 0xff)] + utf8(reason)
}

/// `count` bytes of binary data that differ from place to place.
func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

let aClient = WSRole.client(seed: [1, 2, 3])

/// All that a connection made of its input.
struct Reading: Equatable {
    var events: [WSEvent] = []
    var error: WSError?
    var replies: [UInt8] = []

    /// Replies depend on how the input was cut, since only the latest of several pings gets a pong.
    var withoutReplies: Reading { Reading(events: events, error: error) }
}

extension WSConnection {
    /// Receives `bytes` and takes every event out.
    mutating func read(_ bytes: ArraySlice<UInt8>, into reading: inout Reading) {
        receive(bytes)
        do throws(WSError) {
            while let event = try next(replies: &reading.replies) { reading.events.append(event) }
        } catch {
            reading.error = error
        }
    }
}

/// What a fresh connection makes of `pieces`.
func read(_ pieces: [ArraySlice<UInt8>], as role: WSRole, limits: WSLimits = .init()) -> Reading {
    var connection = WSConnection(role, limits: limits)
    var reading = Reading()
    for piece in pieces { connection.read(piece, into: &reading) }
    return reading
}

/// Expects these events and this error of `bytes`, however they are cut, and with the beginning of another frame behind.
func expect(
    _ events: [WSEvent], _ error: WSError? = nil, from bytes: [UInt8], as role: WSRole = .server,
    limits: WSLimits = .init(), sourceLocation: SourceLocation = #_sourceLocation
) {
    let expected = Reading(events: events, error: error)
    for bytes in [bytes, bytes + [0x82]] {
        #expect(read([bytes[...]], as: role, limits: limits).withoutReplies == expected, sourceLocation: sourceLocation)
        guard bytes.count <= 1000 else {
            expectTheSame(expected, fromLong: bytes, as: role, limits: limits, sourceLocation: sourceLocation)
            continue
        }
        let disagreement = firstDisagreement(over: bytes, exhaustiveLimit: 200) {
            read($0, as: role, limits: limits).withoutReplies
        }
        #expect(disagreement == nil, sourceLocation: sourceLocation)
    }
}

/// The same for a sequence that is too long for every cut: cuts near its ends and its middle, and packets.
private func expectTheSame(
    _ expected: Reading, fromLong bytes: [UInt8], as role: WSRole, limits: WSLimits, sourceLocation: SourceLocation
) {
    var ways = [stride(from: 0, to: bytes.count, by: 1400).map { bytes[$0..<min($0 + 1400, bytes.count)] }]
    for cut in [1, 2, 3, 4, 6, 8, 10, 11, 14, 15, bytes.count / 2, bytes.count - 2, bytes.count - 1] {
        ways.append([bytes[..<cut], bytes[cut...]])
    }
    for way in ways {
        #expect(read(way, as: role, limits: limits).withoutReplies == expected, sourceLocation: sourceLocation)
    }
}
