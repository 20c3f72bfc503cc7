// The settings as a JSON Schema (draft 2020-12), so that an editor completes keys, shows what they mean and marks what is wrong
// while it is written. What the daemon checks beyond it (names of agents, ranges of addresses, keys that need each other) it
// says itself.

import RPCCore

extension SettingsDescription {
    /// The schema of a settings file, as JSON text of several lines without a line feed at the end.
    public var jsonSchema: String {
        var schema: [JSONMember] = [
            .init("$schema", "https://json-schema.org/draft/2020-12/schema"),
            .init("title", .string("Settings of \(program)")),
        ]
        let reference: JSONValue = ["type": "string", "description": "Where this schema is, for editors; not read."]
        schema += self.schema.object(SettingsSchema.root, more: [.init("$schema", reference)])
        var text = ""
        JSONValue.object(schema).write(to: &text, indentation: "")
        return text
    }
}

extension SettingsSchema {
    /// What an object of the file may hold. The depth is that of the program's own keys.
    fileprivate func object(_ key: Int, more: [JSONMember] = []) -> [JSONMember] {
        var members: [JSONMember] = [.init("type", "object")]
        if let meaning = objectMeaning(of: key) { members.append(.init("description", .string(meaning))) }
        if let anyName = anyName(in: key) {
            members.append(.init("additionalProperties", .object(object(anyName))))
        } else {
            let properties = children(of: key).map { JSONMember(name(of: $0), .object(property($0))) }
            members.append(.init("properties", .object(more + properties)))
            members.append(.init("additionalProperties", false))
        }
        return members
    }

    private func property(_ key: Int) -> [JSONMember] {
        if let description = description(of: key) { return description.jsonSchema }
        guard let element = element(in: key) else { return object(key) }
        let meaning = objectMeaning(of: key).map { [JSONMember("description", .string($0))] } ?? []
        return [.init("type", "array")] + meaning + [.init("items", .object(object(element)))]
    }
}

extension SettingDescription {
    /// The members that describe the value.
    fileprivate var jsonSchema: [JSONMember] {
        var members = form.jsonSchema
        if case .value(let value) = defaultValue { members.append(.init("default", value)) }
        members.append(.init("description", .string(sentences)))
        return members
    }

    /// What an editor shows: meaning, unit, a default that is no constant, and how else it can be given.
    private var sentences: String {
        var sentences = [meaning]
        if let unit { sentences.append("Unit: \(unit.rawValue).") }
        if case .text(let text) = defaultValue { sentences.append("Default: \(text).") }
        if let beyondSentence { sentences.append(beyondSentence) }
        if let reload = reload.sentence { sentences.append(reload) }
        if let variable { sentences.append("Variable: \(variable).") }
        if !options.isEmpty { sentences.append("Option: \(options.joined(separator: ", ")).") }
        return sentences.joined(separator: " ")
    }
}

extension SettingForm {
    fileprivate var jsonSchema: [JSONMember] {
        /// `TokenGrammar`.
        let token = JSONMember("pattern", "^[!-+\\--~]+$")
        let textOrList = JSONMember("type", ["string", "array"])
        switch self {
        case .text: return [.init("type", "string")]
        case .texts: return [textOrList, .init("items", ["type": "string"])]
        case .integer(let range):
            let bounds = [JSONMember("type", "integer"), JSONMember("minimum", .integer(Int64(range.lowerBound)))]
            return range.upperBound == .max ? bounds : bounds + [.init("maximum", .integer(Int64(range.upperBound)))]
        case .flag: return [.init("type", "boolean")]
        case .choice(let choices): return [.init("enum", .array(choices.map { JSONValue.string($0) }))]
        case .token: return [.init("type", "string"), token]
        case .tokens:
            let items = JSONMember("items", .object([.init("type", "string"), token]))
            return [textOrList, token, items, .init("minItems", 1)]
        case .file: return [.init("type", "string"), .init("minLength", 1)]
        }
    }
}

extension JSONValue {
    /// JSON with a line for each member of an object; lists stay on one line. The depth is that of a schema of our own.
    fileprivate func write(to text: inout String, indentation: String) {
        guard case .object(let members) = self, !members.isEmpty else { return text += self.text }
        let inner = indentation + "  "
        for (index, member) in members.enumerated() {
            text += (index == 0 ? "{\n" : ",\n") + inner + JSONValue.string(member.name).text + ": "
            member.value.write(to: &text, indentation: inner)
        }
        text += "\n\(indentation)}"
    }
}
