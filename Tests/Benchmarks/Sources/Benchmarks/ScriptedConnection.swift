// How far one connection between a machine and the script has got. Messages are told by their length: a machine may change the
// fields of a head, but not the body.

struct ScriptedConnection {
    var isNew = true
    var isReading = true
    /// The beginning of the message that the machine wrote last.
    private(set) var firstBytes: [UInt8] = []
    private var said = Int.max
    private var expected = 0
    private var taken = 0

    /// The script begins its message.
    mutating func begin() { said = 0 }

    /// The next bytes of the script's message, if any are left.
    mutating func next(of message: [UInt8], _ limit: Int) -> ArraySlice<UInt8>? {
        guard said < message.count else { return nil }
        let start = said
        said = min(start + limit, message.count)
        return message[start..<said]
    }

    /// The machine wrote this, which is part of its form of `message`; whether that is whole now.
    mutating func took(_ bytes: ArraySlice<UInt8>, of message: [UInt8]) -> Bool {
        if taken == 0 {
            expected = Self.headCount(bytes) + message.count - Self.headCount(message[...])
            firstBytes.removeAll(keepingCapacity: true)
            firstBytes += bytes.prefix(32)
        }
        taken += bytes.count
        guard taken >= expected else { return false }
        taken = 0
        return true
    }

    private static func headCount(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { bytes in
            var index = 3
            while index < bytes.count {
                if bytes[index] == 10, bytes[index - 2] == 10 { return index + 1 }
                index += 1
            }
            return bytes.count
        }
    }
}
