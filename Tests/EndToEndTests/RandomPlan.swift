// What one random visit is about: both ends know it from the request's target, so each can say whether what it got is right.

import HTTPCodec
import MachineCore
import TestSupport

/// One request, its response, and how both fail.
struct RandomPlan: Sendable {
    /// How the service responds.
    enum Kind: String, Sendable, CaseIterable {
        /// Whole, framed in one of the three ways.
        case length, chunked, close
        /// 103 first.
        case hints
        /// Before the request's body is here.
        case early
        /// With a 101, after which both sides send bytes and then half-close.
        case upgrade
        /// Begins, and breaks the connection off.
        case cutLength, cutChunked, cutClose
        /// Ends in order before it is whole.
        case shortLength, shortChunked
        /// With what is no HTTP.
        case garbage
        /// Not at all.
        case silent

        var isWhole: Bool {
            switch self {
            case .length, .chunked, .close, .hints, .early, .upgrade: true
            case .cutLength, .cutChunked, .cutClose, .shortLength, .shortChunked, .garbage, .silent: false
            }
        }

        var framing: HTTPBodyFraming? {
            switch self {
            case .length, .hints, .early, .upgrade, .cutLength, .shortLength: nil
            case .chunked, .cutChunked, .shortChunked: .chunked
            case .close, .cutClose, .garbage, .silent: .untilClose
            }
        }
    }

    var kind: Kind
    /// Bytes of the request's body, or of the visitor's half of an upgraded stream.
    var up: Int
    /// Bytes of the response.
    var down: Int
    /// Where both sequences begin.
    var offset: Int

    /// Bytes `start ..< start + count` of either direction; the response's are another part of the same sequence.
    func bytes(_ start: Int, _ count: Int, isResponse: Bool) -> ArraySlice<UInt8> {
        StreamingService.bytes(offset + start + (isResponse ? 30_011 : 0), count)
    }

    /// Whether `bytes` are those from `start` on.
    func matches(_ bytes: ArraySlice<UInt8>, at start: Int, isResponse: Bool) -> Bool {
        var place = start
        var rest = bytes
        while !rest.isEmpty {
            let expected = self.bytes(place, rest.count, isResponse: isResponse)
            guard Array(expected) == Array(rest.prefix(expected.count)) else { return false }
            place += expected.count
            rest = rest.dropFirst(expected.count)
        }
        return true
    }

    var target: String { "/\(kind.rawValue)/\(up)/\(down)/\(offset)" }

    /// The plan in a target as the service sees it.
    init?(target: ArraySlice<UInt8>) {
        let parts = String(decoding: target, as: UTF8.self).split(separator: "/")
        guard parts.count == 4, let kind = Kind(rawValue: String(parts[0])), let up = Int(parts[1]), let down = Int(parts[2]),
            let offset = Int(parts[3])
        else { return nil }
        (self.kind, self.up, self.down, self.offset) = (kind, up, down, offset)
    }

    init(random: inout SplitMix) {
        let isWhole = Int.random(in: 0..<3, using: &random) > 0
        kind = Kind.allCases.filter { $0.isWhole == isWhole }.randomElement(using: &random) ?? .length
        let sizes = [0, 1, 700, 5_000, 20_000, 60_000]
        up = Bool.random(using: &random) ? 0 : sizes.randomElement(using: &random) ?? 0
        down = sizes.randomElement(using: &random) ?? 0
        if !kind.isWhole { down += 2 }
        offset = Int.random(in: 0..<30_000, using: &random)
    }
}
