// swift-tools-version: 6.2
import PackageDescription

func fuzzer(_ name: String) -> Target {
    .executableTarget(
        name: name, dependencies: [.product(name: "Metering", package: "lazaret")],
        swiftSettings: [.swiftLanguageMode(.v6)])
}

let package = Package(
    name: "Fuzz",
    dependencies: [.package(name: "lazaret", path: "..")],
    targets: [fuzzer("FuzzDecoder"), fuzzer("FuzzCapture"), fuzzer("FuzzDNS")])
