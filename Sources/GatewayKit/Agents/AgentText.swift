// What a search among agents looks at.

/// What a search looks at of one agent. A copy, so that looking at a hundred thousand copies nothing else of them.
struct AgentText: Sendable, Hashable {
    var isOnline: Bool
    /// Id, type, host and model with ASCII letters in lower case, and a zero between them.
    private var bytes: [UInt8]

    init(_ record: AgentRecord) {
        let agent = record.description
        isOnline = record.isOnline
        bytes = Self.lowercased("\(agent.agentID)\0\(agent.type)\0\(agent.host)\0\(agent.model)")
    }

    static func lowercased(_ text: String) -> [UInt8] {
        text.utf8.map { UInt8(ascii: "A") <= $0 && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
    }

    func contains(_ needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        return bytes.withUnsafeBufferPointer { text in
            guard text.count >= needle.count else { return false }
            for start in 0...text.count - needle.count where text[start] == first {
                if needle.indices.allSatisfy({ text[start + $0] == needle[$0] }) { return true }
            }
            return false
        }
    }
}
