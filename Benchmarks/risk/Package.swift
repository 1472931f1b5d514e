// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "risk-bench",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "risk-bench",
            dependencies: [.product(name: "Risk", package: "lazaret")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    ]
)
