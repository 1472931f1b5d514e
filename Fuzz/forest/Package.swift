// swift-tools-version: 6.2
import PackageDescription

// SWIFT_BACKTRACE=enable=no swift build -c release --sanitize fuzzer
// .build/release/forest-fuzz -max_len=20000 corpus/
let package = Package(
    name: "forest-fuzz",
    dependencies: [.package(name: "lazaret", path: "../..")],
    targets: [
        .executableTarget(
            name: "forest-fuzz",
            dependencies: [.product(name: "IsolationForest", package: "lazaret")],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
    ]
)
