// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "indicators-bench",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "indicators-bench",
            dependencies: [.product(name: "Indicators", package: "lazaret")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    ]
)
