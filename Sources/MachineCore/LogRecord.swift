// A log line as a value: machines emit them, their host writes them.

/// One event, for the log.
public struct LogRecord: Sendable, Hashable {
    /// How much it matters.
    public enum Level: Int, Sendable, Hashable, Comparable, CaseIterable {
        /// Of use to whoever debugs.
        case debug
        /// The ordinary course of things.
        case info
        /// Something an operator should look at.
        case warning
        /// Something failed for good.
        case error

        /// Less serious first.
        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        /// The level as it is written in the log and in options.
        public var name: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    /// One named value of the event.
    public struct Field: Sendable, Hashable {
        /// A short lower-case name.
        public var name: String
        /// The value; never a secret.
        public var value: String
        /// A field of a record.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// How much it matters.
    public var level: Level
    /// A constant such as `agent.registered`, the same each time the event happens.
    public var event: String
    /// The particulars, in order.
    public var fields: [Field]
    /// An operator asked for each of these, such as one for each request: however many there are, all are written.
    public var isAskedFor = false

    /// A record of `event` with these particulars.
    public init(_ level: Level, _ event: String, _ fields: [Field] = []) {
        self.level = level
        self.event = event
        self.fields = fields
    }
}
