// One agent as a row of the table: `agent.html` has its shape, which `status.js` fills in too. All parts are always there,
// hidden or empty, so that a script needs to make none.

import Primitives

struct AgentRow {
    /// The gateway's address, which is left out of what is shown of a web service's.
    let address: String
    let offline: String
    let lastSeen: String

    /// The longest text of an agent's own that is shown.
    static let longestText = 200

    init(address: String, texts: Texts) {
        self.address = address
        (offline, lastSeen) = (texts.text("status.js.offline"), texts.text("status.js.lastSeen"))
    }

    func values(of agent: AgentView) -> TemplateValues {
        let time = UTCTime.text(agent.isOnline ? agent.connectedAt : agent.lastSeen ?? agent.connectedAt)
        return [
            "id": .text(agent.id), "online": .flag(agent.isOnline), "inspected": .flag(agent.isInspected),
            "status": .text(agent.isOnline ? Self.shortened(agent.status) : offline),
            "tunnels": .text(agent.tunnels > 1 ? "× \(agent.tunnels)" : ""),
            "type": .text(Self.shortened(agent.type)), "host": .text(Self.shortened(agent.host)),
            "model": .text(Self.shortened(agent.model)),
            "web": .text(shown(agent.webURL ?? "")), "webURL": .text(link(agent.webURL ?? "")),
            "lastSeen": .text(agent.isOnline ? "" : lastSeen), "time": .text(time), "timeText": .text(UTCTime.readable(time)),
            "roundTrip": .text(agent.roundTripMilliseconds.map(Figures.milliseconds) ?? ""),
            "requests": .text(Figures.count(agent.requests)),
            "failures": .text(agent.failures > 0 ? Figures.count(agent.failures) : ""),
            "bytesIn": .text(Figures.bytes(Double(agent.bytesIn))), "bytesOut": .text(Figures.bytes(Double(agent.bytesOut))),
            "open": .text(agent.isOnline ? Figures.count(UInt64(clamping: agent.openStreams)) : ""),
        ]
    }

    /// An address as a link: only its path if it is on this gateway.
    private func link(_ url: String) -> String {
        url.hasPrefix(address) && url.utf8.dropFirst(address.utf8.count).first == UInt8(ascii: "/")
            ? String(url.dropFirst(address.count)) : url
    }

    /// What is shown of an address: no scheme, and no host if that is the gateway's.
    private func shown(_ url: String) -> String {
        for scheme in ["http://", "https://"] where url.hasPrefix(scheme) && url == link(url) {
            return String(url.dropFirst(scheme.count))
        }
        return link(url)
    }

    /// The first characters of a text that can be as long as an agent likes.
    static func shortened(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        let scalars = text.unicodeScalars.prefix(longestText + 1)
        return scalars.count > longestText ? String(String.UnicodeScalarView(scalars.dropLast())) + "…" : text
    }
}
