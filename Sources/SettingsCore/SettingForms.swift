// The forms that a setting's value may have. What a program wants beyond them it adds with `parsed` and `checked`.

import RPCCore

extension Setting<String> {
    /// Text.
    public static func text(_ path: String, _ meaning: String) -> Setting {
        Setting(path, .text, meaning, value: { $0.text(path) }, written: { $0.isEmpty ? nil : .string($0) })
    }

    /// One token (`TokenGrammar`). An empty one is a problem, be it a variable.
    public static func token(_ path: String, _ meaning: String) -> Setting {
        Setting(path, .token, meaning, value: { $0.token(path) }, written: { _ in nil })
    }

    /// A token in a file of its own, of which the setting is the name. `read` gives what the file begins with, up to a blank,
    /// or nil if that is nothing. An empty name is a problem, be it a variable.
    public static func tokenFile(
        _ path: String, _ meaning: String, read: @escaping (String) throws -> String?
    ) -> Setting {
        let name = Setting(path, .file, meaning, value: { $0.tokenFile(path) }, written: { _ in nil })
        return name.parsed { file, refuse in
            do {
                guard let token = try read(file) else {
                    refuse("names an empty file")
                    return nil
                }
                guard let problem = TokenGrammar.problem(token) else { return token }
                refuse("names a file that begins with a token \(problem)")
            } catch {
                refuse("names a file that cannot be read: \(error)")
            }
            return nil
        }
    }

    /// The name of a file.
    public static func file(_ path: String, _ meaning: String) -> Setting {
        Setting(path, .file, meaning, value: { $0.text(path) }, written: { _ in nil })
    }
}

extension Setting<[String]> {
    /// A list of texts: in the file a text or a list of them; in a variable or an option parted by commas.
    public static func texts(_ path: String, _ meaning: String) -> Setting {
        Setting(
            path, .texts, meaning, value: { $0.texts(path) },
            written: { $0.isEmpty ? nil : .array($0.map { JSONValue.string($0) }) })
    }

    /// Tokens: one or a list. One that is there and empty is a problem, be it a variable.
    public static func tokens(_ path: String, _ meaning: String) -> Setting {
        Setting(path, .tokens, meaning, value: { $0.tokens(path) }, written: { _ in nil })
    }
}

extension Setting<Bool> {
    /// True or false; in a variable or an option also `yes`, `on`, `1` and `no`, `off`, `0`.
    public static func flag(_ path: String, _ meaning: String) -> Setting {
        Setting(path, .flag, meaning, value: { $0.flag(path) }, written: { .bool($0) })
    }
}

extension Setting<Int> {
    /// A whole number within `range`.
    public static func integer(
        _ path: String, in range: ClosedRange<Int>, unit: SettingUnit? = nil, _ meaning: String
    ) -> Setting {
        Setting(
            path, .integer(range), unit: unit, meaning, value: { $0.integer(path, in: range) },
            written: { .integer(Int64($0)) })
    }

    /// Mebibytes, as bytes.
    public static func mebibytes(_ path: String, in range: ClosedRange<Int>, _ meaning: String) -> Setting {
        Setting.integer(path, in: range, unit: .mebibytes, meaning)
            .parsed({ count, _ in count << 20 }, written: { .integer(Int64($0 >> 20)) })
    }
}

extension Setting<Duration> {
    /// Milliseconds.
    public static func milliseconds(_ path: String, in range: ClosedRange<Int>, _ meaning: String) -> Setting {
        Setting<Int>.integer(path, in: range, unit: .milliseconds, meaning)
            .parsed({ count, _ in .milliseconds(count) }, written: { .integer($0.milliseconds) })
    }

    /// Hours.
    public static func hours(_ path: String, in range: ClosedRange<Int>, _ meaning: String) -> Setting {
        Setting<Int>.integer(path, in: range, unit: .hours, meaning)
            .parsed({ count, _ in .seconds(count * 3_600) }, written: { .integer($0.components.seconds / 3_600) })
    }
}

extension Setting {
    /// One of `choices`, by the name that `name` gives it, exactly.
    public static func choice(
        _ path: String, among choices: [Value], _ name: @escaping (Value) -> String, _ meaning: String
    ) -> Setting {
        let names = choices.map(name)
        return Setting<String>(
            path, .choice(names), meaning, value: { $0.choice(path, among: names) }, written: { .string($0) }
        ).parsed({ text, _ in choices.first { name($0) == text } }, written: { .string(name($0)) })
    }
}

extension Setting where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the type's cases, by its raw value.
    public static func choice(_ path: String, _ meaning: String) -> Setting {
        choice(path, among: Array(Value.allCases), \.rawValue, meaning)
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
