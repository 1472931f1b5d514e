// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "history-bench",
    dependencies: [
        .package(name: "lazaret", path: "../.."),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        .executableTarget(
            name: "history-bench",
            dependencies: [
                .product(name: "History", package: "lazaret"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)])
    ])
