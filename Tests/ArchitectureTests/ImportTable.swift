// Which module may import which: the table of Docs/Architecture.md, as data. Arrows point down only.
// The standard library needs no import; what is not in a module's row is refused, Foundation included.

/// A module of Sources.
struct ModuleRule: Sendable {
    enum Layer: Sendable {
        /// A codec or a machine: no clock, no randomness, no I/O, nothing that traps.
        case pure
        /// Touches the system.
        case system
        /// An executable, not a product that others build on.
        case daemon
    }

    let name: String
    let layer: Layer
    let mayImport: Set<String>
}

private let codecs: Set = ["Primitives", "RPCCore", "WireWS", "HTTPCodec", "MachineCore"]
private let machines = codecs.union(["TunnelLink"])
private let platform: Set = ["Glibc", "Musl", "Darwin", "Dispatch", "Synchronization"]
private let daemon = machines.union([
    "AgentKit", "SettingsCore", "SocketKit", "WebConsole", "Foundation", "Dispatch", "Synchronization",
])

let moduleRules: [ModuleRule] = [
    ModuleRule(name: "Primitives", layer: .pure, mayImport: []),
    ModuleRule(name: "RPCCore", layer: .pure, mayImport: ["Primitives"]),
    ModuleRule(name: "SettingsCore", layer: .pure, mayImport: ["Primitives", "RPCCore"]),
    ModuleRule(name: "WireWS", layer: .pure, mayImport: []),
    ModuleRule(name: "HTTPCodec", layer: .pure, mayImport: ["Primitives"]),
    ModuleRule(name: "X509", layer: .pure, mayImport: ["Primitives", "RPCCore"]),
    ModuleRule(name: "MachineCore", layer: .pure, mayImport: ["Primitives"]),
    ModuleRule(name: "TunnelLink", layer: .pure, mayImport: codecs),
    ModuleRule(name: "Inspection", layer: .pure, mayImport: ["Primitives", "RPCCore", "HTTPCodec"]),
    ModuleRule(name: "WebConsole", layer: .pure, mayImport: ["Primitives", "RPCCore", "HTTPCodec"]),
    ModuleRule(name: "GatewayKit", layer: .pure, mayImport: machines.union(["SettingsCore", "Inspection", "WebConsole"])),
    ModuleRule(name: "AgentKit", layer: .pure, mayImport: machines.union(["SettingsCore", "Inspection"])),
    ModuleRule(
        name: "InspectorKit", layer: .pure, mayImport: ["RPCCore", "HTTPCodec", "MachineCore", "Inspection", "WebConsole"]),
    ModuleRule(name: "ACMEKit", layer: .pure, mayImport: ["Primitives", "RPCCore", "HTTPCodec", "X509", "MachineCore"]),
    ModuleRule(name: "SocketKit", layer: .system, mayImport: platform.union(["Primitives", "MachineCore", "X509", "CLinux"])),
    ModuleRule(name: "gatewayd", layer: .daemon, mayImport: daemon.union(["GatewayKit", "ACMEKit", "X509"])),
    ModuleRule(name: "agentd", layer: .daemon, mayImport: daemon.union(["InspectorKit", "X509"])),
]

/// The modules that `tokens` import, with the line of each; conditional, scoped (`import struct A.B`) and attributed ones too.
func imports(in tokens: [Token]) -> [(module: String, line: Int)] {
    let scopes: Set = ["struct", "class", "enum", "protocol", "typealias", "func", "var", "let", "macro", "actor"]
    return tokens.indices.compactMap { index in
        guard tokens[index].isWord("import") else { return nil }
        var next = index + 1
        if next < tokens.count, tokens[next].kind == .word, scopes.contains(tokens[next].text) { next += 1 }
        guard next < tokens.count, tokens[next].kind == .word else { return nil }
        return (tokens[next].text, tokens[index].line)
    }
}

/// The imports of `file` that `rule` does not allow.
func forbiddenImports(in file: SourceFile, rule: ModuleRule) -> [Finding] {
    imports(in: file.tokens).filter { !rule.mayImport.contains($0.module) }.map {
        Finding(path: file.path, line: $0.line, what: "\(rule.name) may not import \($0.module)")
    }
}
