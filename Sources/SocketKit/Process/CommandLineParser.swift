// Decides which option each argument of a command line is (POSIX.1-2017, chapter 12.2, with GNU's long names).
// Accepts `--name value`, `--name=value`, `-n value`, `-nvalue`, and `--`, after which nothing is an option; options and
// other arguments may mix. Refuses unknown options (naming the nearest), a missing value, a value for a switch, and a second
// value where one is meant. It does not bundle switches (`-abc`) nor guess at abbreviated names: a later option could make
// either mean something else.

import Primitives

/// The command line that a program understands.
public struct CommandLineParser: Sendable, Hashable {
    /// What the program is called.
    public var program: String
    /// What it is for, in a sentence or two.
    public var summary: String
    /// The ways to call it, without its name, such as `--config FILE [options]`.
    public var synopsis: [String]
    /// The options, in the order of the help.
    public var options: [CommandLineOption]
    /// The arguments beside the options; nil refuses them all.
    public var positional: CommandLinePositional?
    /// What is said to whoever writes an option of this name, which does not exist.
    public var misnomers: [String: String] = [:]

    /// A parser of these options.
    public init(
        program: String, summary: String, synopsis: [String] = ["[options]"], options: [CommandLineOption],
        positional: CommandLinePositional? = nil
    ) {
        self.program = program
        self.summary = summary
        self.synopsis = synopsis
        self.options = options
        self.positional = positional
    }

    /// The names of the options that give a setting, by its path.
    public var settingsOptions: [String: [String]] {
        options.reduce(into: [:]) { names, option in
            guard let path = option.settingsPath else { return }
            names[path, default: []] += [option.name] + (option.short.map { [$0] } ?? [])
        }
    }

    /// What `arguments` say; they begin after the program's own name.
    public func parse(_ arguments: [String]) throws(CommandLineError) -> ParsedCommandLine {
        var parsed = ParsedCommandLine()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                parsed.positionals += rest
                break
            } else if argument.hasPrefix("--") {
                try parseLong(argument, rest: &rest, into: &parsed)
            } else if argument.hasPrefix("-"), argument != "-" {
                try parseShort(argument, rest: &rest, into: &parsed)
            } else {
                parsed.positionals.append(argument)
            }
        }
        try check(parsed.positionals)
        return parsed
    }

    private func parseLong(
        _ argument: String, rest: inout ArraySlice<String>, into parsed: inout ParsedCommandLine
    ) throws(CommandLineError) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let option = options.first(where: { $0.name == name }) else {
            if let advice = misnomers[name] { throw .misnomer(name, advice: advice) }
            throw .unknownOption(name, nearest: nearestName(to: name, among: options.map(\.name)))
        }
        let attached = parts.count == 2 ? String(parts[1]) : nil
        try add(option, attached: attached, rest: &rest, to: &parsed)
    }

    private func parseShort(
        _ argument: String, rest: inout ArraySlice<String>, into parsed: inout ParsedCommandLine
    ) throws(CommandLineError) {
        let name = String(argument.prefix(2))
        guard let option = options.first(where: { $0.short == name }) else {
            // `-port` is most often meant as `--port`; anything after "=" may be a secret.
            let whole = String(argument.prefix { $0 != "=" })
            throw .unknownOption(whole, nearest: nearestName(to: "-" + whole, among: options.map(\.name)))
        }
        guard argument.count > 2 else { return try add(option, attached: nil, rest: &rest, to: &parsed) }
        guard option.valueName != nil else {
            let whole = String(argument.prefix { $0 != "=" })
            if whole == name { throw .unexpectedValue(option: name) }
            throw .unknownOption(whole, nearest: nearestName(to: "-" + whole, among: options.map(\.name)))
        }
        try add(option, attached: String(argument.dropFirst(2)), rest: &rest, to: &parsed)
    }

    private func add(
        _ option: CommandLineOption, attached: String?, rest: inout ArraySlice<String>, to parsed: inout ParsedCommandLine
    ) throws(CommandLineError) {
        guard let valueName = option.valueName else {
            if attached != nil { throw .unexpectedValue(option: option.name) }
            return parsed.occurrences.append(.init(option: option, value: nil))
        }
        if !option.isRepeatable, parsed.has(option.name) { throw .repeatedOption(option.name) }
        if option.isValueOptional, attached == nil { return parsed.occurrences.append(.init(option: option, value: nil)) }
        if let attached { return parsed.occurrences.append(.init(option: option, value: attached)) }
        guard let value = rest.first, !isOption(value) else {
            throw .missingValue(option: option.name, valueName: valueName)
        }
        rest = rest.dropFirst()
        parsed.occurrences.append(.init(option: option, value: value))
    }

    /// Whether an argument that stands where a value should is one of our own options: then the value was forgotten. Other
    /// arguments with a dash, such as `-1`, are values; a value that looks like one of our options is given as `--name=value`.
    private func isOption(_ argument: String) -> Bool {
        let name = argument.prefix { $0 != "=" }
        return argument == "--" || options.contains { $0.name == name || $0.short == argument }
    }

    private func check(_ positionals: [String]) throws(CommandLineError) {
        let allowed = positional?.count ?? 0...0
        if positionals.count > allowed.upperBound {
            let extra = positionals[max(0, allowed.upperBound)]
            // A number that stands alone is a port, most often.
            let isPort = UInt16(extra) != nil && options.contains { $0.name == "--port" }
            throw .unexpectedArgument(extra, advice: isPort ? "did you mean --port \(extra)?" : nil)
        }
        if positionals.count < allowed.lowerBound { throw .missingArgument(valueName: positional?.valueName ?? "") }
    }
}
