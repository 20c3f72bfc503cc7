// swift-tools-version: 6.2
import PackageDescription

// CI treats warnings as errors; whoever builds with another compiler is not held up by a new one.
let settings: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

let codecs: [Target.Dependency] = ["RPCCore", "WireWS", "HTTPCodec", "MachineCore"]

// Arrows point down only (Docs/Architecture.md); ArchitectureTests checks the imports against the same table.
let package = Package(
    name: "miagent",
    platforms: [.macOS("26.0")],
    products: [
        .library(name: "RPCCore", targets: ["RPCCore"]),
        .library(name: "SettingsCore", targets: ["SettingsCore"]),
        .library(name: "WireWS", targets: ["WireWS"]),
        .library(name: "HTTPCodec", targets: ["HTTPCodec"]),
        .library(name: "MachineCore", targets: ["MachineCore"]),
        .library(name: "TunnelLink", targets: ["TunnelLink"]),
        .library(name: "WebConsole", targets: ["WebConsole"]),
        .library(name: "GatewayKit", targets: ["GatewayKit"]),
        .library(name: "AgentKit", targets: ["AgentKit"]),
        .library(name: "SocketKit", targets: ["SocketKit"]),
        .executable(name: "gatewayd", targets: ["gatewayd"]),
        .executable(name: "agentd", targets: ["agentd"]),
    ],
    targets: [
        // Pure codecs and vocabulary: bytes in, bytes out; nothing of ours beneath them.
        .target(name: "RPCCore", swiftSettings: settings),
        .target(name: "WireWS", swiftSettings: settings),
        .target(name: "HTTPCodec", swiftSettings: settings),
        .target(name: "MachineCore", swiftSettings: settings),
        // Settings: files, variables and options as plain values.
        .target(name: "SettingsCore", dependencies: ["RPCCore"], swiftSettings: settings),
        // State machines without I/O.
        .target(name: "TunnelLink", dependencies: codecs, swiftSettings: settings),
        // What people see of either daemon: pages, and the memory of the request inspector.
        .target(
            name: "WebConsole", dependencies: ["RPCCore", "HTTPCodec", "MachineCore"],
            resources: [.embedInCode("Resources")], swiftSettings: settings),
        .target(
            name: "GatewayKit", dependencies: codecs + ["SettingsCore", "TunnelLink", "WebConsole"], swiftSettings: settings),
        .target(
            name: "AgentKit", dependencies: codecs + ["SettingsCore", "TunnelLink", "WebConsole"], swiftSettings: settings),
        // The only module with sockets, clocks, threads and signals.
        .systemLibrary(name: "CLinux", path: "Sources/SocketKit/CLinux"),
        .target(
            name: "SocketKit",
            dependencies: ["MachineCore", .target(name: "CLinux", condition: .when(platforms: [.linux]))],
            exclude: ["CLinux"], swiftSettings: settings),
        // Thin executables.
        .executableTarget(
            name: "gatewayd", dependencies: ["GatewayKit", "AgentKit", "SettingsCore", "SocketKit", "WebConsole"],
            swiftSettings: settings),
        .executableTarget(
            name: "agentd", dependencies: ["AgentKit", "SettingsCore", "SocketKit", "WebConsole"], swiftSettings: settings),
        // Tests: one suite a module, and what they share.
        .target(name: "TestSupport", dependencies: ["MachineCore"], path: "Tests/TestSupport", swiftSettings: settings),
        .target(name: "FuzzBodies", dependencies: codecs + ["WebConsole"], path: "Tests/FuzzBodies", swiftSettings: settings),
        .testTarget(name: "MachineCoreTests", dependencies: ["MachineCore", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "RPCCoreTests", dependencies: ["RPCCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "SettingsCoreTests", dependencies: ["SettingsCore", "RPCCore", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "WireWSTests", dependencies: ["WireWS", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "HTTPCodecTests", dependencies: ["HTTPCodec", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "TunnelLinkTests", dependencies: codecs + ["TunnelLink", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "WebConsoleTests", dependencies: ["WebConsole", "RPCCore", "HTTPCodec", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "GatewayKitTests",
            dependencies: codecs + ["GatewayKit", "SettingsCore", "TunnelLink", "WebConsole", "TestSupport"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgentKitTests",
            dependencies: codecs + ["AgentKit", "SettingsCore", "TunnelLink", "WebConsole", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "AgentDaemonTests", dependencies: ["agentd", "AgentKit", "MachineCore"], swiftSettings: settings),
        .testTarget(
            name: "SocketKitTests", dependencies: ["SocketKit", "MachineCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "WorldTests", dependencies: codecs + ["GatewayKit", "AgentKit", "TunnelLink", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "DaemonTests", dependencies: ["gatewayd", "agentd", "HTTPCodec", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "FuzzSeedTests", dependencies: ["FuzzBodies", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
