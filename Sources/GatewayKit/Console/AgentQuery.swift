// Which agents somebody asks for: a page of those that are online, or whose texts contain something. What makes no sense in a query
// counts as not said, so that an address typed by hand still shows something.
//
// A page without a filter costs what it shows. A filter looks at every agent, some 100 ns each; no more than `maximumSearched` are
// looked at, so that nobody else waits for long.

import TunnelLink

/// Which agents to list.
struct AgentQuery: Sendable, Hashable {
    var offset = 0
    var limit = 100
    /// A part of the id, type, host or model; ASCII letters in either case. Empty: any.
    var filter = ""
    var onlyOnline = false

    static let maximumLimit = 1_000
    static let maximumFilterBytes = 200

    /// What the query of a request says.
    init(_ query: ArraySlice<UInt8>?) {
        func number(_ name: String) -> Int? { Authorization.queryValue(name, in: query).flatMap { Int($0) } }
        offset = max(0, number("offset") ?? 0)
        limit = min(max(1, number("limit") ?? 100), Self.maximumLimit)
        let text = Authorization.queryValue("filter", in: query, isForm: true) ?? ""
        filter = text.utf8.count <= Self.maximumFilterBytes ? text : ""
        onlyOnline = Authorization.queryValue("online", in: query) == "true"
    }

    /// Whether every agent belongs to the list.
    var isEverything: Bool { filter.isEmpty && !onlyOnline }
}

/// A page of ids, and how many there are on all pages.
struct AgentPage: Sendable, Hashable {
    var ids: [String] = []
    var matching = 0
}

extension Registry {
    /// Agents that a search looks at, at most: the first by id.
    static var maximumSearched: Int { 100_000 }

    /// The page that `query` asks for, by id.
    mutating func page(_ query: AgentQuery) -> AgentPage {
        let all = sortedIDs()
        guard !query.isEverything else {
            let start = min(query.offset, all.count)
            return AgentPage(ids: Array(all[start...].prefix(query.limit)), matching: all.count)
        }
        let needle = TextSearch(query.filter)
        var page = AgentPage()
        for id in all.prefix(Self.maximumSearched) {
            guard let record = records[id], record.isOnline || !query.onlyOnline, needle.matches(record.description) else {
                continue
            }
            if page.matching >= query.offset, page.ids.count < query.limit { page.ids.append(id) }
            page.matching += 1
        }
        return page
    }
}

/// A part of a text, to be looked for again and again.
private struct TextSearch {
    private let needle: [UInt8]

    init(_ text: String) { needle = text.utf8.map(Self.lowercased) }

    func matches(_ agent: AgentDescription) -> Bool {
        needle.isEmpty || isIn(agent.agentID) || isIn(agent.type) || isIn(agent.host) || isIn(agent.model)
    }

    private func isIn(_ text: String) -> Bool {
        guard text.utf8.count >= needle.count, let first = needle.first else { return false }
        var text = text
        return text.withUTF8 { bytes in
            for start in 0...bytes.count - needle.count where Self.lowercased(bytes[start]) == first {
                if needle.indices.allSatisfy({ Self.lowercased(bytes[start + $0]) == needle[$0] }) { return true }
            }
            return false
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A") <= byte && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
