// The buffer of a visitor's output: who has it when, and how much of it is kept.

import Testing

@testable import GatewayKit

@Suite struct VisitorOutputTests {
    private func append(_ count: Int, _ byte: UInt8, isAllWritten: Bool, to output: inout VisitorOutput) {
        let (result, added) = output.append(isAllWritten: isAllWritten) {
            $0.append(contentsOf: repeatElement(byte, count: count))
            return true
        }
        #expect(result && added == count)
    }

    @Test func whatTheTransportHasDoesNotChange() {
        var output = VisitorOutput()
        #expect(output.isEmpty && output.lend() == nil)
        append(100, 1, isAllWritten: true, to: &output)
        append(100, 2, isAllWritten: false, to: &output)
        let lent = output.lend()
        #expect(lent == (Array(repeating: 1, count: 100) + Array(repeating: 2, count: 100))[...])
        #expect(output.isEmpty && output.lend() == nil)
        for isAllWritten in [false, true] {
            append(300, 3, isAllWritten: isAllWritten, to: &output)
            #expect(output.lend() == Array(repeating: 3, count: 300)[...])
            #expect(lent?.count == 200 && lent?.first == 1 && lent?.last == 2)
        }
    }

    @Test(arguments: [(1_000, true), (100_000, false)])
    func onlyASmallBufferIsKept(count: Int, isKept: Bool) {
        var output = VisitorOutput()
        append(count, 1, isAllWritten: true, to: &output)
        _ = output.lend()
        output.allWritten()
        #expect(output.heldByteCount <= 4_096 && (output.heldByteCount >= count) == isKept)
    }

    @Test func whatWaitsIsNeverDropped() {
        var output = VisitorOutput()
        append(100_000, 1, isAllWritten: true, to: &output)
        output.allWritten()
        #expect(output.lend()?.count == 100_000)
    }
}
