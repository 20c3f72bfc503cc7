// The page at `/`: the gateway's address, how many agents and web services there are, and a table of the agents.

import TunnelLink
import WebConsole

enum StatusPage {
    static func html(address: String, agents: [AgentRecord], _ webServiceCount: Int, webURL: (String) -> String) -> String {
        let online = agents.count { $0.isOnline }
        return """
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>miagent gateway</title><style>\(style)</style>
            <main><h1>miagent gateway</h1>
            <dl><div><dt>Gateway address</dt><dd>\(HTML.escaped(address))</dd></div>
            <div><dt>Agents connected</dt><dd>\(online)</dd></div>
            <div><dt>Web services open</dt><dd>\(webServiceCount)</dd></div></dl>
            <h2>Agents</h2>\(table(agents, webURL))</main></html>
            """
    }

    private static func table(_ agents: [AgentRecord], _ webURL: (String) -> String) -> String {
        if agents.isEmpty { return "<p>No agent has connected yet.</p>" }
        let heads = ["Agent ID", "Status", "Type", "Host", "Model", "Web entry", "Connected at (UTC)"]
        return """
            <div class="scroll"><table><thead><tr>\(heads.map { "<th scope=\"col\">\($0)</th>" }.joined())</tr></thead>
            <tbody>\(agents.map { row($0, webURL) }.joined(separator: "\n"))</tbody></table></div>
            """
    }

    private static func row(_ agent: AgentRecord, _ webURL: (String) -> String) -> String {
        let description = agent.description
        let url = HTML.escaped(webURL(description.agentID))
        let entry = agent.isOnline && description.servesWeb ? "<a href=\"\(url)\" rel=\"noreferrer\">\(url)</a>" : "—"
        let time = UTCTime.text(agent.connectedAt).prefix(19).split(separator: "T").joined(separator: " ")
        let status =
            agent.isOnline
            ? "<span class=\"on\">\(HTML.escaped(description.status))</span>\(share(of: agent))"
            : "<span class=\"off\">offline</span>"
        let cells = [
            HTML.escaped(description.agentID), status, HTML.escaped(description.type), HTML.escaped(description.host),
            HTML.escaped(description.model), entry, time,
        ]
        return "<tr>\(cells.map { "<td>\($0.isEmpty ? "—" : $0)</td>" }.joined())</tr>"
    }

    /// How many tunnels share the work, if there are several.
    private static func share(of agent: AgentRecord) -> String {
        agent.connections.count > 1 ? " × \(agent.connections.count)" : ""
    }

    static let style = """
        :root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;background:Canvas;color:CanvasText}
        main{max-width:72rem;margin:0 auto;padding:2rem 1rem}dl{display:flex;flex-wrap:wrap;gap:1rem 3rem}dt{opacity:.75}
        dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}.scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.5rem .75rem;border-bottom:1px solid #8884}
        .on::before{content:"● ";color:#1a7f37}.off{opacity:.75}
        """
}
