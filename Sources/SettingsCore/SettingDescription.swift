// What is known of a setting before it is read, as plain values: what the documents, the schema for editors and the tests are
// made of.

import RPCCore

/// One setting, described.
public struct SettingDescription: Sendable, Hashable {
    /// Where it stands; a free name is shown by what it stands for, as in `agents.{id}.token`.
    public internal(set) var path: String
    /// What its value may be.
    public internal(set) var form: SettingForm
    /// What its number counts, if that is not things.
    public internal(set) var unit: SettingUnit?
    /// What holds without it.
    public internal(set) var defaultValue = SettingDefault.none
    /// What becomes of a change when the settings are read again.
    public internal(set) var reload = SettingReload.applies
    /// What it is for, in a sentence or two.
    public internal(set) var meaning: String
    /// What happens beyond it, if it is a limit.
    public internal(set) var beyond: String?
    /// The environment variable that gives it; nil for what stands beneath a free name.
    public internal(set) var variable: String?
    /// The options of the command line that give it, such as `--port` and `-p`.
    public internal(set) var options: [String] = []

    init(path: String, form: SettingForm, unit: SettingUnit?, meaning: String) {
        self.path = path
        self.form = form
        self.unit = unit
        self.meaning = meaning
    }
}

/// What the value of a setting may be.
public enum SettingForm: Sendable, Hashable {
    /// Text.
    case text
    /// A text, or a list of them.
    case texts
    /// A whole number within these bounds.
    case integer(ClosedRange<Int>)
    /// True or false.
    case flag
    /// One of these texts.
    case choice([String])
    /// A token.
    case token
    /// A token, or a list of them.
    case tokens
    /// The name of a file.
    case file
}

/// What the number of a setting counts.
public enum SettingUnit: String, Sendable, Hashable {
    /// Bytes.
    case bytes
    /// Mebibytes: 1,048,576 bytes.
    case mebibytes = "MiB"
    /// Milliseconds.
    case milliseconds = "ms"
    /// Seconds.
    case seconds = "s"
    /// Hours.
    case hours
}

/// What holds without a setting.
public enum SettingDefault: Sendable, Hashable {
    /// Nothing that could be written.
    case none
    /// This value, as a file would hold it.
    case value(JSONValue)
    /// Something that is no constant, as people are told.
    case text(String)
}

/// What becomes of a changed setting when a running program reads its settings again (SIGHUP).
public enum SettingReload: Sendable, Hashable {
    /// It holds from then on.
    case applies
    /// It holds from the next connection to the gateway on.
    case nextConnection
    /// It takes a new connection to the gateway, which is made at once and ends what is under way.
    case reconnects
    /// Nothing: the program must be started again.
    case restart

    /// The sentence that documents add; nil where nothing is to be said.
    var sentence: String? {
        switch self {
        case .applies: nil
        case .nextConnection: "A reload applies it to the next connection to the gateway."
        case .reconnects: "A reload that changes it makes a new connection to the gateway."
        case .restart: "A change needs a restart."
        }
    }
}

extension SettingDescription {
    /// What happens beyond a limit, as a sentence.
    var beyondSentence: String? { beyond.map { "Beyond it: \($0)." } }
}

/// A list of objects in the file, all alike, such as listeners. Variables and options do not reach what is beneath.
public struct SettingsList: Sendable, Hashable {
    /// Its path: documents show what an element holds as `listeners[].port`.
    public var path: String
    /// What an element is, in a sentence.
    public var meaning: String

    /// The list at `path`.
    public init(_ path: String, _ meaning: String) {
        self.path = path
        self.meaning = meaning
    }
}

/// An object of the file in which the names are the user's own, such as agents by id. Variables and options do not reach what
/// is beneath.
public struct SettingsObject: Sendable, Hashable {
    /// Its path.
    public var path: String
    /// What a name in it stands for, such as `id`: documents show `agents.{id}`.
    public var name: String
    /// What it is for, in a sentence.
    public var meaning: String

    /// The object at `path`.
    public init(_ path: String, name: String, _ meaning: String) {
        self.path = path
        self.name = name
        self.meaning = meaning
    }
}
