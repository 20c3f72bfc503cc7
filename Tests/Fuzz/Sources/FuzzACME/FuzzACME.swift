// libFuzzer's way into `fuzzACME` of FuzzBodies: the responses of a CA to an ACME client.
// Decides nothing: the invariant stands in the body, which traps where it does not hold.

import FuzzBodies

/// What libFuzzer calls with each input: `count` bytes at `start` (nil when there are none); 0 means that all is well.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    fuzzACME(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
