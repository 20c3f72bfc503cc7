// Where settings come from: a file of JSON with comments, environment variables, and flags of the command line, as plain
// values that the daemon gathers. Nothing here reads a file or the environment. A flag overrides a variable, a variable
// overrides the file, and all of them the default, which only the reader's caller knows.

/// A flag of the command line that stands for a setting.
public struct SettingsFlag: Sendable, Hashable {
    /// The flag as it was written, such as `--port`: problems name it.
    public var name: String
    /// The setting that it gives, such as `port`.
    public var path: String
    /// The text that was given.
    public var value: String

    /// The flag `name`, which gives the setting `path`.
    public init(name: String, path: String, value: String) {
        self.name = name
        self.path = path
        self.value = value
    }
}

/// Everything that settings are read from.
public struct SettingsSource: Sendable {
    /// The file's name, for problems, and its bytes; nil if there is none.
    public var file: (name: String, text: [UInt8])?
    /// The environment; an empty variable counts as one that is not set, but for those that hold a token.
    public var environment: [String: String]
    /// How the names of our variables begin. `channels.webService.timeoutMs` is `MIAGENT_CHANNELS_WEB_SERVICE_TIMEOUT_MS`.
    public var environmentPrefix: String
    /// Variables that begin so and are not settings, such as `MIAGENT_CONFIG`: any other unknown one is a problem.
    public var ignoredEnvironment: [String]
    /// A program whose variables may stand in the same environment.
    public var otherProgram: OtherProgram?
    /// The flags, in the order of the command line.
    public var flags: [SettingsFlag]

    /// A source of these layers.
    public init(
        file: (name: String, text: [UInt8])? = nil, environment: [String: String] = [:],
        environmentPrefix: String = "MIAGENT_", ignoredEnvironment: [String] = [], otherProgram: OtherProgram? = nil,
        flags: [SettingsFlag] = []
    ) {
        self.file = file
        self.environment = environment
        self.environmentPrefix = environmentPrefix
        self.ignoredEnvironment = ignoredEnvironment
        self.otherProgram = otherProgram
        self.flags = flags
    }

    /// The variable that gives the setting `path`: words parted by `_`, in capitals.
    public func environmentName(ofPath path: String) -> String {
        var name = environmentPrefix
        var previous: Character = "_"
        let characters = Array(path)
        for (index, character) in characters.enumerated() {
            let isLetterOrDigit = character.isASCII && (character.isLetter || character.isNumber)
            let next = index + 1 < characters.count ? characters[index + 1] : "_"
            // A word begins at a capital after a small letter or digit, and at the last capital of several: HTTPPort.
            let beginsWord = character.isUppercase && (!previous.isUppercase || next.isLowercase)
            if beginsWord, previous != "_" { name.append("_") }
            let written = isLetterOrDigit ? character : "_"
            name += written.uppercased()
            previous = written
        }
        return name
    }
}
