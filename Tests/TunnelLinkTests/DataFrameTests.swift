// The data plane byte by byte.

import TestSupport
import Testing

@testable import TunnelLink

@Suite struct DataFrameTests {
    private func frame(_ bytes: [UInt8]) -> DataFrame? { DataFrame(bytes[...]) }

    @Test func framesAreTheseBytes() {
        let stream = StreamID(rawValue: 0x0102_0304)
        #expect(DataFrame.dataHeader(stream, end: false) == [0, 0, 0, 0, 1, 2, 3, 4])
        #expect(DataFrame.dataHeader(stream, end: true) == [0, 1, 0, 0, 1, 2, 3, 4])
        #expect(DataFrame.credit(stream, 0x0a0b_0c0d) == [1, 0, 0, 0, 1, 2, 3, 4, 0x0a, 0x0b, 0x0c, 0x0d])
        #expect(DataFrame.credit(stream, .max) == [1, 0, 0, 0, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff])
        let reasons: [(ResetReason, UInt8)] = [
            (.refused, 1), (.unreachable, 2), (.timedOut, 3), (.cancelled, 4), (.overran, 5), (.protocolError, 6),
        ]
        #expect(reasons.map(\.0) == ResetReason.allCases)
        for (reason, code) in reasons { #expect(DataFrame.reset(stream, reason) == [2, 0, 0, 0, 1, 2, 3, 4, 0, code]) }
    }

    @Test func framesAreReadFromTheSameBytes() {
        let stream = StreamID(rawValue: 0x0102_0304)
        #expect(frame([0, 0, 0, 0, 1, 2, 3, 4]) == .data(stream, [], end: false))
        #expect(frame([0, 1, 0, 0, 1, 2, 3, 4, 9, 8]) == .data(stream, [9, 8], end: true))
        #expect(frame([1, 0, 0, 0, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff]) == .credit(stream, 0xffff_ffff))
        for reason in ResetReason.allCases {
            #expect(frame(DataFrame.reset(stream, reason)) == .reset(stream, reason))
        }
    }

    @Test func aMessageInPiecesIsTheSameFrame() throws {
        let messages = [
            DataFrame.dataHeader(.number(5), end: true) + [1, 2, 3, 4], DataFrame.dataHeader(.number(5), end: false),
            DataFrame.credit(.number(5), 77_777), DataFrame.reset(.number(5), .timedOut),
        ]
        for message in messages {
            for cut in 0...message.count {
                var reader = DataFrameReader()
                let pieces = [message[..<cut], message[cut...], []]
                var frames: [DataFrame] = []
                for (index, piece) in pieces.enumerated() {
                    if let frame = try reader.read(piece, isLast: index == 2) { frames.append(frame) }
                }
                #expect(joined(frames) == frame(message))
                #expect(try reader.read(message[...], isLast: true) == frame(message), "ready for the next")
            }
        }
    }

    /// Data as it would have come in one piece; a single frame of another kind.
    private func joined(_ frames: [DataFrame]) -> DataFrame? {
        var whole: [UInt8] = []
        for (index, frame) in frames.enumerated() {
            guard case .data(let stream, let payload, let end) = frame else { return frames.count == 1 ? frame : nil }
            whole += payload
            if index == frames.count - 1 { return .data(stream, whole[...], end: end) }
            if end { return nil }
        }
        return nil
    }

    @Test func aPieceThatMakesTheMessageNoneIsRefusedAtOnce() {
        for message in [
            DataFrame.dataHeader(.number(1), end: false) + [UInt8](repeating: 0, count: 65_537),
            DataFrame.credit(.number(1), 1) + [0], DataFrame.reset(.number(1), .refused) + [0], [3, 0, 0, 0, 0, 0, 0, 1],
        ] {
            var reader = DataFrameReader()
            #expect(throws: NotADataFrame.self) { try reader.read(message[...], isLast: false) }
        }
    }

    @Test func aSliceFromTheMiddleOfABufferIsReadTheSame() {
        let bytes: [UInt8] = [7, 7, 7, 0, 1, 0, 0, 0, 0, 0, 5, 1, 2, 3, 7]
        #expect(DataFrame(bytes[3..<14]) == .data(.number(5), [1, 2, 3], end: true))
    }

    @Test func unknownFlagsAndReservedBytesMeanNothingYet() {
        #expect(frame([0, 0xfe, 0xff, 0xff, 0, 0, 0, 1, 5]) == .data(.number(1), [5], end: false))
        #expect(frame([0, 0xff, 1, 2, 0, 0, 0, 1]) == .data(.number(1), [], end: true))
    }

    @Test func reasonsFromTheFutureMeanThatItIsOver() {
        for code in [0, 7, 255] as [UInt8] {
            #expect(frame([2, 0, 0, 0, 0, 0, 0, 1, 0, code]) == .reset(.number(1), .cancelled))
        }
        #expect(frame([2, 0, 0, 0, 0, 0, 0, 1, 1, 1]) == .reset(.number(1), .cancelled))
    }

    @Test func truncatedFramesAreNone() {
        for whole in [
            DataFrame.credit(.number(1), 5), DataFrame.reset(.number(1), .refused), DataFrame.dataHeader(.number(1), end: true),
        ] {
            for count in whole.indices where count != 8 || whole[0] != 0 {
                #expect(frame(Array(whole.prefix(count))) == nil, "\(whole.prefix(count))")
            }
            if whole[0] != 0 { #expect(frame(whole + [0]) == nil) }
        }
    }

    @Test func unknownKindsAreNone() {
        for kind in 3...255 { #expect(frame([UInt8(kind), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]) == nil) }
    }

    @Test func aPayloadOfAtMost64KiBIsOne() {
        let header: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1]
        #expect(frame(header + [UInt8](repeating: 1, count: 65_536)) != nil)
        #expect(frame(header + [UInt8](repeating: 1, count: 65_537)) == nil)
    }

    @Test func whateverTheBytesReadingNeverTraps() {
        var random = SplitMix(seed: 5)
        for _ in 0..<5_000 { _ = frame(random.bytes(Int.random(in: 0...20, using: &random))) }
    }
}
