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
        .target(name: "FuzzSupport", swiftSettings: [.swiftLanguageMode(.v6)]),
        fuzzer("FuzzDecoder"), fuzzer("FuzzCapture", and: ["FuzzSupport"]), fuzzer("FuzzDNS"),
        fuzzer("FuzzIndicators", of: "Indicators", and: ["FuzzSupport"]),
        fuzzer("FuzzImages", of: "ImageReports", and: ["FuzzSupport"]),
        fuzzer("FuzzRuntimeEvents", of: "RuntimeEventFiles", and: ["FuzzSupport"]),
        fuzzer("FuzzModel", of: "Detection"),
        fuzzer(
            "FuzzAPI", of: "Control", and: [.product(name: "Logging", package: "swift-log")]),
    ])
