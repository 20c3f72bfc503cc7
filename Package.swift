// swift-tools-version: 6.2
import PackageDescription

// Arrows point down only (Docs/Architecture.md); ArchitectureTests checks the imports against the same table.
let package = Package(
    name: "miagent",
    platforms: [.macOS("26.0")],
    products: [
        .library(name: "RPCCore", targets: ["RPCCore"]),
        .library(name: "WireWS", targets: ["WireWS"]),
        .library(name: "HTTPCodec", targets: ["HTTPCodec"]),
        .library(name: "MachineCore", targets: ["MachineCore"]),
        .library(name: "TunnelLink", targets: ["TunnelLink"]),
        .library(name: "GatewayKit", targets: ["GatewayKit"]),
        .library(name: "AgentKit", targets: ["AgentKit"]),
        .library(name: "SocketKit", targets: ["SocketKit"]),
        .executable(name: "gatewayd", targets: ["gatewayd"]),
        .executable(name: "agentd", targets: ["agentd"]),
    ],
    targets: [
        // Pure codecs and vocabulary: bytes in, bytes out; nothing of ours beneath them.
        .target(name: "RPCCore"),
        .target(name: "WireWS"),
        .target(name: "HTTPCodec"),
        .target(name: "MachineCore"),
        // State machines without I/O.
        .target(name: "TunnelLink", dependencies: ["RPCCore", "WireWS", "HTTPCodec", "MachineCore"]),
        .target(name: "GatewayKit", dependencies: ["TunnelLink", "RPCCore", "WireWS", "HTTPCodec", "MachineCore"]),
        .target(name: "AgentKit", dependencies: ["TunnelLink", "RPCCore", "WireWS", "HTTPCodec", "MachineCore"]),
        // The only module with sockets, clocks, threads and signals.
        .systemLibrary(name: "CLinux", path: "Sources/SocketKit/CLinux"),
        .target(
            name: "SocketKit",
            dependencies: ["MachineCore", .target(name: "CLinux", condition: .when(platforms: [.linux]))],
            exclude: ["CLinux"]),
        // Thin executables.
        .executableTarget(name: "gatewayd", dependencies: ["GatewayKit", "AgentKit", "SocketKit"]),
        .executableTarget(name: "agentd", dependencies: ["AgentKit", "SocketKit"]),
        // Tests.
        .target(name: "TestSupport", dependencies: ["MachineCore"], path: "Tests/TestSupport"),
        .testTarget(name: "MachineCoreTests", dependencies: ["MachineCore", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6]
)
