// The limits of a program in one table: its settings that are limits, and then what no setting changes. Docs/Protocol.md has
// both tables.

/// One limit, described.
public struct LimitDescription: Sendable, Hashable {
    /// What is limited, in a sentence.
    public let meaning: String
    /// How much of it there may be, for people: `64 KiB`.
    public let value: String
    /// The path of the setting that changes it; nil: none does.
    public let setting: String?
    /// What happens beyond it: a status and, as code, the error's code.
    public let beyond: String

    private init(_ meaning: String, value: String, setting: String?, beyond: String) {
        self.meaning = meaning
        self.value = value
        self.setting = setting
        self.beyond = beyond
    }

    /// So many, or so many bytes, that no setting changes.
    public static func fixed(
        _ count: Int, unit: SettingUnit? = nil, _ meaning: String, beyond: String
    ) -> LimitDescription {
        LimitDescription(meaning, value: amount(Int64(count), unit), setting: nil, beyond: beyond)
    }

    /// So long, which no setting changes.
    public static func fixed(_ time: Duration, _ meaning: String, beyond: String) -> LimitDescription {
        LimitDescription(meaning, value: amount(time.milliseconds, .milliseconds), setting: nil, beyond: beyond)
    }

    /// The limit that a setting is; nil: it is none.
    init?(_ setting: SettingDescription) {
        guard let beyond = setting.beyond else { return nil }
        let value =
            if case .value(.integer(let count)) = setting.defaultValue { amount(count, setting.unit) } else {
                setting.defaultText
            }
        self.init(setting.meaning, value: value, setting: setting.path, beyond: beyond)
    }
}

extension LimitDescription {
    static let tableHead = ["| limit | default | setting | beyond it |", "|---|---|---|---|"]

    /// A row of the Markdown table.
    var row: String { "| \(meaning) | \(value) | \(setting.map { "`\($0)`" } ?? "") | \(beyond) |" }
}

/// A number with its unit, for people: the largest unit of which it is a whole number.
private func amount(_ count: Int64, _ unit: SettingUnit?) -> String {
    guard let unit, count != 0 else { return grouped(count) }
    let units: [(name: String, size: Int64)] =
        switch unit {
        case .bytes: [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("bytes", 1)]
        case .mebibytes: [("GiB", 1 << 10), ("MiB", 1)]
        case .milliseconds: [("s", 1_000), ("ms", 1)]
        case .seconds: [("s", 1)]
        case .hours: [("h", 1)]
        }
    let (name, size) = units.first { count % $0.size == 0 } ?? (unit.rawValue, 1)
    return "\(grouped(count / size)) \(name)"
}

/// With a comma before each three digits.
private func grouped(_ count: Int64) -> String {
    let digits = Array(String(count))
    return digits.indices.reduce(into: "") { text, index in
        if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
        text.append(digits[index])
    }
}
