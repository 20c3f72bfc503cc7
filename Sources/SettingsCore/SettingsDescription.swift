// All settings of a program, as its reader came to know them, and the Markdown of them. The JSON Schema is in
// SettingsJSONSchema.

import RPCCore

/// The settings of a program, described.
public struct SettingsDescription: Sendable {
    /// The program's name.
    public let program: String
    /// Its settings, in the order of reading.
    public let settings: [SettingDescription]
    let fixedLimits: [LimitDescription]
    let schema: SettingsSchema

    init(
        program: String, schema: SettingsSchema, fixedLimits: [LimitDescription],
        describe: (SettingDescription) -> SettingDescription
    ) {
        self.program = program
        self.fixedLimits = fixedLimits
        self.schema = schema.mapDescriptions(describe)
        settings = self.schema.descriptions
    }

    /// The setting at `path`, written as in documents: `agents.{id}.token`.
    public subscript(path: String) -> SettingDescription? { settings.first { $0.path == path } }

    /// The description in one of the forms that `--describe-settings` takes, without a line feed at the end; nil: there is no
    /// such form.
    public func text(form: String) -> String? {
        switch form {
        case "markdown": markdown
        case "json-schema": jsonSchema
        // For Docs/Protocol.md.
        case "limits": limitTable
        // For `OtherProgram`.
        case "paths": settings.filter { $0.variable != nil }.map(\.path).joined(separator: "\n")
        default: nil
        }
    }

    /// A heading with the program's name, then a table for each object.
    public var markdown: String {
        var sections: [String] = []
        var rows: [String: [String]] = [:]
        for setting in settings {
            let section = setting.section
            if rows[section] == nil { sections.append(section) }
            rows[section, default: []].append(setting.row)
        }
        let tables = sections.map { section in
            let heading = section.isEmpty ? [] : ["### \(program): `\(section)`"]
            let meaning = schema.objectMeaning(ofPath: section).map { [$0] } ?? []
            let table = (SettingDescription.tableHead + (rows[section] ?? [])).joined(separator: "\n")
            return (heading + meaning + [table]).joined(separator: "\n\n")
        }
        return (["## \(program)"] + tables).joined(separator: "\n\n")
    }

    /// All limits: settings in the order of reading, then those that no setting changes.
    public var limits: [LimitDescription] { settings.compactMap { LimitDescription($0) } + fixedLimits }

    /// A heading with the program's name, then the table of its limits.
    public var limitTable: String {
        (["### Limits of \(program)", ""] + LimitDescription.tableHead + limits.map(\.row)).joined(separator: "\n")
    }
}

extension SettingDescription {
    /// The object that the setting stands in; empty for the file's own.
    var section: String { path.lastIndex(of: ".").map { String(path[..<$0]) } ?? "" }

    static let tableHead = ["| key | value | default | meaning |", "|---|---|---|---|"]

    /// A row of the Markdown table.
    var row: String {
        let names = ([path, variable] + options).compactMap { $0.map { "`\($0)`" } }
        let sentences = [meaning, beyondSentence, reload.sentence].compactMap { $0 }.joined(separator: " ")
        let cells = [names.joined(separator: "<br>"), valueText, defaultText, sentences]
        return "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }

    /// What the value may be, in short.
    public var valueText: String {
        switch form {
        case .text: "text"
        case .texts: "text or list of texts"
        case .integer(let range):
            (range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)")
                + (unit.map { " \($0.rawValue)" } ?? "")
        case .flag: "`true` or `false`"
        case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
        case .token: "token"
        case .tokens: "token or list of tokens"
        case .file: "file name"
        }
    }

    /// What holds without it; empty if there is nothing to say.
    public var defaultText: String {
        switch defaultValue {
        case .none: ""
        case .text(let text): text
        case .value(.string(let text)): "`\(text)`"
        case .value(let value): "`\(value.text)`"
        }
    }
}

extension SettingDescription {
    /// The default in the help of an option, without marks; nil where there is nothing to tell.
    public var shortDefault: String? {
        let text = defaultText.replacing("`", with: "")
        return text.isEmpty || text.hasPrefix("none") ? nil : text
    }
}

extension JSONValue {
    /// JSON in one line.
    var text: String {
        var bytes: [UInt8] = []
        encode(into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
