// What every program of ours does before and after its own work: the options that all have, help and version, the settings
// file, and which exit code which failure means (sysexits.h: 64 for arguments, 78 for settings, 1 for what the machine
// refuses).

import MachineCore

/// Settings that cannot be used: a sentence each, with its place.
public struct SettingsRefused: Error, Sendable, Hashable, CustomStringConvertible {
    /// The sentences.
    public var problems: [String]
    /// A refusal for these reasons.
    public init(problems: [String]) { self.problems = problems }
    /// One sentence a line.
    public var description: String { problems.joined(separator: "\n") }
}

extension CommandLineOption {
    /// The options that name a settings file, checked or used.
    public static let settingsFile = [
        CommandLineOption(
            name: "--config", short: "-c", valueName: "FILE", help: "Read settings from FILE (JSON with comments)."),
        CommandLineOption(name: "--check-config", help: "Check the settings, say what is wrong, and exit."),
        CommandLineOption(
            name: "--describe-settings", valueName: "FORM", isValueOptional: true,
            help: "Show all settings and exit: as markdown, or as a json-schema for editors (default markdown)."),
    ]

    /// The options about logs, help and version.
    public static let common = [
        CommandLineOption(
            name: "--log-level", valueName: "LEVEL", settingsPath: "logLevel", help: "debug, info, warning or error."),
        CommandLineOption(name: "--log-format", valueName: "FORMAT", settingsPath: "logFormat", help: "text or json."),
        CommandLineOption(name: "--help", short: "-h", help: "Show this help and exit."),
        CommandLineOption(name: "--version", short: "-V", help: "Show the version and exit."),
    ]
}

/// What a program can say of its settings.
public struct SettingsDescriber {
    /// All of them in one of the forms that `--describe-settings` takes; nil: there is no such form.
    public var text: (_ form: String) -> String?
    /// What holds without the setting at a path; nil: nothing worth saying.
    public var defaultText: (_ path: String) -> String?

    /// A describer of these.
    public init(text: @escaping (String) -> String?, defaultText: @escaping (String) -> String?) {
        self.text = text
        self.defaultText = defaultText
    }
}

extension CommandLineParser {
    /// Runs a program: arguments, then settings, then `main`, unless the arguments ask for less. The exit code.
    public func run<Settings>(
        _ words: [String], version: String, describe: () -> SettingsDescriber,
        load: (ParsedCommandLine) throws -> Settings, main: (Settings, ParsedCommandLine) throws -> Int32
    ) -> Int32 {
        do {
            let arguments = try parse(words)
            if let code = inform(arguments, version, describe) { return code }
            return start(arguments, load, main)
        } catch {
            return refuse("\(error)")
        }
    }

    /// Shows what the arguments ask for in place of running; nil if they ask for nothing of the kind.
    private func inform(_ arguments: ParsedCommandLine, _ version: String, _ describe: () -> SettingsDescriber) -> Int32? {
        if arguments.has("--help") { return show(help(defaultText: describe().defaultText)) }
        if arguments.has("--version") { return show("\(program) \(version)") }
        guard arguments.has("--describe-settings") else { return nil }
        let form = arguments.value("--describe-settings") ?? "markdown"
        guard let text = describe().text(form) else {
            return refuse("--describe-settings takes markdown or json-schema, not \"\(form)\"")
        }
        return show(text)
    }

    private func start<Settings>(
        _ arguments: ParsedCommandLine, _ load: (ParsedCommandLine) throws -> Settings,
        _ main: (Settings, ParsedCommandLine) throws -> Int32
    ) -> Int32 {
        do {
            let settings = try load(arguments)
            if arguments.has("--check-config") { return show("the settings are in order") }
            Platform.keepFreedMemory()
            return try main(settings, arguments)
        } catch let refusal as SettingsRefused {
            printError(refusal.description)
            return ExitCode.configuration
        } catch {
            printError("\(program): \(error)")
            return ExitCode.runtime
        }
    }

    private func refuse(_ message: String) -> Int32 {
        printError("\(program): \(message)\ntry \(program) --help")
        return ExitCode.usage
    }

    private func show(_ text: String) -> Int32 {
        print(text)
        return ExitCode.ok
    }
}

extension ParsedCommandLine {
    /// The settings file that `--config` names, or else the variable, which is taken out of `environment`: its name and its
    /// bytes.
    public func settingsFile(
        orVariable name: String, in environment: inout [String: String]
    ) throws(SettingsRefused) -> (name: String, text: [UInt8])? {
        let variable = environment.removeValue(forKey: name)
        guard let path = value("--config") ?? variable else { return nil }
        do {
            return (path, try readWholeFile(path))
        } catch {
            throw SettingsRefused(problems: ["\(error)"])
        }
    }
}

/// The first word of the file at `path`: how a secret is kept out of settings, environments and command lines. A byte order
/// mark, as some editors put it at the beginning, is no part of it.
public func readSecret(_ path: String) throws(FileError) -> String? {
    var bytes = try readWholeFile(path)[...]
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes = bytes.dropFirst(3) }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map { String($0) }
}
