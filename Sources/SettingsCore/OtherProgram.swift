// The settings of both daemons, by path, so that each knows the other's: one `.env` may serve both, and a key that belongs to
// the other says so. The lists are in SettingPaths, which `.ci/generate` makes anew; what stands beneath a free name
// (`agents.{id}`) has no variable and is not in them.

/// A program beside which settings are read: its variables in a common environment are none of our business, and no mistake.
public struct OtherProgram: Sendable, Hashable {
    /// What it is called.
    public var name: String
    /// The paths of its settings.
    public var paths: [String]

    /// The program `name`, which has settings at `paths`.
    public init(name: String, paths: [String]) {
        self.name = name
        self.paths = paths
    }

    /// The public end.
    public static let gatewayd = OtherProgram(name: "gatewayd", list: gatewaydPaths)

    /// The private end.
    public static let agentd = OtherProgram(name: "agentd", list: agentdPaths)

    /// The program `name`, which has settings at the paths in `list`, one a line.
    private init(name: String, list: String) {
        self.init(name: name, paths: list.split(separator: "\n").map { String($0) })
    }
}
