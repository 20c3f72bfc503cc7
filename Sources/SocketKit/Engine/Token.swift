// What the poller hands back with each event. Connections are their id; the few other descriptors have numbers whose low half
// no slot ever reaches (a table of two thousand million connections fits no machine).

import MachineCore

/// What a poller's token stands for.
enum Token {
    /// A connection, or an earlier one of its slot.
    case connection(ConnectionID)
    /// The listener with this index.
    case listener(Int)
    /// Another thread left messages.
    case waker
    /// A signal arrived.
    case signals

    /// The token of the waker's descriptor.
    static let ofWaker: UInt64 = 0xffff_ffff
    /// The token of the signals' pipe.
    static let ofSignals: UInt64 = 0xffff_fffe
    private static let listenerBit: UInt64 = 0x8000_0000

    /// The token of a listener.
    static func ofListener(_ index: Int) -> UInt64 { listenerBit | UInt64(truncatingIfNeeded: index) }

    /// What `token` stands for.
    init(_ token: UInt64) {
        if token & Self.listenerBit == 0 {
            self = .connection(ConnectionID(rawValue: token))
        } else if token == Self.ofWaker {
            self = .waker
        } else if token == Self.ofSignals {
            self = .signals
        } else {
            self = .listener(Int(truncatingIfNeeded: token & (Self.listenerBit - 1)))
        }
    }
}
