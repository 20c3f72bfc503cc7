// The arguments of a command line, as data: what a program accepts, what it was given, and what was wrong with it.
// Errors name options, never the values given to them: a value may be a token.

/// One option that a program accepts.
public struct CommandLineOption: Sendable, Hashable {
    /// The long name with its dashes, such as `--port`.
    public var name: String
    /// The short name with its dash, such as `-p`, if there is one: a dash and one character.
    public var short: String?
    /// What its value is called in the help, such as `PORT`; nil makes it a switch, which takes no value.
    public var valueName: String?
    /// The setting that it overrides, such as `channels.webService.timeoutMs`, if it stands for one.
    public var settingsPath: String?
    /// Whether it may stand without its value; then a value is given as `--name=value` alone.
    public var isValueOptional: Bool
    /// Whether it may be given more than once. A switch always may; any other option is refused the second time.
    public var isRepeatable: Bool
    /// A sentence for the help.
    public var help: String

    /// An option; without `valueName` it is a switch.
    public init(
        name: String, short: String? = nil, valueName: String? = nil, settingsPath: String? = nil,
        isValueOptional: Bool = false, isRepeatable: Bool = false, help: String
    ) {
        self.name = name
        self.short = short
        self.valueName = valueName
        self.settingsPath = settingsPath
        self.isValueOptional = isValueOptional
        self.isRepeatable = isRepeatable
        self.help = help
    }
}

/// The arguments that stand beside the options.
public struct CommandLinePositional: Sendable, Hashable {
    /// What such an argument is called in the help, such as `FILE`.
    public var valueName: String
    /// How many there may be.
    public var count: ClosedRange<Int>
    /// A sentence for the help.
    public var help: String

    /// Arguments called `valueName`; `count` of them.
    public init(valueName: String, count: ClosedRange<Int>, help: String) {
        self.valueName = valueName
        self.count = count
        self.help = help
    }
}

/// Why a command line was refused. Its description is one sentence, for standard error.
public enum CommandLineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// No option is called so; `nearest` is one that nearly is.
    case unknownOption(String, nearest: String?)
    /// What people write for something that is said otherwise here.
    case misnomer(String, advice: String)
    /// The option was the last argument, or another option followed at once.
    case missingValue(option: String, valueName: String)
    /// A switch was given a value, as in `--verbose=yes`.
    case unexpectedValue(option: String)
    /// An option with one value was given twice.
    case repeatedOption(String)
    /// An argument too many stands beside the options.
    case unexpectedArgument(String, advice: String? = nil)
    /// An argument is missing beside the options.
    case missingArgument(valueName: String)

    /// The sentence for the user.
    public var description: String {
        switch self {
        case .unknownOption(let name, let nearest):
            nearest.map { "unknown option \(name); did you mean \($0)?" } ?? "unknown option \(name)"
        case .misnomer(let name, let advice): "unknown option \(name); \(advice)"
        case .missingValue(let option, let valueName): "\(option) needs a value: \(option) \(valueName)"
        case .unexpectedValue(let option): "\(option) takes no value"
        case .repeatedOption(let option): "\(option) was given more than once"
        case .unexpectedArgument(let argument, let advice):
            "unexpected argument \"\(argument)\"" + (advice.map { "; \($0)" } ?? "")
        case .missingArgument(let valueName): "\(valueName) is missing"
        }
    }
}

/// What a command line said.
public struct ParsedCommandLine: Sendable, Hashable {
    /// The arguments beside the options, in order.
    public internal(set) var positionals: [String] = []
    var occurrences: [Occurrence] = []

    /// One option as it was given; `value` is nil for a switch.
    struct Occurrence: Sendable, Hashable {
        var option: CommandLineOption
        var value: String?
    }

    /// Whether the option with this long name was given, in either form.
    public func has(_ name: String) -> Bool {
        occurrences.contains { $0.option.name == name }
    }

    /// The value of the option with this long name: the last, if it was given more than once.
    public func value(_ name: String) -> String? {
        occurrences.last { $0.option.name == name }?.value
    }

    /// All values of the option with this long name, in order.
    public func values(_ name: String) -> [String] {
        occurrences.filter { $0.option.name == name }.compactMap(\.value)
    }

    /// The options that stand for a setting, in order: for a switch the value is `true`.
    public var settings: [(flag: String, path: String, value: String)] {
        occurrences.compactMap { occurrence in
            occurrence.option.settingsPath.map { (occurrence.option.name, $0, occurrence.value ?? "true") }
        }
    }
}
