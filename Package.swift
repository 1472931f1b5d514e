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

/// A library target. It can import only the targets and products in `uses`; the build refuses
/// others (`swift build --explicit-target-dependency-import-check error`).
///
/// - Parameter files: are compiled into the program, as `PackageResources`.
func library(
    _ name: String, uses: [Target.Dependency] = [], embedding files: [String] = []
) -> Target {
    .target(
        name: name, dependencies: uses, resources: files.map { .embedInCode($0) },
        swiftSettings: librarySettings)
}

/// The test target of a library target.
func tests(
    of name: String, uses: [Target.Dependency] = [], data: [String] = []
) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestKit"] + uses,
        exclude: data, swiftSettings: strict)
}

/// The program contains Swift's libraries, so that it runs on machines without Swift. Tests cannot,
/// because Swift Testing exists as a shared library only. So everything is compiled once, against
/// the shared libraries, and only the program is linked against the static ones. Sanitizers need
/// the shared ones there, too: they set LAZARET_SHARED_RUNTIME. Swift's own list for static
/// programs exports every symbol; nothing here is looked up by name at run time, so none is kept
/// for that.
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

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let memoryLogging = Target.Dependency.product(name: "InMemoryLogging", package: "swift-log")

let package = Package(
    name: "lazaret",
    products: [
        .executable(name: "lazaret", targets: ["lazaret"]),
        .library(name: "IsolationForest", targets: ["IsolationForest"]),
        .library(name: "Risk", targets: ["Risk"]),
        .library(
            name: "Metering",
            targets: [
                "Timestamps", "NodeInterfaces", "PacketCapture", "PacketDecoding", "FlowMetering",
            ]),
        .library(
            name: "History",
            targets: ["Timestamps", "NetworkAddresses", "FlowMetering", "FlowHistory"]),
        .library(
            name: "Indicators", targets: ["NetworkAddresses", "Indicators", "IndicatorFiles"]),
        .library(name: "ImageReports", targets: ["Timestamps", "ImageReports"]),
        .library(
            name: "RuntimeEventFiles",
            targets: ["Timestamps", "RuntimeEvents", "RuntimeEventFiles"]),
        .library(name: "Detection", targets: ["AnomalyModel", "AnomalyDetection"]),
        .library(
            name: "Control",
            targets: [
                "Timestamps", "Quarantine", "Enforcement", "EventStore", "EventDelivery",
                "Decisions", "Monitor", "HTTPServer", "ControlServer",
            ]),
        .library(
            name: "Quarantine",
            targets: ["Timestamps", "Quarantine", "Enforcement", "NetworkAddresses"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
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
        .systemLibrary(name: "CMemory"),
        .systemLibrary(name: "CPacketSocket"),
        .systemLibrary(name: "CPrefetch"),
        .systemLibrary(name: "CPrivileges"),

        library("Timestamps"),
        library(
            "SystemSupport",
            uses: ["Timestamps", "TextFormats", "CMemory", "CPrivileges", system]),
        library("TextFormats", uses: ["Timestamps"]),
        library("Digests", uses: ["CCrypto"]),
        library("YAML", uses: ["SystemSupport", "CYAML"]),
        library("HTTPClient", uses: ["Timestamps", "CCurl"]),
        library("CrowdSec", uses: ["Timestamps", "SystemSupport", "TextFormats", "HTTPClient"]),
        library("MailClient", uses: ["HTTPClient", "CCurl"]),
        library("HTTPServer", uses: ["CMicroHTTPD", "SystemSupport"]),
        library("NetworkAddresses"),
        library("Indicators", uses: ["NetworkAddresses"]),
        library(
            "IndicatorFiles",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "NetworkAddresses", "Indicators",
                system,
            ]),
        library("RuntimeEvents", uses: ["Timestamps", "TextFormats"]),
        library(
            "RuntimeEventFiles",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "RuntimeEvents", "Workloads", system,
            ]),
        library("NodeInterfaces", uses: ["Timestamps", "NetworkAddresses"]),
        library(
            "PacketCapture",
            uses: [
                "Timestamps", "SystemSupport", "NetworkAddresses", "CPcap", "CCompression",
                "CPacketSocket", "NodeInterfaces",
            ]),
        library("PacketDecoding", uses: ["Timestamps", "NetworkAddresses", "Indicators"]),
        library(
            "FlowMetering",
            uses: ["Timestamps", "NetworkAddresses", "PacketDecoding", "CPrefetch"]),
        library(
            "PacketIntake",
            uses: [
                "Timestamps", "NetworkAddresses", "PacketCapture", "Indicators", "PacketDecoding",
            ]),
        library(
            "FlowExport",
            uses: [
                "Timestamps", "SystemSupport", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "PacketIntake", "FlowMetering", "TextFormats",
            ]),
        library(
            "Workloads",
            uses: [
                "Timestamps", "YAML", "NetworkAddresses", "SystemSupport", "HTTPClient", logging,
            ]),
        library(
            "ImageReports",
            uses: ["Timestamps", "SystemSupport", "TextFormats", "Workloads", "CCompression"]),
        library(
            "BaselineGraph", uses: ["NetworkAddresses", "PacketDecoding", "Workloads"]),
        library(
            "SenderAttribution",
            uses: [
                "Timestamps", "NetworkAddresses", "PacketDecoding", "Workloads", "BaselineGraph",
            ]),
        library(
            "FeatureExtraction",
            uses: [
                "Timestamps", "NetworkAddresses", "Indicators", "PacketDecoding", "FlowMetering",
                "Workloads", "BaselineGraph", "SenderAttribution", "CPrefetch",
            ]),
        library(
            "AttackPatterns",
            uses: [
                "Indicators", "NetworkAddresses", "Workloads", "BaselineGraph", "SenderAttribution",
                "FeatureExtraction",
            ]),
        library("IsolationForest"),
        library("Risk", uses: ["TextFormats"]),
        library(
            "AnomalyModel",
            uses: [
                "Timestamps", "TextFormats", "Digests", "NetworkAddresses", "PacketDecoding",
                "FlowMetering", "Workloads", "BaselineGraph", "SenderAttribution",
                "FeatureExtraction", "AttackPatterns", "IsolationForest",
            ]),
        library(
            "AnomalyDetection",
            uses: [
                "Indicators", "NetworkAddresses", "Workloads", "BaselineGraph", "SenderAttribution",
                "FeatureExtraction", "AttackPatterns", "IsolationForest", "AnomalyModel",
                "RuntimeEvents", "Timestamps",
            ]),
        library(
            "LeastPrivilege",
            uses: [
                "TextFormats", "Digests", "NetworkAddresses", "Workloads", "BaselineGraph",
                "AnomalyModel",
                "Quarantine",
            ]),
        library(
            "Posture",
            uses: ["SystemSupport", "Workloads", "BaselineGraph", "HTTPClient"]),
        library(
            "Compliance",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "Digests", "YAML", "Posture",
                "ImageReports", "Quarantine", "FlowHistory", "EventStore", "HTMLReport",
            ],
            embedding: [
                "Standards/cis-docker.yaml", "Standards/hipaa.yaml", "Standards/nist-800-190.yaml",
                "Standards/pci-dss-4.yaml", "Web/compliance.css",
            ]),
        library("Nftables", uses: ["NetworkAddresses", "CNetfilter"]),
        library("Quarantine", uses: ["Timestamps", "NetworkAddresses"]),
        library(
            "ProtectedAddresses",
            uses: [
                "Timestamps", "SystemSupport", "NetworkAddresses", "NodeInterfaces", "Nftables",
                "CNetfilter", "Quarantine", system,
            ]),
        library("SQLite", uses: ["CSQLite", "Timestamps"]),
        library(
            "FlowHistory",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "NetworkAddresses", "FlowMetering",
                "SQLite", "CCompression", logging, system,
            ]),
        library(
            "Enforcement",
            uses: [
                "Timestamps", "TextFormats", "SystemSupport", "NetworkAddresses", "NodeInterfaces",
                "Nftables", "Quarantine", "ProtectedAddresses", "CNetfilter",
            ]),
        library(
            "Responses",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "NetworkAddresses", "HTTPClient",
                "Workloads", "CrowdSec", "Quarantine", logging, system,
            ]),
        library(
            "EventStore",
            uses: [
                "SQLite", "Timestamps", "TextFormats", "SystemSupport", "NetworkAddresses",
                "Quarantine", "Responses", "Events", "Digests", "RuntimeEvents", "Risk", system,
            ]),
        library(
            "Events",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "Indicators", "NetworkAddresses",
                "BaselineGraph",
                "SenderAttribution", "FlowMetering", "FeatureExtraction", "AttackPatterns",
                "AnomalyDetection", "Quarantine", "RuntimeEvents",
            ]),
        library(
            "Decisions",
            uses: [
                "RuntimeEvents", "Timestamps", "Indicators", "NetworkAddresses", "Workloads",
                "SenderAttribution",
                "FeatureExtraction", "AttackPatterns", "AnomalyDetection", "Quarantine", "Events",
            ]),
        library(
            "HTMLReport",
            uses: [
                "Timestamps", "TextFormats", "NetworkAddresses", "SenderAttribution",
                "FeatureExtraction", "AttackPatterns", "AnomalyModel", "AnomalyDetection",
                "Quarantine", "Events", "RuntimeEvents",
            ],
            embedding: ["Web/theme.css", "Web/theme.js", "Web/report.css"]),
        library(
            "EventDelivery",
            uses: [
                "Timestamps", "TextFormats", "SystemSupport", "HTTPClient", "MailClient", "Events",
                "Digests", logging, system,
            ]),
        library(
            "ModelFiles",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "NetworkAddresses", "Workloads",
                "BaselineGraph", "FeatureExtraction", "AttackPatterns", "AnomalyModel",
                "AnomalyDetection", "Events", system,
            ]),
        library(
            "Offline",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "Digests", "Indicators",
                "NetworkAddresses",
                "PacketCapture", "PacketDecoding", "FlowMetering", "PacketIntake", "Workloads",
                "BaselineGraph", "SenderAttribution", "FeatureExtraction", "AttackPatterns",
                "AnomalyModel", "AnomalyDetection", "Quarantine", "Events", "Decisions",
                "HTMLReport", "ModelFiles", "LeastPrivilege", "RuntimeEvents",
                "RuntimeEventFiles", system,
            ]),
        library(
            "Recording",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "PacketIntake", "Workloads", "EventDelivery", logging, system,
            ]),
        library(
            "StatusReport",
            uses: [
                "Timestamps", "TextFormats", "PacketDecoding", "FlowMetering", "Quarantine",
                "FlowHistory", "Events", "ModelFiles",
            ]),
        library(
            "Monitor",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "Indicators", "IndicatorFiles",
                "ImageReports", "RuntimeEvents", "RuntimeEventFiles", "NetworkAddresses",
                "NodeInterfaces",
                "PacketCapture", "PacketDecoding", "FlowMetering", "PacketIntake", "Workloads",
                "BaselineGraph", "SenderAttribution", "FeatureExtraction", "AttackPatterns",
                "AnomalyModel", "AnomalyDetection", "Quarantine", "ProtectedAddresses",
                "FlowHistory", "Enforcement", "CrowdSec", "Responses", "EventStore", "Events",
                "Posture", "Risk", "Decisions", "EventDelivery", "ModelFiles", "Recording",
                "StatusReport", logging,
                system,
            ]),
        library(
            "Settings",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "YAML", "HTTPServer",
                "ImageReports", "IndicatorFiles", "RuntimeEvents", "RuntimeEventFiles",
                "NetworkAddresses", "PacketCapture", "Workloads", "AnomalyModel",
                "AnomalyDetection", "Quarantine", "ProtectedAddresses", "FlowHistory",
                "Enforcement", "Responses", "Events", "EventDelivery", "ModelFiles", "Recording",
                "Monitor", logging, system,
            ]),
        library(
            "ControlServer",
            uses: [
                "Timestamps", "SystemSupport", "TextFormats", "Digests", "HTTPClient", "HTTPServer",
                "ImageReports", "NetworkAddresses", "PacketCapture", "FlowMetering",
                "AttackPatterns", "Quarantine", "FlowHistory", "Responses", "EventStore", "Events",
                "HTMLReport", "ModelFiles", "Recording", "Risk", "StatusReport", "Monitor",
                "Settings", logging, system,
            ],
            embedding: [
                "Web/index.html", "Web/dashboard.css", "Web/dashboard.js", "Web/flows.html",
                "Web/flows.js", "Web/risk.html", "Web/risk.js", "Web/triage.js", "Web/charts.js",
                "Web/incidents.js", "Web/map.js",
            ]),
        .executableTarget(
            name: "lazaret",
            dependencies: [
                "Timestamps", "SystemSupport", "TextFormats", "Indicators", "IndicatorFiles",
                "RuntimeEvents", "RuntimeEventFiles", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "FlowMetering", "FlowExport", "Workloads", "BaselineGraph",
                "Digests", "AnomalyModel", "AnomalyDetection", "Quarantine", "ProtectedAddresses",
                "FlowHistory",
                "Enforcement", "Responses", "EventStore", "Events", "HTMLReport", "ModelFiles",
                "EventDelivery", "LeastPrivilege", "Posture", "ImageReports", "Compliance",
                "Offline", "Recording",
                "StatusReport", "Monitor",
                "Settings", "ControlServer", logging, system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict, linkerSettings: staticRuntime),

        .target(
            name: "TestKit",
            dependencies: ["Timestamps", "NetworkAddresses", "Quarantine", logging, memoryLogging],
            path: "Tests/TestKit", swiftSettings: strict),
        tests(of: "Timestamps"),
        tests(of: "SystemSupport", uses: ["Timestamps", system]),
        tests(of: "Digests"),
        tests(of: "YAML"),
        tests(of: "HTTPClient"),
        tests(of: "MailClient"),
        tests(of: "CrowdSec", uses: ["Timestamps"]),
        tests(of: "HTTPServer"),
        tests(
            of: "ControlServer",
            uses: [
                "Timestamps", "Digests", "HTTPServer", "NetworkAddresses", "FeatureExtraction",
                "AttackPatterns", "AnomalyDetection", "EventStore", "Events", "ModelFiles", "Risk",
                "StatusReport", "ImageReports", "Monitor",
            ]),
        tests(of: "TextFormats", uses: ["Timestamps"]),
        tests(of: "NetworkAddresses"),
        tests(of: "Indicators", uses: ["NetworkAddresses"]),
        tests(
            of: "IndicatorFiles",
            uses: ["Timestamps", "SystemSupport", "NetworkAddresses", "Indicators"]),
        tests(of: "RuntimeEvents", uses: ["Timestamps"]),
        tests(
            of: "RuntimeEventFiles", uses: ["Timestamps", "RuntimeEvents", "Workloads"],
            data: ["samples"]),
        tests(of: "NodeInterfaces", uses: ["Timestamps", "NetworkAddresses"]),
        tests(
            of: "PacketCapture",
            uses: [
                "Timestamps", "CPcap", "NetworkAddresses", "NodeInterfaces", "PacketDecoding",
                "FlowMetering",
            ]),
        tests(of: "PacketDecoding", uses: ["Timestamps", "NetworkAddresses"]),
        tests(of: "PacketIntake", uses: ["Timestamps", "NetworkAddresses", "PacketDecoding"]),
        tests(of: "FlowMetering", uses: ["Timestamps", "NetworkAddresses", "PacketDecoding"]),
        tests(
            of: "FlowExport",
            uses: ["Timestamps", "NetworkAddresses", "PacketDecoding", "FlowMetering"]),
        tests(of: "Workloads", uses: ["Timestamps", "NetworkAddresses"]),
        tests(
            of: "FeatureExtraction",
            uses: [
                "Timestamps", "NetworkAddresses", "PacketDecoding", "FlowMetering", "Workloads",
                "BaselineGraph", "SenderAttribution",
            ]),
        tests(
            of: "AttackPatterns",
            uses: ["NetworkAddresses", "Workloads", "FeatureExtraction"]),
        tests(of: "IsolationForest"),
        tests(of: "Risk"),
        tests(
            of: "AnomalyModel",
            uses: [
                "Timestamps", "NetworkAddresses", "PacketDecoding", "Workloads", "BaselineGraph",
                "FeatureExtraction", "AttackPatterns", "AnomalyDetection",
            ]),
        tests(
            of: "AnomalyDetection",
            uses: [
                "NetworkAddresses", "Workloads", "SenderAttribution", "FeatureExtraction",
                "AttackPatterns",
            ]),
        tests(of: "Quarantine", uses: ["Timestamps", "NetworkAddresses"]),
        tests(
            of: "Enforcement",
            uses: ["Timestamps", "NetworkAddresses", "Quarantine", "ProtectedAddresses"]),
        tests(
            of: "Responses",
            uses: [
                "Timestamps", "SystemSupport", "NetworkAddresses", "Workloads", "Quarantine",
                "EventStore", logging,
            ]),
        tests(
            of: "Events",
            uses: [
                "Timestamps", "NetworkAddresses", "FeatureExtraction", "AttackPatterns",
                "AnomalyDetection", "Quarantine",
            ],
            data: ["0.1.0.jsonl"]),
        tests(
            of: "Decisions",
            uses: [
                "Timestamps", "Indicators", "NetworkAddresses", "SenderAttribution",
                "FeatureExtraction",
                "AttackPatterns", "AnomalyDetection", "Quarantine", "Events",
            ]),
        tests(
            of: "EventStore",
            uses: [
                "Timestamps", "NetworkAddresses", "FeatureExtraction", "AttackPatterns",
                "AnomalyDetection", "Quarantine", "SQLite", "Enforcement", "Events",
                "RuntimeEvents", "Risk",
            ]),
        tests(
            of: "FlowHistory",
            uses: [
                "Timestamps", "NetworkAddresses", "FlowMetering", "SystemSupport", "SQLite",
                logging,
            ]),
        tests(
            of: "EventDelivery",
            uses: [
                "Timestamps", "TextFormats", "NetworkAddresses", "FeatureExtraction",
                "AttackPatterns", "AnomalyDetection", "Quarantine", "Events",
            ]),
        tests(
            of: "HTMLReport",
            uses: [
                "Timestamps", "TextFormats", "Digests", "FeatureExtraction", "AnomalyDetection",
            ]),
        tests(
            of: "LeastPrivilege",
            uses: ["Timestamps", "NetworkAddresses", "Workloads", "BaselineGraph", "AnomalyModel"]),
        tests(of: "Posture", uses: ["Workloads", "BaselineGraph"]),
        tests(of: "ImageReports", uses: ["Timestamps", "SystemSupport", "Workloads"]),
        tests(
            of: "Compliance",
            uses: [
                "Timestamps", "TextFormats", "NetworkAddresses", "FeatureExtraction",
                "AttackPatterns", "AnomalyDetection", "Quarantine", "FlowMetering", "FlowHistory",
                "EventStore", "Events", "RuntimeEvents", logging,
            ]),
        tests(
            of: "Offline",
            uses: [
                "AnomalyModel", "NetworkAddresses", "FeatureExtraction", "HTMLReport",
                "PacketDecoding", "FlowMetering", "Workloads", "Timestamps", "BaselineGraph",
            ]),
        tests(
            of: "Settings",
            uses: ["Timestamps", "SystemSupport", "Monitor", "Quarantine", logging]),
        tests(
            of: "Monitor",
            uses: [
                "BaselineGraph", "Timestamps", "SystemSupport", "NetworkAddresses", "PacketCapture",
                "PacketDecoding", "FlowMetering", "Workloads", "SenderAttribution",
                "FeatureExtraction", "AttackPatterns", "AnomalyModel", "AnomalyDetection", "Events",
                "EventDelivery", "EventStore", "Offline", "Recording", "StatusReport", "CrowdSec",
                "Quarantine", "FlowHistory", "Indicators", "ModelFiles", "PacketIntake",
                "Posture", "Risk",
            ]),
        .testTarget(
            name: "CommandLineTests", dependencies: ["TestKit", "Timestamps", "NetworkAddresses"],
            swiftSettings: strict),
        // Attacks that try to have somebody else accused, or to hide behind somebody else.
        .testTarget(
            name: "AdversaryTests", dependencies: ["TestKit", "Timestamps", "NetworkAddresses"],
            swiftSettings: strict),
        // What needs real containers: these want the machine for themselves.
        .testTarget(
            name: "ContainerTests",
            dependencies: [
                "Timestamps", "Workloads", "NetworkAddresses", "NodeInterfaces", "PacketCapture",
                "TestKit",
            ],
            swiftSettings: strict),
    ]
)
