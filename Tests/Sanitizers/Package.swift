// swift-tools-version: 6.2
import PackageDescription

// The suites of the modules with unsafe code, and no others: what a sanitizer would have to build in the main package takes
// three times as long. Their folders are symbolic links. `run` says which sanitizer it is for: threads meet in SocketKit alone.
let crossesThreads = Context.environment["SANITIZER"] == "thread"

func module(_ name: String) -> Target.Dependency { .product(name: name, package: "miagent") }

let support: Target.Dependency = "TestSupport"
let codecs: [Target] = [
    .testTarget(name: "PrimitivesTests", dependencies: [module("Primitives")]),
    .testTarget(name: "RPCCoreTests", dependencies: [module("RPCCore"), support]),
    .testTarget(name: "WireWSTests", dependencies: [module("WireWS"), support]),
    .testTarget(name: "HTTPCodecTests", dependencies: [module("HTTPCodec"), support]),
    .testTarget(
        name: "TunnelLinkTests",
        dependencies: [
            module("RPCCore"), module("WireWS"), module("HTTPCodec"), module("MachineCore"), module("TunnelLink"), support,
        ]),
    .testTarget(name: "InspectionTests", dependencies: [module("RPCCore"), module("HTTPCodec"), module("Inspection")]),
]

let package = Package(
    name: "miagent-sanitizers",
    platforms: [.macOS("26.0")],
    dependencies: [.package(name: "miagent", path: "../..")],
    targets: [
        .target(name: "TestSupport", dependencies: [module("MachineCore")]),
        .testTarget(
            name: "SocketKitTests", dependencies: [module("MachineCore"), module("X509"), module("SocketKit"), support]),
    ] + (crossesThreads ? [] : codecs),
    swiftLanguageModes: [.v6]
)
