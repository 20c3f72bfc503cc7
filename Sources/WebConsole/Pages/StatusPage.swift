// The page at `/`: address, counts, warnings, plots, and the table of agents, whole without a script.

import HTTPCodec
import Primitives

/// The page at `/`.
public enum StatusPage {
    /// The page of `view`.
    public static func render(_ view: StatusView, _ language: Language) -> Page {
        pages[language].page(values(view, language))
    }

    static func values(_ view: StatusView, _ language: Language) -> TemplateValues {
        let texts = Texts.of(language)
        return head(view, texts).adding(table(view, texts))
    }

    static let pages = PageTemplates { language in
        PageTemplate(
            "status", PackageResources.status_html, style: PackageResources.status_css,
            script: PackageResources.events_js + PackageResources.status_js, language)
    }

    private static func head(_ view: StatusView, _ texts: Texts) -> TemplateValues {
        let online = Figures.count(UInt64(clamping: view.agentsOnline))
        return [
            "title": .text(texts.text("status.js.title", ["count": online])),
            "wide": .flag(true), "nav": .flag(true), "onStatus": .flag(true), "home": .text("/"),
            "canLogOut": .flag(view.canLogOut), "address": .text(view.address), "version": .text(view.version),
            "startedAt": .text(UTCTime.text(view.startedAt)),
            "startedText": .text(UTCTime.readable(UTCTime.text(view.startedAt)) + " UTC"),
            "uptime": .text(uptime(view, texts)), "agentsOnline": .text(online),
            "agentsKnown": .text(Figures.count(UInt64(clamping: view.agentsKnown))),
            "webServices": .text(Figures.count(UInt64(clamping: view.webServices))),
            "warned": .flag(!view.warnings.isEmpty || !view.certificateTroubles.isEmpty),
            "certificates": .list(
                view.certificateTroubles.map { ["name": .text($0.name), "reason": .text($0.reason)] }),
            "openToAgents": .flag(view.warnings.contains(.openToAgents)),
            "openToVisitors": .flag(view.warnings.contains(.openToVisitors)),
            "openStatusPage": .flag(view.warnings.contains(.openStatusPage)),
            "plots": .list(view.series.plots(texts).map { $0.values(texts) }),
            "agentURL": .text(agentURL(view.address)),
        ]
    }

    private static func uptime(_ view: StatusView, _ texts: Texts) -> String {
        let (difference, overflow) = view.now.subtractingReportingOverflow(view.startedAt)
        let minutes = overflow ? 0 : max(0, difference) / 60
        return texts.text(
            "status.js.uptime", ["days": "\(minutes / 1_440)", "hours": "\(minutes / 60 % 24)", "minutes": "\(minutes % 60)"])
    }

    /// Where agents connect, of a gateway at `address`.
    static func agentURL(_ address: String) -> String {
        (address.hasPrefix("http") ? "ws" + address.dropFirst(4) : address) + "/agent"
    }

    private static func table(_ view: StatusView, _ texts: Texts) -> TemplateValues {
        let row = AgentRow(address: view.address, texts: texts)
        let (end, overflow) = view.offset.addingReportingOverflow(view.agents.count)
        let hasNext = !overflow && end < view.matching
        let first = view.agents.isEmpty ? 0 : view.offset &+ 1
        let range = texts.text("status.js.range", ["from": "\(first)", "to": "\(end)", "all": "\(view.matching)"])
        return [
            "agents": .list(view.agents.map(row.values)), "blank": .list([row.values(of: AgentView(id: ""))]),
            "agentsKnownFlag": .flag(view.agentsKnown > 0),
            "nothing": .flag(view.agents.isEmpty && view.agentsKnown > 0),
            "filter": .text(view.filter), "onlyOnline": .flag(view.onlyOnline),
            "limit": .text("\(view.limit)"), "matching": .text("\(view.matching)"),
            "paged": .flag(view.offset > 0 || hasNext), "range": .text(range),
            "previous": .text(view.offset > 0 ? link(view, offset: max(0, view.offset - view.limit)) : ""),
            "next": .text(hasNext ? link(view, offset: end) : ""),
        ]
    }

    private static func link(_ view: StatusView, offset: Int) -> String {
        let filter = view.filter.isEmpty ? "" : "&filter=\(percentEncoded(view.filter))"
        return "/?offset=\(offset)&limit=\(view.limit)\(filter)\(view.onlyOnline ? "&online=true" : "")"
    }

    /// `text` as a value of a query.
    private static func percentEncoded(_ text: String) -> String {
        PercentEncoding.encoded(text.utf8) { byte in
            byte < 0x80 && (Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber)
        }
    }
}

extension UTCTime {
    /// `2026-04-10T05:21:22Z` as `2026-04-10 05:21:22`.
    static func readable(_ text: String) -> String {
        String(decoding: text.utf8.dropLast().map { $0 == UInt8(ascii: "T") ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }
}
