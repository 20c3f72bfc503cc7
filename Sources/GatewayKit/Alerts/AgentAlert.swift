// The alert about an agent that was away for longer than a short interruption, or that came back after such an alert.

import Primitives
import RPCCore
import SettingsCore

/// When an alert says that an agent is gone.
public struct OfflineAlertConfiguration: Sendable, Hashable {
    /// Where to: an address for an HTTP POST. It may hold a secret and is never logged.
    public var url: String
    /// How long an agent must have been away: a shorter interruption causes no alert.
    public var after = Duration.seconds(30)

    /// Tells `url` after half a minute.
    public init(url: String) { self.url = url }

    /// From the settings `onAgentOffline`; nil if they name no address.
    init?(from reader: inout SettingsReader) {
        let path = "onAgentOffline."
        self.init(url: "")
        let url = reader.read(
            Setting.text(
                path + "url",
                "An address that is told, by a POST of JSON with a `text` that chat systems show, when an agent is gone and when it is"
                    + " back; sent by `curl`, with retries."
            ).checked(Self.problem).onReload(.restart))
        reader.read(
            .milliseconds(path + "afterMs", in: 0...86_400_000, "How long an agent must have been gone."), into: &after)
        if reader.exists(path + "afterMs"), !reader.exists(path + "url") {
            reader.problem(path + "afterMs", "needs onAgentOffline.url")
        }
        guard let url else { return nil }
        self.url = url
    }

    private static func problem(_ url: String) -> String? {
        let isLegal = url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f } && (url.hasPrefix("http://") || url.hasPrefix("https://"))
        return isLegal ? nil : "must be an address that begins with http:// or https://"
    }
}

/// An agent that is gone, or here again.
public struct AgentAlert: Sendable, Hashable {
    /// What happened.
    public enum Event: String, Sendable, Hashable {
        /// It has been away for as long as was set.
        case offline = "agent.offline"
        /// It is back after such an alert.
        case online = "agent.online"
    }

    /// What happened.
    public var event: Event
    /// What is known of the agent.
    public var record: AgentRecord

    /// The body of one message about these alerts: `text` is for people and chat systems, the rest for programs.
    public static func message(_ alerts: [AgentAlert], gateway: String?, at unixSeconds: Int64) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("text")
        writer.string(alerts.map(\.sentence).joined(separator: "\n"))
        writer.name("at")
        writer.string(UTCTime.text(unixSeconds))
        writer.name("gateway")
        if let gateway { writer.string(gateway) } else { writer.null() }
        writer.name("events")
        writer.beginArray()
        for alert in alerts { alert.write(to: &writer) }
        writer.endArray()
        writer.endObject()
        return writer.finish()
    }

    private var sentence: String {
        let id = record.description.agentID
        switch event {
        case .offline: return "Agent \(id) is offline\(record.lastSeen.map { " since \(UTCTime.text($0))" } ?? "")."
        case .online: return "Agent \(id) is back."
        }
    }

    private func write(to writer: inout JSONWriter) {
        writer.beginObject()
        let texts: [(StaticString, String?)] = [
            ("event", event.rawValue), ("agentId", record.description.agentID), ("type", record.description.type),
            ("host", record.description.host), ("model", record.description.model), ("remoteAddress", record.remoteAddress),
            ("connectedAt", UTCTime.text(record.connectedAt)), ("lastSeen", record.lastSeen.map { UTCTime.text($0) }),
        ]
        for (name, value) in texts {
            writer.name(name)
            if let value { writer.string(value) } else { writer.null() }
        }
        writer.endObject()
    }
}
