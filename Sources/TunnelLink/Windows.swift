// Flow control of one direction of one stream, alone in small structs.
//
// The invariant on both ends: bytes that the receiver holds  <=  capacity. Credit returns only when bytes have left the
// receiver (the final socket took them), never when they were merely parsed, so a slow reader throttles the sender and no
// memory grows. Capacity grows where it is smaller than the path's bandwidth-delay product; TunnelSession has the budget.

import MachineCore

/// What we let the peer send.
public struct ReceiveWindow: Sendable, Hashable {
    /// The most that we hold.
    public private(set) var capacity: Int
    /// What the peer may still send: `0 <= credit`, `credit + held + unannounced == capacity`.
    private var credit: Int
    /// Released, and not yet worth a message.
    private var unannounced = 0

    /// What is here and has not left us.
    var held: Int { capacity - credit - unannounced }

    /// A window in which the peer may send `capacity` bytes at once.
    public init(capacity: Int) {
        self.capacity = max(0, capacity)
        credit = self.capacity
    }

    /// `count` bytes came. False: the peer had no credit for them.
    public mutating func receive(_ count: Int) -> Bool {
        guard count <= credit else { return false }
        credit -= count
        return true
    }

    /// `count` bytes left us. The credit to announce, when half of the window is worth a message; else nil.
    public mutating func release(_ count: Int) -> Int? {
        unannounced += min(count, capacity - credit - unannounced)
        guard unannounced > 0, unannounced >= capacity / 2 else { return nil }
        defer { unannounced = 0 }
        credit += unannounced
        return unannounced
    }

    /// From now on the window holds `count` bytes more, and the peer may send so many more: to be announced.
    mutating func grow(by count: Int) {
        capacity += count
        credit += count
    }
}

/// How fast a window is emptied: the bytes that left since a moment. A sender that waits for credit sends one window in each
/// round trip, so a window that empties in less than two is below the bandwidth-delay product; one that takes longer
/// is not what limits the sender.
struct WindowPace: Sendable, Hashable {
    private var began: Moment?
    private var count = 0

    /// `count` bytes left. The time that it took to empty a whole window, each time that happens.
    mutating func advance(_ count: Int, window: Int, now: Moment) -> Duration? {
        guard let began else {
            self.began = now
            return nil
        }
        self.count += count
        guard self.count >= window else { return nil }
        self.began = now
        self.count = 0
        return now.since(began)
    }
}

/// What the peer lets us send.
public struct SendWindow: Sendable, Hashable {
    /// Bytes that we may send now.
    public private(set) var credit: Int

    /// A window with this much credit at the start.
    public init(credit: Int) { self.credit = max(0, credit) }

    /// The peer grants more. False: more than any window can hold (2^31), which breaks the protocol.
    public mutating func grant(_ count: Int) -> Bool {
        let (sum, overflow) = credit.addingReportingOverflow(count)
        guard !overflow, count >= 0, sum <= Int(Int32.max) else { return false }
        credit = sum
        return true
    }

    /// Takes as much credit as there is, up to `count`.
    public mutating func take(upTo count: Int) -> Int {
        let taken = min(max(0, count), credit)
        credit -= taken
        return taken
    }
}
