// The framing of one response after another on a visitor's connection (RFC 9112 §6.3), and how long nothing may be sent while
// one is on its way.

import HTTPCodec

struct ResponseWriter {
    private var encoder = HTTPBodyEncoder(.none)
    /// A response from elsewhere is on its way.
    private(set) var isUnderWay = false
    /// How long nothing may be sent while it is; nil: as long as it takes.
    var quietLimit: Duration?

    /// How the body is framed.
    var framing: HTTPBodyFraming { encoder.framing }

    /// The head is out, and its body is framed so.
    mutating func begin(_ framing: HTTPBodyFraming) {
        encoder = HTTPBodyEncoder(framing)
        isUnderWay = true
    }

    /// Appends bytes of the body in their framing; false, and nothing is appended: more than was declared.
    mutating func write(_ bytes: ArraySlice<UInt8>, to output: inout [UInt8]) -> Bool {
        do { try encoder.encode(bytes, into: &output) } catch { return false }
        return true
    }

    /// Appends what stands before `count` bytes of the body; false, and nothing is appended: more than was declared.
    mutating func writePrefix(_ count: Int, to output: inout [UInt8]) -> Bool {
        do { try encoder.encodePrefix(count, into: &output) } catch { return false }
        return true
    }

    /// Appends what stands behind a piece of the body.
    mutating func writeSuffix(to output: inout [UInt8]) { encoder.encodeSuffix(into: &output) }

    /// Appends what ends the body; false, and nothing is appended: less than was declared came.
    mutating func finish(_ trailers: HTTPFields, to output: inout [UInt8]) -> Bool {
        do { try encoder.finish(trailers: trailers, into: &output) } catch { return false }
        return true
    }

    /// It is out; the next one may come.
    mutating func end() {
        isUnderWay = false
        quietLimit = nil
    }
}
