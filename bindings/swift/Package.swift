// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "exogpu",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [.library(name: "Exogpu", targets: ["Exogpu"])],
    targets: [
        .systemLibrary(name: "CExogpu", pkgConfig: "exogpu"),
        .target(name: "Exogpu", dependencies: ["CExogpu"]),
        .testTarget(name: "ExogpuTests", dependencies: ["Exogpu", "CExogpu"]),
    ]
)
