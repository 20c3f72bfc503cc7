// What ties one request's lines together, in our logs and in others' (`X-Request-ID`): a visitor's own if it is harmless, else
// one of ours. Ids need not be secret: they are a count, stirred so that those of other loops and other starts differ.

import HTTPCodec
import MachineCore

/// Makes ids for requests.
struct RequestIDs: Sendable {
    private var state: UInt64

    /// The ids of one loop since one start.
    init(_ clock: WallClock, loop: Int) {
        state = UInt64(bitPattern: clock.unixNanosecondsAtZero) &+ UInt64(truncatingIfNeeded: loop) &* 0xd1b5_4a32_d192_ed03
    }

    /// The id that `fields` bring along, or a new one: 13 letters and digits, which a string holds without an allocation.
    mutating func id(for fields: HTTPFields) -> String {
        if let given = fields.first(.xRequestID), Self.isHarmless(given) { return String(decoding: given, as: UTF8.self) }
        // SplitMix64: each count has a number of its own, and consecutive ones look nothing alike.
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        mixed ^= mixed >> 31
        return String(unsafeUninitializedCapacity: 13) { bytes in
            for index in 0..<13 {
                let digit = UInt8(truncatingIfNeeded: mixed & 31)
                bytes[index] = digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
                mixed >>= 5
            }
            return 13
        }
    }

    /// At most 128 letters, digits and `-_.:/+=@`: it can stand in any log as it is.
    private static func isHarmless(_ id: ArraySlice<UInt8>) -> Bool {
        (1...128).contains(id.count)
            && id.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "-")...UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "="),
                    UInt8(ascii: "@"):
                    true
                default: false
                }
            }
    }
}
