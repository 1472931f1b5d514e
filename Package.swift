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
let room = strict + [.strictMemorySafety()]

/// One target per room. `uses` are the arrows: the build refuses an import that is not listed here.
func room(_ name: String, uses: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: uses, swiftSettings: room)
}

/// The tests of the room of the same name.
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
        .library(name: "Quarantine", targets: ["Quarantine", "NetworkAddresses"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", "3.12.3"..<"5.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    ],
    targets: [
        .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
        .systemLibrary(
            name: "CNetfilter", pkgConfig: "libnftnl libmnl",
            providers: [.apt(["libnftnl-dev", "libmnl-dev"])]),

        .systemLibrary(
            name: "CCompression", pkgConfig: "zlib libzstd",
            providers: [.apt(["zlib1g-dev", "libzstd-dev"])]),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CPrivileges"),

        room("NetworkAddresses"),
        room("HTTPClient", uses: ["CCurl"]),
        room("PacketCapture", uses: ["CPcap", "CCompression"]),
        room("PacketDecoding", uses: ["NetworkAddresses"]),
        room("FlowMetering", uses: ["NetworkAddresses", "PacketDecoding", "CPrefetch"]),
        room(
            "Workloads",
            uses: [
                "NetworkAddresses", "HTTPClient", .product(name: "Yams", package: "Yams"),
            ]),
        room(
            "FeatureExtraction",
            uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads"]),
        room("IsolationForest"),
        room(
            "AnomalyDetection",
            uses: [
                "NetworkAddresses", "Workloads", "FeatureExtraction", "IsolationForest",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        room("Quarantine", uses: ["NetworkAddresses", "CNetfilter"]),
        room(
            "EventStore",
            uses: [
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        room(
            "Reporting",
            uses: [
                "NetworkAddresses", "PacketDecoding", "FlowMetering", "FeatureExtraction",
                "AnomalyDetection", "Quarantine",
            ]),
        room(
            "EventDelivery",
            uses: [
                "HTTPClient", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        room(
            "Pipeline",
            uses: [
                "NetworkAddresses", "PacketCapture", "PacketDecoding", "FlowMetering", "Workloads",
                "FeatureExtraction", "AnomalyDetection", "Quarantine", "EventStore",
                "Reporting", "EventDelivery", "CPrivileges",
                .product(name: "Yams", package: "Yams"),
            ]),
        room("HTTPServer", uses: ["CMicroHTTPD"]),
        room(
            "ControlServer",
            uses: [
                "NetworkAddresses", "Quarantine", "EventStore", "Reporting", "Pipeline",
                "HTTPClient", "HTTPServer",
            ]),
        .executableTarget(
            name: "lazaret",
            dependencies: [
                "ControlServer", "Pipeline", "NetworkAddresses", "PacketCapture", "PacketDecoding",
                "FlowMetering",
                "Workloads", "FeatureExtraction", "AnomalyDetection", "Quarantine", "EventStore",
                "Reporting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict, linkerSettings: staticRuntime),

        .target(
            name: "TestKit", dependencies: ["NetworkAddresses"], path: "Tests/TestKit",
            swiftSettings: strict),
        tests(of: "NetworkAddresses"),
        tests(of: "HTTPClient"),
        .testTarget(
            name: "CommandLineTests", dependencies: ["TestKit"], swiftSettings: strict),
        // What needs real containers: these want the machine for themselves.
        .testTarget(
            name: "ContainerTests",
            dependencies: ["Workloads", "NetworkAddresses", "TestKit"],
            swiftSettings: strict),
        tests(of: "Workloads", uses: ["NetworkAddresses"]),
        tests(
            of: "FeatureExtraction",
            uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads"]),
        tests(
            of: "AnomalyDetection", uses: ["NetworkAddresses", "FeatureExtraction", "Workloads"]),
        tests(of: "IsolationForest"),
        tests(of: "Quarantine", uses: ["NetworkAddresses"]),
        tests(of: "EventStore", uses: ["NetworkAddresses", "Quarantine", "Pipeline"]),
        tests(of: "EventDelivery"),
        tests(of: "HTTPServer"),
        tests(of: "ControlServer", uses: ["HTTPServer", "Pipeline", "EventStore"]),
        tests(
            of: "Pipeline",
            uses: [
                "NetworkAddresses", "PacketCapture", "PacketDecoding", "Workloads",
                "AnomalyDetection",
            ]),
        tests(of: "PacketDecoding", uses: ["NetworkAddresses"]),
        tests(of: "FlowMetering", uses: ["NetworkAddresses", "PacketDecoding"]),
        tests(of: "PacketCapture", uses: ["CPcap", "PacketDecoding", "FlowMetering"]),
        tests(
            of: "Reporting",
            uses: [
                "NetworkAddresses", "PacketDecoding", "FlowMetering",
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
    ]
)
