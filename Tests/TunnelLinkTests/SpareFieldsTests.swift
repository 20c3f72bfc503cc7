// What a tunnel keeps of messages that are done with.

import HTTPCodec
import Testing

@testable import TunnelLink

@Suite struct SpareFieldsTests {
    private func session(_ version: TunnelVersion) -> TunnelSession { TunnelSession(.gateway, version: version) }

    @Test func onlySmallFieldsAreKeptAndNotManyOfThem() {
        var session = session(.v2)
        session.recycle(fields(("x", String(repeating: "v", count: 100_000))))
        #expect(session.spareFields.isEmpty)
        for _ in 0..<1_000 { session.recycle(fields(("x", "v"))) }
        #expect(session.spareFields.count == 64)
    }

    @Test func whatNeverReadsHeadsInOnePassKeepsNone() {
        var session = session(.v1)
        session.recycle(fields(("x", "v")))
        #expect(session.spareFields.isEmpty)
    }
}
