// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "fence-bench",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "fence-bench", dependencies: [.product(name: "Quarantine", package: "lazaret")])
    ]
)
