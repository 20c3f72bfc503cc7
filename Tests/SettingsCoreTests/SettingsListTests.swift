// Lists of objects: their elements are read in order, what is wrong in one names its place, and they are described once.

import RPCCore
import Testing

@testable import SettingsCore

@Suite struct SettingsListTests {
    private static let listeners = SettingsList("net.listeners", "Where to listen.")

    private func read(_ reader: inout SettingsReader) -> [String] {
        var all: [String] = []
        reader.eachElement(of: Self.listeners) { index, element in
            let host = element.read(.text("host", "The address."), default: "any")
            let port = element.read(.integer("port", in: 0...9, "The port."))
            let file = element.read(.file("tls.key", "A file."))
            if port == nil, !element.exists("port") { element.problem("port", "is required") }
            all.append("\(index) \(host) \(port ?? -1) \(file ?? "-")")
        }
        return all
    }

    @Test func elementsAreReadInOrder() {
        var reader = reader(#"{"net": {"listeners": [{"port": 1, "tls": {"key": "k"}}, {"host": "b", "port": 2}]}}"#)
        #expect(read(&reader) == ["0 any 1 k", "1 b 2 -"])
        #expect(reader.sentences() == [])
        for text in ["{}", #"{"net": {"listeners": null}}"#, #"{"net": {"listeners": []}}"#] {
            var reader = SettingsCoreTests.reader(text)
            #expect(read(&reader) == [])
            #expect(reader.sentences() == [])
        }
    }

    @Test(arguments: [
        (
            #"[{"port": 1}, {"port": 10}]"#,
            #"config.json:1:46: "net.listeners[1].port" must be a whole number from 0 to 9, not 10"#
        ),
        (#"[{"host": "a"}]"#, #"config.json:1:24: "net.listeners[0].port" is required"#),
        (
            #"[{"port": 1, "prot": 2}]"#,
            #"config.json:1:36: unknown key "net.listeners[0].prot"; did you mean "port"?"#
        ),
        (
            #"[{"port": 1, "tls": {"kee": 2}}]"#,
            #"config.json:1:44: unknown key "net.listeners[0].tls.kee"; did you mean "key"?"#
        ),
        (#"{"port": 1}"#, #"config.json:1:23: "net.listeners" must be a list of objects, not an object"#),
        (#""80""#, #"config.json:1:23: "net.listeners" must be a list of objects, not text"#),
        (#"[80]"#, #"config.json:1:24: "net.listeners[0]" must be an object, not a number"#),
    ]) func whatIsWrongNamesItsPlace(list: String, sentence: String) {
        var reader = reader(#"{"net": {"listeners": \#(list)}}"#)
        _ = read(&reader)
        #expect(reader.sentences().contains(sentence), "\(reader.sentences())")
    }

    @Test func variablesDoNotReachIn() {
        var reader = reader("{}", environment: ["MIAGENT_NET_LISTENERS": "x", "MIAGENT_NET_LISTENERS_PORT": "1"])
        #expect(read(&reader) == [])
        #expect(reader.sentences().count == 2)
    }

    @Test func elementsAreDescribedOnce() throws {
        var reader = SettingsReader.describing()
        _ = read(&reader)
        let description = reader.description(of: "programd")
        #expect(
            description.settings.map(\.path) == ["net.listeners[].host", "net.listeners[].port", "net.listeners[].tls.key"])
        #expect(description.settings.allSatisfy { $0.variable == nil })
        #expect(description.markdown.contains("### programd: `net.listeners[]`\n\nWhere to listen.\n\n| key |"))
        let schema = try JSONValue(decoding: Array(description.jsonSchema.utf8)[...])
        let list = try #require(schema["properties"]?["net"]?["properties"]?["listeners"])
        #expect(list["type"] == "array" && list["description"] == "Where to listen.")
        #expect(list["items"]?["properties"]?["port"]?["maximum"] == 9)
        #expect(list["items"]?["additionalProperties"] == false)
    }
}
