// Which agents a client asks for: a page of those that are online, or whose texts contain something. What makes no sense in a
// query counts as not said, so that an address typed by hand still shows something.
//
// A page without a filter costs what it shows. A filter looks at every agent, some 200 ns each; no more than `maximumSearched`
// are looked at, so that no other request waits for long.

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
    func page(_ query: AgentQuery) -> AgentPage {
        let all = sortedIDs()
        guard !query.isEverything else {
            let start = min(query.offset, all.count)
            return AgentPage(ids: Array(all[start...].prefix(query.limit)), matching: all.count)
        }
        let needle = AgentText.lowercased(query.filter)
        var page = AgentPage()
        for id in all.prefix(Self.maximumSearched) {
            guard let text = texts[id], text.isOnline || !query.onlyOnline, text.contains(needle) else { continue }
            if page.matching >= query.offset, page.ids.count < query.limit { page.ids.append(id) }
            page.matching += 1
        }
        return page
    }
}
