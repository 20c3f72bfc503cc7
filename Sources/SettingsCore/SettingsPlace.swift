// What the reader knows of a setting while it reads it: where it stands, what overrides the file, and the report of a problem.

import RPCCore

/// Where a setting stands: its key, and its value in the file.
struct SettingsPlace: Sendable {
    /// The full path, for problems and for options.
    var path: String
    /// The key in the schema, or `unknownKey` if no setting was read there yet.
    var key: Int
    /// The value in the file; nil if there is none. It may be `null`.
    var node: JSONNode?
    /// That value, or else the innermost object around it that the file has; nil for the file as a whole.
    var nearest: JSONNode?
    /// Whether the path leads through a free name, even if the key itself is not known yet.
    var leadsThroughFreeName = false

    static let unknownKey = -1

    var knownKey: Int? { key == Self.unknownKey ? nil : key }

    func isBelowFreeName(in schema: SettingsSchema) -> Bool {
        leadsThroughFreeName || knownKey.map(schema.isBelowFreeName) == true
    }
}

/// A problem and its place in the order of the final list.
struct SettingsReport: Sendable {
    /// The file first, by offset; then variables; then flags.
    enum Rank: Sendable, Comparable {
        case file(offset: Int)
        case variable
        case flag

        /// A problem with the file as a whole comes after those with a place in it.
        static let wholeFile = Rank.file(offset: .max)
    }

    var rank: Rank
    var message: String
    var path: String
    /// The variable or the flag; for a file the name and place are found at the end, for all problems in one pass.
    var source = ""
}

/// What a flag or a variable says about a setting.
struct SettingsOverride: Sendable {
    var source: String
    var rank: SettingsReport.Rank
    var values: [String]
}
