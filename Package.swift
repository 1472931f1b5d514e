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
/// because Swift Testing exists as a shared library only. So everything is compiled once, against
/// the shared libraries, and only the program is linked against the static ones. Sanitizers need the
/// shared ones there, too: they set LAZARET_SHARED_RUNTIME. Swift's own list for static programs
/// exports every symbol; nothing here is looked up by name at run time, so none is kept for that.
let isShared = Context.environment["LAZARET_SHARED_RUNTIME"] != nil
let staticRuntime: [LinkerSetting] =
    isShared
    ? []
    : [
        .unsafeFlags(
            ["-static-stdlib", "-Xlinker", "--no-export-dynamic"]
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
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
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
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd",
            providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(
            name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CPrivileges"),

        room("NetworkAddresses"),
        room("Platform"),
        room("Digests", uses: ["CCrypto"]),
        room("YAML", uses: ["CYAML"]),
        room("HTTPClient", uses: ["CCurl"]),
        room("HTTPServer", uses: ["CMicroHTTPD", "Platform"]),
        room("PacketCapture", uses: ["CPcap", "CCompression"]),
        room("PacketDecoding", uses: ["NetworkAddresses"]),
        room("FlowMetering", uses: ["NetworkAddresses", "PacketDecoding", "CPrefetch"]),
        room(
            "Workloads",
            uses: [
                "NetworkAddresses", "Platform", "YAML", "HTTPClient",
            ]),
        room(
            "FeatureExtraction",
            uses: ["NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads"]),
        room("IsolationForest"),
        room(
            "AnomalyDetection",
            uses: [
                "Digests", "NetworkAddresses", "Workloads", "FeatureExtraction", "IsolationForest",
            ]),
        room("Quarantine", uses: ["NetworkAddresses", "CNetfilter"]),
        room("EventStore", uses: ["CSQLite", "Digests"]),
        room(
            "Reporting",
            uses: [
                "NetworkAddresses", "PacketDecoding", "FlowMetering", "FeatureExtraction",
                "AnomalyDetection", "Quarantine",
            ]),
        room(
            "EventDelivery",
            uses: [
                "Digests", "Platform", "HTTPClient",
            ]),
        room(
            "Pipeline",
            uses: [
                "Digests", "NetworkAddresses", "PacketCapture", "PacketDecoding", "FlowMetering",
                "Workloads", "FeatureExtraction", "AnomalyDetection", "Quarantine", "EventStore",
                "Reporting", "EventDelivery", "Platform", "YAML", "CPrivileges",
            ]),
        room(
            "ControlServer",
            uses: [
                "Digests", "NetworkAddresses", "Platform", "Quarantine", "EventStore",
                "Reporting", "Pipeline", "HTTPClient", "HTTPServer",
            ]),
        .executableTarget(
            name: "lazaret",
            dependencies: [
                "ControlServer", "Pipeline", "NetworkAddresses", "Platform", "PacketCapture",
                "PacketDecoding", "FlowMetering",
                "Workloads", "FeatureExtraction", "AnomalyDetection", "Quarantine", "EventStore",
                "Reporting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict, linkerSettings: staticRuntime),

        .target(
            name: "TestKit", dependencies: ["NetworkAddresses"], path: "Tests/TestKit",
            swiftSettings: strict),
        tests(of: "NetworkAddresses"),
        tests(of: "Platform"),
        tests(of: "Digests"),
        tests(of: "YAML"),
        tests(of: "HTTPServer"),
        tests(of: "ControlServer", uses: ["HTTPServer", "Pipeline", "EventStore"]),
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
                "Digests", "NetworkAddresses", "PacketDecoding", "FlowMetering",
            ]),
    ]
)
