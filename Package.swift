// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
let librarySettings = strict + [.strictMemorySafety()]

/// A library target. It can import only the targets and products in `uses`; the build refuses others
/// (`swift build --explicit-target-dependency-import-check error`).
func library(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, swiftSettings: librarySettings)
}

/// The test target of a library target.
func tests(of name: String, uses: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestKit"] + uses,
        swiftSettings: strict)
}

/// The program contains Swift's libraries, so that it runs on machines without Swift. Tests cannot,
/// because Swift Testing exists as a shared library only. So everything is compiled once, against the
/// shared libraries, and only the program is linked against the static ones. Sanitizers need the
/// shared ones there, too: they set LAZARET_SHARED_RUNTIME.
let isShared = Context.environment["LAZARET_SHARED_RUNTIME"] != nil
let staticRuntime: [LinkerSetting] =
    isShared
    ? []
    : [
        .unsafeFlags(
            ["-static-stdlib"]
                + ([
                    "--start-group", "-lFoundation", "-lCoreFoundation", "-lFoundationEssentials",
                    "-lFoundationInternationalization", "-l_FoundationICU",
                    "-l_FoundationCShims", "-l_FoundationCollections", "-lswiftSynchronization",
                    "-lswiftDispatch", "-ldispatch", "-lBlocksRuntime", "--end-group",
                ]).flatMap { ["-Xlinker", $0] })
    ]

let package = Package(
    name: "lazaret",
    products: [
        .executable(name: "lazaret", targets: ["lazaret"]),
        .library(name: "IsolationForest", targets: ["IsolationForest"]),
        .library(name: "Metering", targets: ["PacketCapture", "PacketDecoding", "FlowMetering"]),
        .library(name: "Quarantine", targets: ["Quarantine", "Enforcement", "NetworkAddresses"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Part of these two's interfaces: buffers, certificates, log lines, header fields.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.27.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    ],
    targets: [
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(
            name: "CNetfilter", pkgConfig: "libnftnl libmnl",
            providers: [.apt(["libnftnl-dev", "libmnl-dev"])]),

        .systemLibrary(
            name: "CCompression", pkgConfig: "zlib libzstd",
            providers: [.apt(["zlib1g-dev", "libzstd-dev"])]),
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CPrivileges"),

        library("Timestamps"),
        library("SystemSupport", uses: ["TextFormats", "CPrivileges"]),
        library("TextFormats", uses: ["Timestamps"]),
        library("YAMLFiles", uses: [.product(name: "Yams", package: "Yams")]),
        library("NetworkAddresses"),
        library("PacketCapture", uses: ["CPcap", "CCompression"]),
        library("PacketDecoding", uses: ["NetworkAddresses"]),
        library("FlowMetering", uses: ["NetworkAddresses", "PacketDecoding", "CPrefetch"]),
        library(
            "PacketIntake", uses: ["NetworkAddresses", "PacketCapture", "PacketDecoding"]),
        library(
            "FlowExport",
            uses: [
                "SystemSupport", "NetworkAddresses", "PacketCapture", "PacketDecoding",
                "PacketIntake", "FlowMetering",
            ]),
        library(
            "Workloads",
            uses: [
                "Timestamps", "YAMLFiles", "NetworkAddresses",
                .product(name: "Yams", package: "Yams"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        library(
            "FeatureExtraction",
            uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads"]),
        library("IsolationForest"),
        library(
            "AnomalyDetection",
            uses: [
                "TextFormats", "NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads",
                "FeatureExtraction", "IsolationForest",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        library("Nftables", uses: ["NetworkAddresses", "CNetfilter"]),
        library("Quarantine", uses: ["NetworkAddresses"]),
        library(
            "Enforcement",
            uses: [
                "Timestamps", "SystemSupport", "NetworkAddresses", "Nftables", "CNetfilter",
                "Quarantine",
            ]),
        library(
            "EventStore",
            uses: [
                "SystemSupport", "Quarantine",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        library(
            "Events",
            uses: [
                "TextFormats", "SystemSupport", "NetworkAddresses", "FeatureExtraction",
                "AnomalyDetection", "Quarantine",
            ]),
        library(
            "Decisions",
            uses: [
                "NetworkAddresses", "Workloads", "FeatureExtraction", "AnomalyDetection",
                "Quarantine", "Events",
            ]),
        library(
            "HTMLReport",
            uses: [
                "TextFormats", "NetworkAddresses", "FeatureExtraction", "AnomalyDetection",
                "Quarantine", "Events",
            ]),
        library(
            "EventDelivery",
            uses: [
                "SystemSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        library(
            "ModelFiles",
            uses: [
                "TextFormats", "SystemSupport", "NetworkAddresses", "Workloads",
                "FeatureExtraction", "AnomalyDetection", "Events",
            ]),
        library(
            "Offline",
            uses: [
                "Timestamps", "TextFormats", "SystemSupport", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "PacketIntake", "FlowMetering", "Workloads",
                "FeatureExtraction", "AnomalyDetection", "Quarantine", "Events", "Decisions",
                "HTMLReport", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        library(
            "Monitor",
            uses: [
                "TextFormats", "SystemSupport", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "PacketIntake", "FlowMetering", "Workloads",
                "FeatureExtraction", "AnomalyDetection", "Quarantine", "Enforcement", "Events",
                "Decisions", "EventStore", "EventDelivery", "ModelFiles",
            ]),
        library(
            "Settings",
            uses: [
                "Timestamps", "TextFormats", "SystemSupport", "YAMLFiles", "NetworkAddresses",
                "PacketCapture", "Workloads", "AnomalyDetection", "Quarantine", "Enforcement",
                "EventDelivery", "ModelFiles", "Monitor",
                .product(name: "Yams", package: "Yams"),
            ]),
        library(
            "ControlServer",
            uses: [
                "TextFormats", "SystemSupport", "NetworkAddresses", "Quarantine", "Events",
                "HTMLReport", "EventStore", "Monitor", "Settings",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "lazaret",
            dependencies: [
                "Timestamps", "TextFormats", "SystemSupport", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "FlowMetering", "FlowExport", "Workloads", "FeatureExtraction",
                "AnomalyDetection", "Quarantine", "Enforcement", "Events", "HTMLReport",
                "EventStore", "ModelFiles", "Offline", "Monitor", "Settings", "ControlServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict, linkerSettings: staticRuntime),

        .target(
            name: "TestKit", dependencies: ["NetworkAddresses", "Quarantine"],
            path: "Tests/TestKit", swiftSettings: strict),
        tests(of: "Timestamps"),
        tests(of: "TextFormats"),
        tests(of: "NetworkAddresses"),
        tests(of: "PacketCapture", uses: ["CPcap", "PacketDecoding", "FlowMetering"]),
        tests(of: "PacketDecoding", uses: ["NetworkAddresses"]),
        tests(of: "PacketIntake", uses: ["NetworkAddresses", "PacketDecoding"]),
        tests(of: "FlowMetering", uses: ["NetworkAddresses", "PacketDecoding"]),
        tests(
            of: "FlowExport", uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering"]),
        tests(of: "Workloads", uses: ["NetworkAddresses"]),
        tests(
            of: "FeatureExtraction",
            uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads"]),
        tests(of: "IsolationForest"),
        tests(
            of: "AnomalyDetection", uses: ["NetworkAddresses", "FeatureExtraction", "Workloads"]),
        tests(of: "Quarantine", uses: ["NetworkAddresses"]),
        tests(of: "Enforcement", uses: ["NetworkAddresses", "Quarantine"]),
        tests(of: "EventStore", uses: ["NetworkAddresses", "Quarantine", "Enforcement"]),
        tests(of: "EventDelivery", uses: ["SystemSupport"]),
        tests(
            of: "HTMLReport",
            uses: ["TextFormats", .product(name: "Crypto", package: "swift-crypto")]),
        tests(
            of: "Monitor",
            uses: [
                "SystemSupport", "NetworkAddresses", "PacketCapture", "PacketDecoding",
                "FlowMetering", "Workloads", "AnomalyDetection", "Offline",
            ]),
        .testTarget(
            name: "CommandLineTests", dependencies: ["TestKit"], swiftSettings: strict),
        // What needs real containers: these want the machine for themselves.
        .testTarget(
            name: "ContainerTests",
            dependencies: ["Workloads", "NetworkAddresses", "TestKit"],
            swiftSettings: strict),
    ]
)
