// The settings of the request inspector (README, "Configuration").

import SettingsCore

extension InspectorConfiguration {
    mutating func read(from reader: inout SettingsReader) {
        if let name = reader.choice("inspector.mode", among: Mode.allCases.map(\.rawValue)), let choice = Mode(rawValue: name) {
            mode = choice
        }
        if let count = reader.integer("inspector.memoryMiB", in: 1...65_536) { maximumBytes = count * 1_048_576 }
        if let count = reader.integer("inspector.maxBody", in: 0...16 * 1_048_576) { maximumBodyBytes = count }
        if let flag = reader.flag("inspector.replay") { allowsReplay = flag }
        if let flag = reader.flag("inspector.public") { isPublic = flag }
    }
}
