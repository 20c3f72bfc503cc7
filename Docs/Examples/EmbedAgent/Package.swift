// swift-tools-version: 6.2
import PackageDescription

let miagent = ["AgentKit", "HTTPCodec", "SocketKit", "TunnelLink"].map {
    Target.Dependency.product(name: $0, package: "miagent")
}

let package = Package(
    name: "EmbedAgent",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "miagent", path: "../../..")],
    targets: [.executableTarget(name: "EmbedAgent", dependencies: miagent)],
    swiftLanguageModes: [.v6]
)
