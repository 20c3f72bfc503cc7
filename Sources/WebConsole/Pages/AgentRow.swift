// One agent as a row of the table: `agent.html` has its shape, which `status.js` fills in too. All parts are always there and
// merely hidden or empty, so that a script needs to make none.

struct AgentRow {
    /// The gateway's address, which is left out of what is shown of a web service's.
    let address: String
    let offline: String
    let texts: Texts

    /// The longest text of an agent's own that is shown.
    static let longestText = 200

    init(address: String, texts: Texts) {
        (self.address, self.texts) = (address, texts)
        offline = texts["status.js.offline"] ?? ""
    }

    func values(of agent: AgentView) -> TemplateValues {
        let time = agent.isOnline ? agent.connectedAt : agent.lastSeen ?? agent.connectedAt
        return [
            "id": .text(agent.id), "online": .flag(agent.isOnline), "inspected": .flag(agent.isInspected),
            "status": .text(agent.isOnline ? Self.shortened(agent.status) : offline),
            "tunnels": .text(agent.tunnels > 1 ? "× \(agent.tunnels)" : ""),
            "type": .text(Self.shortened(agent.type)), "host": .text(Self.shortened(agent.host)),
            "model": .text(Self.shortened(agent.model)),
            "web": .text(shown(agent.webURL ?? "")), "webURL": .text(agent.webURL ?? ""),
            "time": .text(UTCTime.text(time)), "timeText": .text(UTCTime.readable(time)),
            "roundTrip": .text(agent.roundTripMilliseconds.map(Figures.milliseconds) ?? ""),
            "requests": .text(Figures.count(agent.requests)), "failures": .text(failures(agent)),
            "bytesIn": .text(Figures.bytes(Double(agent.bytesIn))), "bytesOut": .text(Figures.bytes(Double(agent.bytesOut))),
            "open": .text(agent.isOnline ? Figures.count(UInt64(clamping: agent.openStreams)) : ""),
        ]
    }

    private func failures(_ agent: AgentView) -> String {
        guard agent.failures > 0 else { return "" }
        return texts.text("status.js.failures", ["count": Figures.count(agent.failures)])
    }

    /// An address without what this gateway's page need not repeat.
    private func shown(_ url: String) -> String {
        if url.hasPrefix(address), url.utf8.count > address.utf8.count { return String(url.dropFirst(address.count)) }
        for scheme in ["http://", "https://"] where url.hasPrefix(scheme) { return String(url.dropFirst(scheme.count)) }
        return url
    }

    /// The first characters of a text that can be as long as an agent likes.
    static func shortened(_ text: String) -> String {
        guard text.utf8.count > longestText else { return text }
        let scalars = text.unicodeScalars.prefix(longestText + 1)
        return scalars.count > longestText ? String(String.UnicodeScalarView(scalars.dropLast())) + "…" : text
    }
}
