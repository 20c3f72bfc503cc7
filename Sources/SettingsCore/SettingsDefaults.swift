// The same questions with an answer for "not given": a default, or a field that keeps what it holds. A wrong value counts as
// not given; it has been reported.

extension SettingsReader {
    /// Text, or `value`.
    public mutating func text(_ path: String, default value: String) -> String { text(path) ?? value }

    /// A list of texts, or `value`.
    public mutating func texts(_ path: String, default value: [String]) -> [String] { texts(path) ?? value }

    /// A whole number within `range`, or `value`.
    public mutating func integer(_ path: String, in range: ClosedRange<Int>, default value: Int) -> Int {
        integer(path, in: range) ?? value
    }

    /// True or false, or `value`.
    public mutating func flag(_ path: String, default value: Bool) -> Bool { flag(path) ?? value }

    /// One of `choices`, or `value`.
    public mutating func choice(_ path: String, among choices: [String], default value: String) -> String {
        choice(path, among: choices) ?? value
    }

    /// Text into `field`, which keeps its value if none is given.
    public mutating func text(_ path: String, into field: inout String) { field = text(path) ?? field }

    /// A list of texts into `field`, which keeps its value if none is given.
    public mutating func texts(_ path: String, into field: inout [String]) { field = texts(path) ?? field }

    /// A whole number within `range` into `field`, which keeps its value if none is given.
    public mutating func integer(_ path: String, in range: ClosedRange<Int>, into field: inout Int) {
        field = integer(path, in: range) ?? field
    }

    /// True or false into `field`, which keeps its value if none is given.
    public mutating func flag(_ path: String, into field: inout Bool) { field = flag(path) ?? field }
}
