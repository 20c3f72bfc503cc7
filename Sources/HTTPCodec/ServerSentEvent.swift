// Server-sent events (WHATWG HTML §9.2) as both daemons write them: a name, and one line of JSON.

/// Events for those who watch.
public enum ServerSentEvent {
    /// The event of this name; `json` holds no line feed, as all JSON that is written here.
    public static func bytes(_ name: String, _ json: [UInt8]) -> [UInt8] {
        Array("event: \(name)\ndata: ".utf8) + json + Array("\n\n".utf8)
    }

    /// What every reader ignores: it keeps a quiet connection open.
    public static let comment = Array(":\n\n".utf8)

    /// For one that was not told everything: look again.
    public static let resync = bytes("resync", Array("{}".utf8))
}
