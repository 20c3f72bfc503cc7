// The status page's data as JSON, for programs and for its own script: described in openapi.json, which a test compares with
// what is written here.

import Primitives
import RPCCore
import WebConsole

extension AgentView {
    /// `webEntry` is the path of its web service beneath the prefix; nil: paths lead to none.
    func write(to writer: inout JSONWriter, pathPrefix: String?) {
        writer.beginObject()
        writeTexts(to: &writer, pathPrefix: pathPrefix)
        writer.name("roundTripMs")
        if let roundTripMilliseconds { writer.double(roundTripMilliseconds) } else { writer.null() }
        writer.name("online")
        writer.bool(isOnline)
        writer.name("inspected")
        writer.bool(isInspected)
        let numbers: [(StaticString, UInt64)] = [
            ("tunnels", UInt64(clamping: tunnels)), ("requests", requests), ("failures", failures), ("bytesIn", bytesIn),
            ("bytesOut", bytesOut), ("openStreams", UInt64(clamping: openStreams)),
        ]
        for (name, value) in numbers {
            writer.name(name)
            writer.unsigned(value)
        }
        writer.endObject()
    }

    private func writeTexts(to writer: inout JSONWriter, pathPrefix: String?) {
        let texts: [(StaticString, String?)] = [
            ("agentId", id), ("status", isOnline ? status : "offline"), ("type", type), ("host", host), ("model", model),
            ("version", version), ("remoteAddress", remoteAddress), ("connectedAt", UTCTime.text(connectedAt)),
            ("lastSeen", lastSeen.map { UTCTime.text($0) }),
            ("webEntry", webURL.flatMap { _ in pathPrefix.map { "\($0)/\(id)/" } }),
            ("webUrl", webURL),
        ]
        for (name, value) in texts {
            writer.name(name)
            if let value { writer.string(value) } else { writer.null() }
        }
    }
}

extension GatewaySummary {
    /// The members that say how many there are; the object is the caller's.
    func write(to writer: inout JSONWriter) {
        let counts: [(StaticString, Int)] = [("connected", agentsOnline), ("webServices", webServices), ("known", agentsKnown)]
        for (name, value) in counts {
            writer.name(name)
            writer.integer(value)
        }
    }
}

extension SeriesView {
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("secondsPerPoint")
        writer.integer(secondsPerPoint)
        writer.name("end")
        writer.integer(end)
        let rows: [(StaticString, [Double?])] = [
            ("requestsPerSecond", requestsPerSecond), ("p50Ms", p50Milliseconds), ("p99Ms", p99Milliseconds),
            ("bytesInPerSecond", bytesInPerSecond), ("bytesOutPerSecond", bytesOutPerSecond),
        ]
        for (name, row) in rows {
            writer.name(name)
            writer.beginArray()
            for value in row { writer.thousandths(value) }
            writer.endArray()
        }
        writer.endObject()
        return writer.finish()
    }
}

extension JSONWriter {
    /// A measured number, with no more digits than it deserves.
    mutating func thousandths(_ value: Double?) {
        guard let value else { return null() }
        let rounded = (value * 1_000).rounded() / 1_000
        if let whole = Int64(exactly: rounded) { integer(whole) } else { double(rounded) }
    }
}
