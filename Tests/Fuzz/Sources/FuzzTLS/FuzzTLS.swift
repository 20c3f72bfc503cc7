// libFuzzer's way into `fuzzTLS` of FuzzBodies: what a peer may send.
// Decides nothing: the invariant stands in the body, which traps where it does not hold.

import FuzzBodies

/// What libFuzzer calls with each input: `count` bytes at `start` (nil when there are none); 0 means that all is well.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    fuzzTLS(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
