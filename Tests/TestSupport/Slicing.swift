// Every way to cut a byte sequence that has ever found a bug in an incremental decoder, in one place.

/// How `bytes` may arrive: whole, byte by byte, split in two at each point, and in short runs of uneven length.
/// Sequences longer than `exhaustiveLimit` are split at a sample of points that includes both ends.
public func slicings(of bytes: [UInt8], exhaustiveLimit: Int = 600) -> [[ArraySlice<UInt8>]] {
    var ways: [[ArraySlice<UInt8>]] = [[bytes[...]], bytes.indices.map { bytes[$0...$0] }]
    let step = max(1, bytes.count / exhaustiveLimit)
    var cuts = Array(stride(from: 1, to: bytes.count, by: step))
    if step > 1, bytes.count > 1 { cuts.append(bytes.count - 1) }
    for cut in cuts { ways.append([bytes[..<cut], bytes[cut...]]) }
    for run in [2, 3, 7, 64] where run < bytes.count {
        ways.append(stride(from: 0, to: bytes.count, by: run).map { bytes[$0..<min($0 + run, bytes.count)] })
    }
    return ways
}

/// What `decode` makes of `bytes`, however they are cut: the first result that differs from that of the whole sequence,
/// with the pieces that led to it, or nil if all agree. `decode` starts afresh for each way.
public func firstDisagreement<Result: Equatable>(
    over bytes: [UInt8], exhaustiveLimit: Int = 600, decode: ([ArraySlice<UInt8>]) -> Result
) -> (pieces: [Int], expected: Result, actual: Result)? {
    let ways = slicings(of: bytes, exhaustiveLimit: exhaustiveLimit)
    guard let whole = ways.first else { return nil }
    let expected = decode(whole)
    for way in ways.dropFirst() {
        let actual = decode(way)
        if actual != expected { return (way.map(\.count), expected, actual) }
    }
    return nil
}
