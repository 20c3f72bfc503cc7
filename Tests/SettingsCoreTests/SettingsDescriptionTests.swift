// Declarations: that what is read is what is described, with the default of the field, as Markdown and as a JSON Schema.

import RPCCore
import SettingsCore
import Testing

@Suite struct SettingsDescriptionTests {
    private enum Mode: String, CaseIterable { case off, on }

    /// A program with a setting of each form.
    private struct Program {
        var port = 80
        var name: String?
        var mode = Mode.off
        var wait = Duration.milliseconds(1_500)
        var session = Duration.seconds(7_200)
        var memory = 4 << 20
        var names = ["a"]
        var isOn = true
        var tokens: [String: [String]] = [:]

        mutating func read(_ reader: inout SettingsReader) {
            reader.read(.integer("port", in: 1...9_000, "Where it listens.").onReload(.restart), into: &port)
            reader.read(.text("name", "What it is called | said.").defaulting(to: "the machine's"), into: &name)
            reader.read(.choice("web.mode", "Whether it is on."), into: &mode)
            reader.read(.milliseconds("web.waitMs", in: 0...Int.max, "How long it waits."), into: &wait)
            reader.read(.hours("web.hours", in: 1...24, "How long it lasts."), into: &session)
            reader.read(.mebibytes("web.memoryMiB", in: 1...8, "What it holds."), into: &memory)
            reader.read(.texts("web.names", "Names."), into: &names)
            reader.read(.flag("web.on", "A switch."), into: &isOn)
            _ = reader.read(.file("web.file", "A file."))
            _ = reader.read(.token("web.token", "A secret."))
            reader.each(SettingsObject("agents", name: "id", "Agents by id.")) { id, agent in
                tokens[id] = agent.read(.tokens("token", "What it presents.").defaulting(to: "none: open"))
            }
        }
    }

    private func description() -> SettingsDescription {
        var reader = SettingsReader.describing()
        var program = Program()
        program.read(&reader)
        return reader.description(of: "programd", options: ["port": ["--port", "-p"]])
    }

    @Test func whatIsReadIsDescribed() throws {
        let description = description()
        #expect(
            description.settings.map(\.path) == [
                "port", "name", "web.mode", "web.waitMs", "web.hours", "web.memoryMiB", "web.names", "web.on", "web.file",
                "web.token", "agents.{id}.token",
            ])
        #expect(
            description.settings.map(\.defaultText) == [
                "`80`", "the machine's", "`off`", "`1500`", "`2`", "`4`", "`[\"a\"]`", "`true`", "", "", "none: open",
            ])
        #expect(
            description.settings.map(\.valueText) == [
                "1 to 9000", "text", "`off`, `on`", "0 or more ms", "1 to 24 hours", "1 to 8 MiB", "text or list of texts",
                "`true` or `false`", "file name", "token", "token or list of tokens",
            ])
        let port = try #require(description["port"])
        #expect(port.variable == "MIAGENT_PORT" && port.options == ["--port", "-p"] && port.reload == .restart)
        let token = try #require(description["agents.{id}.token"])
        #expect(token.variable == nil && token.reload == .applies)
    }

    @Test func theDefaultIsWhatTheFieldHeldBefore() {
        var reader = reader(#"{"port": 81, "agents": {"a": {"token": "x"}, "b": {}}}"#)
        var program = Program()
        program.read(&reader)
        #expect(reader.finish() == [])
        #expect(program.port == 81 && program.tokens == ["a": ["x"]])
        #expect(reader.description(of: "programd")["port"]?.defaultText == "`80`")
    }

    @Test func markdownHasATableForEachObject() {
        let text = description().markdown
        #expect(
            text.hasPrefix(
                """
                ## programd

                | key | value | default | meaning |
                |---|---|---|---|
                | `port`<br>`MIAGENT_PORT`<br>`--port`<br>`-p` | 1 to 9000 | `80` | Where it listens. A change needs a restart. |
                | `name`<br>`MIAGENT_NAME` | text | the machine's | What it is called \\| said. |

                ### programd: `web`

                | key |
                """))
        #expect(
            text.hasSuffix(
                """
                ### programd: `agents.{id}`

                Agents by id.

                | key | value | default | meaning |
                |---|---|---|---|
                | `agents.{id}.token` | token or list of tokens | none: open | What it presents. |
                """))
    }

    @Test func theSchemaHasEveryKeyAndNoOther() throws {
        let schema = try JSONValue(decoding: Array(description().jsonSchema.utf8)[...])
        #expect(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema")
        #expect(schema["additionalProperties"] == false)
        let properties = try #require(schema["properties"])
        let port = try #require(properties["port"])
        #expect(port["type"] == "integer" && port["minimum"] == 1 && port["maximum"] == 9_000 && port["default"] == 80)
        #expect(
            port["description"]
                == "Where it listens. A change needs a restart. Variable: MIAGENT_PORT. Option: --port, -p.")
        let web = try #require(properties["web"]?["properties"])
        #expect(web["mode"]?["enum"] == ["off", "on"])
        #expect(web["waitMs"]?["maximum"] == nil)
        #expect(web["names"]?["type"] == ["string", "array"])
        let agents = try #require(properties["agents"])
        #expect(agents["description"] == "Agents by id." && agents["properties"] == nil)
        #expect(agents["additionalProperties"]?["properties"]?["token"]?["minItems"] == 1)
        #expect(agents["additionalProperties"]?["additionalProperties"] == false)
    }

    @Test func aFileMayNameItsSchema() {
        var reader = reader(#"{"$schema": "Docs/programd.schema.json", "port": 1, "web": {"$schema": "x"}}"#)
        var program = Program()
        program.read(&reader)
        #expect(reader.finish().map(\.message) == [#"unknown key "web.$schema""#])
    }

    @Test func limitsAreSettingsAndThenTheOthers() {
        var reader = SettingsReader.describing()
        reader.fixedLimits = [
            .fixed(262_144, unit: .bytes, "A message.", beyond: "close 1009"),
            .fixed(.seconds(1), "A pause.", beyond: "it goes on"),
            .fixed(1_500, "Waiters.", beyond: "503"), .fixed(999, unit: .bytes, "A line.", beyond: "400"),
        ]
        var (port, wait, memory, share, body) = (12_345_678, Duration.milliseconds(1_500), 2 << 30, Int?.none, 0)
        reader.read(.integer("port", in: 1...Int.max, "No limit."), into: &port)
        reader.read(.milliseconds("waitMs", in: 0...9, "How long.").beyond("504").onReload(.restart), into: &wait)
        reader.read(.mebibytes("memoryMiB", in: 1...8, "Memory.").beyond("the oldest go"), into: &memory)
        reader.read(.integer("share", in: 0...9, "A share.").defaulting(to: "a quarter").beyond("429"), into: &share)
        reader.read(.integer("body", in: 0...9, unit: .bytes, "A body; 0: no limit.").beyond("413"), into: &body)
        let description = reader.description(of: "programd")
        #expect(
            description.text(form: "limits") == """
                ### Limits of programd

                | limit | default | setting | beyond it |
                |---|---|---|---|
                | How long. | 1,500 ms | `waitMs` | 504 |
                | Memory. | 2 GiB | `memoryMiB` | the oldest go |
                | A share. | a quarter | `share` | 429 |
                | A body; 0: no limit. | 0 | `body` | 413 |
                | A message. | 256 KiB |  | close 1009 |
                | A pause. | 1 s |  | it goes on |
                | Waiters. | 1,500 |  | 503 |
                | A line. | 999 bytes |  | 400 |
                """)
        #expect(description.markdown.contains("| How long. Beyond it: 504. A change needs a restart. |"))
        #expect(description.jsonSchema.contains("How long. Unit: ms. Beyond it: 504. A change needs a restart. Variable:"))
    }

    @Test func formsAreKnownByName() {
        let description = description()
        #expect(description.text(form: "markdown") == description.markdown)
        #expect(description.text(form: "json-schema") == description.jsonSchema)
        #expect(description.text(form: "paths")?.hasSuffix("web.file\nweb.token") == true)
        #expect(description.text(form: "yaml") == nil)
    }

    // MARK: Declarations

    @Test func aParsedValueReportsEachProblemAtItsKey() {
        let setting = Setting.texts("names", "").parsed { names, refuse -> [Int]? in
            for name in names where Int(name) == nil { refuse("holds \"\(name)\"") }
            return names.compactMap { Int($0) }
        }
        var reader = reader(#"{"names": ["1", "x", "2", "y"]}"#)
        #expect(reader.read(setting) == [1, 2])
        #expect(reader.sentences() == [#"config.json:1:11: "names" holds "x""#, #"config.json:1:11: "names" holds "y""#])
    }

    @Test func aCheckedValueIsAbsentAfterAProblem() {
        let setting = Setting.integer("n", in: 0...9, "").checked { $0 % 2 == 0 ? nil : "must be even" }
        var even = reader(#"{"n": 4}"#)
        #expect(even.read(setting) == 4 && even.finish() == [])
        var odd = reader(environment: ["MIAGENT_N": "3"])
        #expect(odd.read(setting, default: 8) == 8)
        #expect(odd.sentences() == ["MIAGENT_N: must be even"])
    }

    @Test func aDefaultInHelpHasNoMarksAndIsLeftOutWhereThereIsNone() {
        let description = description()
        #expect(description["port"]?.shortDefault == "80")
        #expect(description["agents.{id}.token"]?.shortDefault == nil && description["web.token"]?.shortDefault == nil)
    }
}
