// swift-tools-version: 6.2
import PackageDescription

// CI treats warnings as errors; whoever builds with another compiler is not held up by a new one.
let settings: [SwiftSetting] = Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]
// What unsafe code there is says so, expression by expression, and lies in few files (UnsafeFilesTests has the list).
let strict = settings + [.strictMemorySafety()]

// Arrows point down only (Docs/Architecture.md). Each target names exactly what its files import; ArchitectureTests compares.
let package = Package(
    name: "miagent",
    platforms: [.macOS("26.0")],
    products: [
        .library(name: "Primitives", targets: ["Primitives"]),
        .library(name: "RPCCore", targets: ["RPCCore"]),
        .library(name: "WireWS", targets: ["WireWS"]),
        .library(name: "HTTPCodec", targets: ["HTTPCodec"]),
        .library(name: "X509", targets: ["X509"]),
        .library(name: "MachineCore", targets: ["MachineCore"]),
        .library(name: "SettingsCore", targets: ["SettingsCore"]),
        .library(name: "TunnelLink", targets: ["TunnelLink"]),
        .library(name: "Inspection", targets: ["Inspection"]),
        .library(name: "WebConsole", targets: ["WebConsole"]),
        .library(name: "GatewayKit", targets: ["GatewayKit"]),
        .library(name: "AgentKit", targets: ["AgentKit"]),
        .library(name: "InspectorKit", targets: ["InspectorKit"]),
        .library(name: "ACMEKit", targets: ["ACMEKit"]),
        .library(name: "SocketKit", targets: ["SocketKit"]),
        .executable(name: "gatewayd", targets: ["gatewayd"]),
        .executable(name: "agentd", targets: ["agentd"]),
    ],
    targets: [
        // What several modules need and none of them owns: digits, the calendar, times as text, SHA-256, near names.
        .target(name: "Primitives", swiftSettings: strict),
        // Pure codecs and vocabulary: bytes in, bytes out.
        .target(name: "RPCCore", dependencies: ["Primitives"], swiftSettings: strict),
        .target(name: "WireWS", swiftSettings: settings),
        .target(name: "HTTPCodec", dependencies: ["Primitives"], swiftSettings: settings),
        .target(name: "X509", dependencies: ["Primitives", "RPCCore"], swiftSettings: strict),
        .target(name: "MachineCore", dependencies: ["Primitives"], swiftSettings: strict),
        // Settings: files, variables and options as plain values.
        .target(name: "SettingsCore", dependencies: ["Primitives", "RPCCore"], swiftSettings: strict),
        // State machines without I/O, and what they share.
        .target(name: "TunnelLink", dependencies: ["RPCCore", "WireWS", "HTTPCodec", "MachineCore"], swiftSettings: settings),
        // What the request inspectors record: exchanges with their secrets masked.
        .target(name: "Inspection", dependencies: ["Primitives", "RPCCore", "HTTPCodec"], swiftSettings: strict),
        // The pages that people see of either daemon.
        .target(
            name: "WebConsole",
            dependencies: ["Primitives", "RPCCore", "HTTPCodec"],
            resources: [.embedInCode("Resources")], swiftSettings: strict),
        .target(
            name: "GatewayKit",
            dependencies: [
                "Primitives", "RPCCore", "WireWS", "HTTPCodec", "MachineCore", "SettingsCore", "TunnelLink", "Inspection",
                "WebConsole",
            ],
            swiftSettings: settings),
        .target(
            name: "AgentKit",
            dependencies: [
                "Primitives", "RPCCore", "WireWS", "HTTPCodec", "MachineCore", "SettingsCore", "TunnelLink", "Inspection",
            ],
            swiftSettings: settings),
        // The request inspector of an agent's own machine.
        .target(
            name: "InspectorKit",
            dependencies: ["RPCCore", "HTTPCodec", "MachineCore", "Inspection", "WebConsole"], swiftSettings: strict),
        // Certificates from a CA by themselves.
        .target(
            name: "ACMEKit",
            dependencies: ["Primitives", "RPCCore", "HTTPCodec", "X509", "MachineCore"],
            swiftSettings: strict),
        // The only module with sockets, clocks, threads, signals and TLS.
        .systemLibrary(name: "CLinux", path: "Sources/SocketKit/CLinux"),
        .target(
            name: "SocketKit",
            dependencies: [
                "Primitives", "MachineCore", "X509", .target(name: "CLinux", condition: .when(platforms: [.linux])),
            ],
            exclude: ["CLinux"], swiftSettings: strict),
        // Thin executables.
        .executableTarget(
            name: "gatewayd",
            dependencies: [
                "Primitives", "RPCCore", "HTTPCodec", "X509", "MachineCore", "SettingsCore", "TunnelLink", "GatewayKit",
                "AgentKit",
                "ACMEKit", "SocketKit",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "agentd",
            dependencies: ["X509", "MachineCore", "SettingsCore", "WebConsole", "AgentKit", "InspectorKit", "SocketKit"],
            swiftSettings: strict),
        // Tests: one suite a module, and what they share.
        .target(name: "TestSupport", dependencies: ["MachineCore"], path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "FuzzBodies",
            dependencies: [
                "RPCCore", "WireWS", "HTTPCodec", "X509", "MachineCore", "TunnelLink", "Inspection", "WebConsole", "ACMEKit",
                "SocketKit",
            ],
            path: "Tests/FuzzBodies", swiftSettings: settings),
        .testTarget(name: "PrimitivesTests", dependencies: ["Primitives"], swiftSettings: settings),
        .testTarget(name: "RPCCoreTests", dependencies: ["RPCCore", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "WireWSTests", dependencies: ["WireWS", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "HTTPCodecTests", dependencies: ["HTTPCodec", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "X509Tests", dependencies: ["X509", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "MachineCoreTests", dependencies: ["MachineCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "SettingsCoreTests", dependencies: ["RPCCore", "SettingsCore", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "TunnelLinkTests",
            dependencies: ["RPCCore", "WireWS", "HTTPCodec", "MachineCore", "TunnelLink", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "InspectionTests", dependencies: ["RPCCore", "HTTPCodec", "Inspection"], swiftSettings: settings),
        .testTarget(name: "WebConsoleTests", dependencies: ["Primitives", "RPCCore", "WebConsole"], swiftSettings: settings),
        .testTarget(
            name: "GatewayKitTests",
            dependencies: [
                "RPCCore", "WireWS", "HTTPCodec", "MachineCore", "SettingsCore", "TunnelLink", "WebConsole", "GatewayKit",
                "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "AgentKitTests",
            dependencies: [
                "RPCCore", "WireWS", "HTTPCodec", "MachineCore", "SettingsCore", "TunnelLink", "Inspection", "AgentKit",
                "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "InspectorKitTests",
            dependencies: ["RPCCore", "HTTPCodec", "MachineCore", "Inspection", "InspectorKit"], swiftSettings: settings),
        .testTarget(
            name: "ACMEKitTests", dependencies: ["Primitives", "RPCCore", "HTTPCodec", "X509", "MachineCore", "ACMEKit"],
            swiftSettings: settings),
        .testTarget(
            name: "SocketKitTests", dependencies: ["MachineCore", "X509", "SocketKit", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "AgentDaemonTests",
            dependencies: ["X509", "MachineCore", "SettingsCore", "AgentKit", "SocketKit", "agentd"],
            swiftSettings: settings),
        .testTarget(
            name: "GatewayDaemonTests",
            dependencies: ["X509", "MachineCore", "GatewayKit", "ACMEKit", "SocketKit", "gatewayd"],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "HTTPCodec", "X509", "MachineCore", "TunnelLink", "GatewayKit", "AgentKit", "SocketKit", "TestSupport",
            ],
            swiftSettings: settings),
        // Runs the daemons, which are named so that they are built.
        .testTarget(
            name: "DaemonTests",
            dependencies: ["X509", "MachineCore", "SettingsCore", "SocketKit", "gatewayd", "agentd", "TestSupport"],
            swiftSettings: settings),
        .testTarget(name: "FuzzSeedTests", dependencies: ["FuzzBodies", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
