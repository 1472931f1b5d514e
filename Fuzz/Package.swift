// swift-tools-version: 6.2
import PackageDescription

func fuzzer(
    _ name: String, of product: String = "Metering", and more: [Target.Dependency] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: [.product(name: product, package: "lazaret")] + more,
        swiftSettings: [.swiftLanguageMode(.v6)])
}

let package = Package(
    name: "Fuzz",
    dependencies: [
        .package(name: "lazaret", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        fuzzer("FuzzDecoder"), fuzzer("FuzzCapture"), fuzzer("FuzzDNS"),
        fuzzer("FuzzModel", of: "Detection"),
        fuzzer(
            "FuzzAPI", of: "Control", and: [.product(name: "Logging", package: "swift-log")]),
    ])
