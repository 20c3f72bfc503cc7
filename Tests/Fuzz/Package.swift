// swift-tools-version: 6.2
import PackageDescription

// One libFuzzer program for each kind of input. A package of its own, since every executable here lacks a `main` until
// libFuzzer supplies it: `swift build --sanitize=fuzzer` (see `run`). FuzzBodies is a symbolic link to the folder that the main
// package's seed tests use too, so that its branches are instrumented like those of the codecs.
let bodies: Target.Dependency = "FuzzBodies"

let package = Package(
    name: "miagent-fuzz",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "miagent", path: "../..")],
    targets: [
        .target(
            name: "FuzzBodies",
            dependencies: [
                .product(name: "RPCCore", package: "miagent"),
                .product(name: "WireWS", package: "miagent"),
                .product(name: "HTTPCodec", package: "miagent"),
                .product(name: "X509", package: "miagent"),
                .product(name: "MachineCore", package: "miagent"),
                .product(name: "TunnelLink", package: "miagent"),
                .product(name: "Inspection", package: "miagent"),
                .product(name: "WebConsole", package: "miagent"),
                .product(name: "ACMEKit", package: "miagent"),
                .product(name: "SocketKit", package: "miagent"),
            ]),
        .executableTarget(name: "FuzzJSON", dependencies: [bodies]),
        .executableTarget(name: "FuzzRPC", dependencies: [bodies]),
        .executableTarget(name: "FuzzWebSocket", dependencies: [bodies]),
        .executableTarget(name: "FuzzHTTPRequest", dependencies: [bodies]),
        .executableTarget(name: "FuzzHTTPResponse", dependencies: [bodies]),
        .executableTarget(name: "FuzzChunked", dependencies: [bodies]),
        .executableTarget(name: "FuzzInspector", dependencies: [bodies]),
        .executableTarget(name: "FuzzHeads", dependencies: [bodies]),
        .executableTarget(name: "FuzzTLS", dependencies: [bodies]),
        .executableTarget(name: "FuzzCertificate", dependencies: [bodies]),
        .executableTarget(name: "FuzzACME", dependencies: [bodies]),
    ],
    swiftLanguageModes: [.v6]
)
