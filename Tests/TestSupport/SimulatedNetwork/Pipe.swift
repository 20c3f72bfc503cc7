// One direction of a connection between two machines: what was written waits, travels, arrives, and is read, within the bounds
// of a real socket.
//
// Invariant: travelling + arrived <= `kernelBytes`, as send and receive buffers have it; the rest waits at the writer.

import MachineCore

struct Pipe {
    /// Written and not yet taken by the "kernel".
    private var waiting: [UInt8] = []
    private var waitingStart = 0
    private var travelling: [(arrival: UInt64, bytes: ArraySlice<UInt8>)] = []
    private var arrived: [UInt8] = []
    /// Nothing will be written any more.
    var isFinished = false
    /// The reader was told so.
    var isEOFDelivered = false
    /// The reader is gone: whatever is written vanishes.
    var discards = false

    var waitingCount: Int { waiting.count - waitingStart }
    private var travellingCount: Int { travelling.reduce(0) { $0 + $1.bytes.count } }
    var isDrained: Bool { waitingCount == 0 && travelling.isEmpty && arrived.isEmpty }

    mutating func write(_ bytes: ArraySlice<UInt8>) { waiting.append(contentsOf: bytes) }

    /// Moves up to `budget` bytes into the kernel; how many it took.
    mutating func send(budget: Int, kernelBytes: Int, arrival: UInt64) -> Int {
        let room = discards ? Int.max : kernelBytes - travellingCount - arrived.count
        let count = min(budget, waitingCount, max(0, room))
        guard count > 0 else { return 0 }
        // A copy: a slice would make the next write copy all that waits.
        if !discards { travelling.append((arrival, Array(waiting[waitingStart..<(waitingStart + count)])[...])) }
        waitingStart += count
        if waitingStart == waiting.count {
            waiting = []
            waitingStart = 0
        } else if waitingStart > 1 << 20 {
            waiting.removeSubrange(..<waitingStart)
            waitingStart = 0
        }
        return count
    }

    mutating func arrive(now: UInt64) {
        while let first = travelling.first, first.arrival <= now {
            arrived.append(contentsOf: first.bytes)
            travelling.removeFirst()
        }
    }

    /// What the reader reads now, at most `limit` bytes.
    mutating func read(limit: Int) -> ArraySlice<UInt8>? {
        guard !arrived.isEmpty else { return nil }
        let bytes = arrived.prefix(limit)
        arrived.removeFirst(bytes.count)
        return ArraySlice(Array(bytes))
    }

    mutating func dropEverything() { self = Pipe() }
}
