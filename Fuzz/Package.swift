// swift-tools-version: 6.2
import PackageDescription

func fuzzer(_ name: String, of product: String = "Metering") -> Target {
    .executableTarget(
        name: name, dependencies: [.product(name: product, package: "lazaret")],
        swiftSettings: [.swiftLanguageMode(.v6)])
}

let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "lazaret", path: "..")],
    targets: [
        fuzzer("FuzzDecoder"), fuzzer("FuzzCapture"), fuzzer("FuzzDNS"),
        fuzzer("FuzzModel", of: "Detection"), fuzzer("FuzzAPI", of: "Control"),
    ])
