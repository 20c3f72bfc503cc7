// libFuzzer's way into `fuzzCertificate` of FuzzBodies: certificates, PEM and pins.
// Decides nothing: the invariant stands in the body, which traps where it does not hold.

import FuzzBodies

/// What libFuzzer calls with each input: `count` bytes at `start` (nil when there are none); 0 means that all is well.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    fuzzCertificate(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
