// Frame headers both ways and the frame decoder alone (RFC 6455 §5.2).

import TestSupport
import Testing
import WireWS

@Suite struct FrameHeaderTests {
    @Test(
        arguments: [
            (0, [0x82, 0x00]), (1, [0x82, 0x01]), (125, [0x82, 0x7d]), (126, [0x82, 0x7e, 0x00, 0x7e]),
            (256, [0x82, 0x7e, 0x01, 0x00]), (65535, [0x82, 0x7e, 0xff, 0xff]),
            (65536, [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]), (Int.max, [0x82, 0x7f, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
            (-1, [0x82, 0x00]),
        ] as [(Int, [UInt8])]) func lengthsAreWrittenInTheirShortestForm(count: Int, expected: [UInt8])
    {
        var bytes: [UInt8] = []
        WSFrameHeader(opcode: .binary, payloadCount: count).encode(into: &bytes)
        #expect(bytes == expected)
    }

    @Test func theKeyFollowsTheLength() {
        var bytes: [UInt8] = [0xff]
        WSFrameHeader(isFinal: false, opcode: .text, mask: WSMask(key: 0x0102_0304), payloadCount: 300).encode(into: &bytes)
        #expect(bytes == [0xff, 0x01, 0xfe, 0x01, 0x2c, 1, 2, 3, 4])
    }

    @Test func whatIsWrittenReadsBack() throws {
        for opcode in WSOpcode.allCases {
            for count in opcode.isControl ? [0, 1, 125] : [0, 1, 125, 126, 127, 65535, 65536, 1 << 20] {
                for mask in [nil, WSMask(key: 0xa1b2_c3d4)] {
                    let header = WSFrameHeader(isFinal: true, opcode: opcode, mask: mask, payloadCount: count)
                    var bytes: [UInt8] = []
                    header.encode(into: &bytes)
                    var decoder = WSFrameDecoder(expectingMask: mask != nil)
                    decoder.receive(bytes[...])
                    #expect(try decoder.next() == .header(header))
                }
            }
        }
    }
}

@Suite struct FrameDecoderTests {
    /// Frames with their payloads joined, and the error that ended them.
    private struct Frames: Equatable {
        var headers: [WSFrameHeader] = []
        var payloads: [[UInt8]] = []
        var ends = 0
        var error: WSError?
    }

    private func decode(_ pieces: [ArraySlice<UInt8>], masked: Bool, limits: WSLimits = .init()) -> Frames {
        var decoder = WSFrameDecoder(expectingMask: masked, limits: limits)
        var frames = Frames()
        for piece in pieces {
            decoder.receive(piece)
            do throws(WSError) {
                while let event = try decoder.next() {
                    switch event {
                    case .header(let header):
                        frames.headers.append(header)
                        frames.payloads.append([])
                    case .payload(let piece):
                        #expect(!piece.isEmpty)
                        frames.payloads[frames.payloads.count - 1] += piece
                    case .end:
                        frames.ends += 1
                    }
                }
            } catch {
                frames.error = error
            }
        }
        return frames
    }

    @Test(arguments: [false, true]) func framesComeOutWholeHoweverTheyAreCut(isMasked: Bool) {
        let key: [UInt8]? = isMasked ? [9, 8, 7, 6] : nil
        let payloads = [[], [1], pattern(125), pattern(126), pattern(300)]
        let bytes = payloads.flatMap { frame(2, $0, key: key) } + frame(0, pattern(5), isFinal: false, key: key)
        let frames = decode([bytes[...]], masked: isMasked)
        #expect(frames.payloads == payloads + [pattern(5)])
        #expect(frames.headers.map(\.payloadCount) == [0, 1, 125, 126, 300, 5])
        #expect(frames.headers.map(\.isFinal) == [true, true, true, true, true, false])
        #expect(frames.headers.last?.opcode == .continuation)
        #expect(frames.headers.allSatisfy { $0.mask == (isMasked ? WSMask(key: 0x0908_0706) : nil) })
        #expect(frames.ends == 6)
        #expect(frames.error == nil)
        #expect(firstDisagreement(over: bytes) { decode($0, masked: isMasked) } == nil)
    }

    /// The errors that one header shows, as a client meets them and, with the mask bit and a key, as a server does.
    static let badHeaders: [([UInt8], WSError)] = [
        ([0xc2, 0x00], .reservedBits), ([0xa2, 0x00], .reservedBits), ([0x92, 0x00], .reservedBits),
        ([0xf3, 0x7f], .reservedBits),
        ([0x83, 0x00], .unknownOpcode(3)), ([0x87, 0x00], .unknownOpcode(7)), ([0x0b, 0x00], .unknownOpcode(11)),
        ([0x8f, 0x7f], .unknownOpcode(15)),
        ([0x08, 0x00], .fragmentedControl), ([0x09, 0x00], .fragmentedControl), ([0x0a, 0x00], .fragmentedControl),
        ([0x88, 0x7e, 0x00, 0x7e], .oversizedControl), ([0x89, 0x7e, 0x00, 0x01], .oversizedControl),
        ([0x8a, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1], .oversizedControl),
        ([0x82, 0x7e, 0x00, 0x00], .overlongLength), ([0x82, 0x7e, 0x00, 0x7d], .overlongLength),
        ([0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0], .overlongLength), ([0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff], .overlongLength),
        ([0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthOutOfRange),
        ([0x82, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255], .lengthOutOfRange),
        ([0x82, 0x7f, 0x7f, 255, 255, 255, 255, 255, 255, 255], .frameTooLarge(UInt64(Int64.max), limit: 65536)),
        ([0x81, 0x7f, 0, 0, 0, 0, 0, 1, 0, 1], .frameTooLarge(65537, limit: 65536)),
        ([0x00, 0x7f, 0, 0, 0, 0, 0, 1, 0, 1], .frameTooLarge(65537, limit: 65536)),
    ]

    @Test(arguments: badHeaders) func aBadHeaderIsRefusedHoweverItIsCut(header: [UInt8], error: WSError) {
        var maskedHeader = header
        maskedHeader[1] |= 0x80
        for (bytes, isMasked) in [(header, false), (maskedHeader + [1, 2, 3, 4], true)] {
            for bytes in [bytes, frame(2, [7], key: isMasked ? [0, 0, 0, 0] : nil) + bytes + [0x82, 0x82, 0x82]] {
                let limits = WSLimits(maximumFrameBytes: 65536)
                #expect(decode([bytes[...]], masked: isMasked, limits: limits).error == error)
                #expect(firstDisagreement(over: bytes) { decode($0, masked: isMasked, limits: limits) } == nil)
            }
        }
    }

    @Test func maskingIsRequiredOfClientsAndRefusedOfServers() {
        let plain = frame(2, [1, 2])
        let hidden = masked(2, [1, 2])
        #expect(decode([plain[...]], masked: true).error == .wrongMask)
        #expect(decode([hidden[...]], masked: false).error == .wrongMask)
        #expect(decode([plain[...]], masked: false).payloads == [[1, 2]])
        #expect(decode([hidden[...]], masked: true).payloads == [[1, 2]])
    }

    @Test func theFrameLimitIsInclusiveAndSparesControlFrames() {
        let limits = WSLimits(maximumFrameBytes: 3)
        #expect(decode([frame(2, [1, 2, 3])[...]], masked: false, limits: limits).payloads == [[1, 2, 3]])
        #expect(decode([frame(2, [1, 2, 3, 4])[...]], masked: false, limits: limits).error == .frameTooLarge(4, limit: 3))
        #expect(decode([frame(9, pattern(125))[...]], masked: false, limits: limits).payloads == [pattern(125)])
        let none = WSLimits(maximumFrameBytes: -1)
        #expect(decode([frame(2, [1])[...]], masked: false, limits: none).error == .frameTooLarge(1, limit: -1))
    }

    @Test func aDeclaredPayloadPassesThroughAsItComes() throws {
        var decoder = WSFrameDecoder(expectingMask: false)
        decoder.receive([0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2])
        #expect(try decoder.next() == .header(WSFrameHeader(opcode: .binary, payloadCount: 1 << 20)))
        #expect(try decoder.next() == .payload([1, 2]))
        #expect(try decoder.next() == nil)
        decoder.receive([3])
        decoder.receive([4, 5])
        #expect(try decoder.next() == .payload([3, 4, 5]))
        #expect(try decoder.next() == nil)
    }

    @Test func afterAnErrorNothingComes() throws {
        var decoder = WSFrameDecoder(expectingMask: false)
        decoder.receive([0xf2, 0x00, 0x82, 0x00])
        #expect(throws: WSError.reservedBits) { try decoder.next() }
        #expect(try decoder.next() == nil)
        decoder.receive([0x82, 0x00])
        #expect(try decoder.next() == nil)
    }
}
