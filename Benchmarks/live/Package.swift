// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "live-benchmark",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "capture-bench", dependencies: [.product(name: "Metering", package: "lazaret")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    ]
)
