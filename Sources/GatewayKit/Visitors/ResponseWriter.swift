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

    /// What stands before and behind `count` bytes of the body; nil: more than was declared.
    @inline(__always) mutating func frame(_ count: Int) -> (prefix: [UInt8], suffix: [UInt8])? {
        var (prefix, suffix) = ([UInt8](), [UInt8]())
        do { try encoder.encodePrefix(count, into: &prefix) } catch { return nil }
        encoder.encodeSuffix(into: &suffix)
        return (prefix, suffix)
    }

    /// What ends the body; nil: less than was declared came.
    mutating func finish(_ trailers: HTTPFields) -> [UInt8]? {
        var bytes: [UInt8] = []
        do { try encoder.finish(trailers: trailers, into: &bytes) } catch { return nil }
        return bytes
    }

    /// It is out; the next one may come.
    mutating func end() {
        isUnderWay = false
        quietLimit = nil
    }
}
