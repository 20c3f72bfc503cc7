// What every program of ours does before and after its own work: the options that all have, help and version, the settings file,
// and which exit code which failure means (sysexits.h: 64 for arguments, 78 for settings, 1 for what the machine refuses).

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
    ]

    /// The options about logs, help and version.
    public static let common = [
        CommandLineOption(
            name: "--log-level", valueName: "LEVEL", settingsPath: "logLevel",
            help: "debug, info, warning or error (default info)."),
        CommandLineOption(
            name: "--log-format", valueName: "FORMAT", settingsPath: "logFormat", help: "text or json (default text)."),
        CommandLineOption(name: "--help", short: "-h", help: "Show this help and exit."),
        CommandLineOption(name: "--version", short: "-V", help: "Show the version and exit."),
    ]
}

extension CommandLineParser {
    /// Runs a program: arguments, then settings, then `main`, unless the arguments ask for less. The exit code.
    public func run<Settings>(
        _ arguments: [String], version: String, load: (ParsedCommandLine) throws -> Settings,
        main: (Settings, ParsedCommandLine) throws -> Int32
    ) -> Int32 {
        let parsed: ParsedCommandLine
        do {
            parsed = try parse(arguments)
        } catch {
            printError("\(program): \(error)\ntry \(program) --help")
            return ExitCode.usage
        }
        if parsed.has("--help") { return say(help) }
        if parsed.has("--version") { return say("\(program) \(version)") }
        do {
            let settings = try load(parsed)
            if parsed.has("--check-config") { return say("the settings are in order") }
            Platform.keepFreedMemory()
            return try main(settings, parsed)
        } catch let refusal as SettingsRefused {
            printError(refusal.description)
            return ExitCode.configuration
        } catch {
            printError("\(program): \(error)")
            return ExitCode.runtime
        }
    }

    private func say(_ text: String) -> Int32 {
        print(text)
        return ExitCode.ok
    }
}

extension ParsedCommandLine {
    /// The settings file that `--config` names, or else the variable, which is taken out of `environment`: its name and its bytes.
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

extension LogWriter {
    /// A writer to standard error as the settings `logLevel` and `logFormat` have it; nil stands for their defaults.
    public init(level: String?, format: String?) {
        self.init(
            format: format.flatMap { Format(rawValue: $0) } ?? .text,
            minimumLevel: LogRecord.Level.allCases.first { $0.name == level } ?? .info, isLimited: true)
    }
}

/// The first word of the file at `path`: how a secret is kept out of settings, environments and command lines. A byte order mark, as
/// some editors put it at the beginning, is no part of it.
public func readSecret(_ path: String) throws(FileError) -> String? {
    var bytes = try readWholeFile(path)[...]
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes = bytes.dropFirst(3) }
    return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map { String($0) }
}
