// swift-tools-version: 6.2
import PackageDescription

// A program of its own, so that the main package builds nothing that only measures. `run` builds, runs and counts.
let package = Package(
    name: "miagent-benchmarks",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "miagent", path: "../..")],
    targets: [
        .executableTarget(
            name: "Benchmarks",
            dependencies: ["RPCCore", "WireWS", "HTTPCodec", "MachineCore", "TunnelLink", "GatewayKit", "AgentKit"].map {
                .product(name: $0, package: "miagent")
            })
    ],
    swiftLanguageModes: [.v6]
)
