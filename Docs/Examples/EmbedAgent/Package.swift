// swift-tools-version: 6.2
import PackageDescription

func miagent(_ products: String...) -> [Target.Dependency] {
    products.map { .product(name: $0, package: "miagent") }
}

let package = Package(
    name: "EmbedAgent",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "miagent", path: "../../..")],
    targets: [
        .executableTarget(name: "TenLines", dependencies: miagent("AgentKit", "SocketKit", "TunnelLink")),
        .executableTarget(name: "EmbedAgent", dependencies: miagent("AgentKit", "HTTPCodec", "SocketKit", "TunnelLink")),
        .executableTarget(name: "OwnLoop", dependencies: miagent("AgentKit", "MachineCore", "TunnelLink")),
    ],
    swiftLanguageModes: [.v6]
)
