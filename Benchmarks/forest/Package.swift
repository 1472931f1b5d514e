// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "forest-benchmark",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "forest-bench",
            dependencies: [.product(name: "IsolationForest", package: "lazaret")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    ]
)
