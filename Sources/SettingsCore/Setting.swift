// A setting as its program declares it: what it is called, what it may be, and what it means. A program reads its settings by
// these declarations alone, and describes itself by the same ones (`SettingsDescription`), so that no key is read without being
// described, or described without being read. The default is the value of the field that the setting is read into.

import RPCCore

/// The declaration of one setting.
///
///     reader.read(.integer("port", in: 0...65_535, "The port to listen on."), into: &port)
public struct Setting<Value> {
    /// What is known of it before it is read.
    public private(set) var description: SettingDescription
    /// Its value from the reader's layers; nil if there is none, or after a problem.
    let value: (inout SettingsReader) -> Value?
    /// A value as a file would hold it; nil if it is the absence of one.
    let written: (Value) -> JSONValue?

    init(
        _ path: String, _ form: SettingForm, unit: SettingUnit? = nil, _ meaning: String,
        value: @escaping (inout SettingsReader) -> Value?, written: @escaping (Value) -> JSONValue?
    ) {
        description = SettingDescription(path: path, form: form, unit: unit, meaning: meaning)
        self.value = value
        self.written = written
    }

    private init(
        _ description: SettingDescription, value: @escaping (inout SettingsReader) -> Value?,
        written: @escaping (Value) -> JSONValue?
    ) {
        self.description = description
        self.value = value
        self.written = written
    }

    // MARK: What else is known of it

    /// Says what holds without a setting, where that is no constant: `one for each processor`.
    public func defaulting(to text: String) -> Setting {
        var setting = self
        setting.description.defaultValue = .text(text)
        return setting
    }

    /// Says what becomes of a change when the settings are read again; by default it applies at once.
    public func onReload(_ effect: SettingReload) -> Setting {
        var setting = self
        setting.description.reload = effect
        return setting
    }

    /// Says that it is a limit, and in short what happens beyond it.
    public func beyond(_ text: String) -> Setting {
        var setting = self
        setting.description.beyond = text
        return setting
    }

    // MARK: What else is asked of it

    /// The setting as `parse` understands it. `parse` gives each problem to its second argument, as a text that reads on after
    /// the key's name, such as `must be a path`; a value that it returns nonetheless counts. `written` is its inverse, for the
    /// default.
    public func parsed<Other>(
        _ parse: @escaping (Value, (String) -> Void) -> Other?, written: @escaping (Other) -> JSONValue? = { _ in nil }
    ) -> Setting<Other> {
        let path = description.path
        return Setting<Other>(
            description,
            value: { [value] reader in
                guard let found = value(&reader) else { return nil }
                var problems: [String] = []
                let result = parse(found) { problems.append($0) }
                for problem in problems { reader.problem(path, problem) }
                return result
            }, written: written)
    }

    /// The setting under a condition: `problem` says what is wrong with a value, which then reads as absent.
    public func checked(_ problem: @escaping (Value) -> String?) -> Setting {
        parsed(
            { value, refuse in
                guard let text = problem(value) else { return value }
                refuse(text)
                return nil
            }, written: written)
    }
}
