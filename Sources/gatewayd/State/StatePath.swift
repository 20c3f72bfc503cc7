// Where the gateway keeps what must outlast it: certificates and their account, and tokens that it has made. Only a gateway
// that has something to keep needs the folder.

enum StatePath {
    /// What holds without the setting, for people.
    static let defaultText = "`$STATE_DIRECTORY`, else `/var/lib/miagent` for root and `~/.local/state/miagent` for others"

    /// The folder without the setting: that of the service manager, else the usual place of the user (XDG Base Directory
    /// Specification); nil: there is none.
    static func standard(_ environment: [String: String], isRoot: Bool) -> String? {
        // Of several, the first (systemd.exec(5)).
        if let managed = environment["STATE_DIRECTORY"]?.split(separator: ":").first { return String(managed) }
        if isRoot { return "/var/lib/miagent" }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/miagent" }
        return environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 + "/.local/state/miagent" : nil }
    }
}
