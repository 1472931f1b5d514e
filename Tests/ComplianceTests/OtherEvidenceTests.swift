import Foundation
import TestKit
import Testing
import TextFormats
import Timestamps

/// Evidence that does not come from the state directory: reports of scanners about images, and
/// results of policy checks; and files of standards that are not whole.
struct OtherEvidenceTests {
    private let state: RecordedState
    private static let id = String(repeating: "c0", count: 32)

    init() throws { state = try RecordedState() }

    private func write(_ name: String, _ text: String) throws -> String {
        try state.scratch.write(name, Data(text.utf8))
    }

    /// A report of Trivy, made on the first day of the period.
    private func trivy(_ severity: String) throws -> String {
        try write(
            "trivy.json",
            """
            {"SchemaVersion": 2, "CreatedAt": "\(UTC.rfc3339(state.moment(1)))", "ArtifactName":
            "shop/web:2.4", "ArtifactType": "container_image", "Metadata": {"ImageID":
            "sha256:\(Self.id)"}, "Results": [{"Target": "web", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-2024-9143", "PkgName": "openssl", "InstalledVersion": "3.0",
            "FixedVersion": "3.1", "Severity": "\(severity)"}]}]}
            """)
    }

    private func inspect(_ names: String...) throws -> String {
        let all = names.map { name in
            let image = name == "web" ? Self.id : String(repeating: "b1", count: 32)
            return """
                {"Id": "\(name == "web" ? "a1" : "b2")", "Name": "/\(name)", "Image":
                "sha256:\(image)", "State": {"Running": true}, "Config": {"Image":
                "shop/\(name):2.4"}, "HostConfig": {}}
                """
        }
        return try write("inspect.json", "[\(all.joined(separator: ","))]")
    }

    @Test func findingsOfImagesAreEvidence() throws {
        let standard = try state.standard(
            "  - {id: A.1, title: Images, evidence: [images], cannot: the rest}")
        func report(_ words: String...) throws -> Run {
            try state.report(words, standard: standard)
        }
        let unread = try report()
        #expect(unread.output.contains("--images and --posture do"), "\(unread.output)")
        #expect(unread.output.contains("NOT SUPPORTED") || unread.output.contains("not supported"))

        let web = try inspect("web")
        let low = try report("--posture", web, "--images", try trivy("LOW"))
        #expect(low.status == 0 && low.errors.split(separator: "\n").count <= 1, "\(low.errors)")
        #expect(
            low.output.contains("images of 1 of 1 workload, as they ran when"), "\(low.output)")
        #expect(low.output.contains("1 finding, 0 critical, 0 high, 1 with a known fix"))
        #expect(!low.output.contains("critical or high finding"), "\(low.output)")

        let both = try inspect("web", "db")
        let exploited = try write(
            "lazaret.yaml",
            """
            interfaces: [lo]
            state: \(state.directory)
            image_reports:
              paths: [\(try trivy("CRITICAL"))]
              known_exploited: \(try write("kev.json", Self.catalog))
            """)
        let bad = try report("--posture", both, "-c", exploited)
        #expect(bad.status == 0, "\(bad.errors)")
        #expect(bad.output.contains("images of 1 of 2 workloads"), "\(bad.output)")
        #expect(bad.output.contains("1 critical or high finding"))
        #expect(bad.output.contains("known to be exploited: CVE-2024-9143"))
        #expect(bad.output.contains("1 workload has images without a report"))
        #expect(bad.output.contains("image c0c0c0c0c0c0: "), "\(bad.output)")
        #expect(bad.output.contains("1 critical, 0 high"))

        // A report that cannot be read is no report without findings.
        let cut = try report("--posture", web, "--images", try write("cut.json", "{\"Schema"))
        #expect(cut.output.contains("1 file of scanners could not be read"), "\(cut.output)")
        #expect(cut.errors.contains("cut.json"), "\(cut.errors)")
    }

    private static let catalog = """
        {"catalogVersion": "2026.11.20", "count": 1, "vulnerabilities":
        [{"cveID": "CVE-2024-9143"}]}
        """

    private func check(blocked: Int, fromDay first: Double, toDay last: Double) throws -> String {
        try write(
            "check \(blocked) \(first).json",
            """
            {"model": "0123456789abcdef", "packets": 100, "first":
            "\(UTC.timestamp(state.moment(first)))", "last":
            "\(UTC.timestamp(state.moment(last)))", "allowed_flows": 90, "allowed_packets": 95,
            "blocked_flows": \(blocked), "blocked_packets": 5, "unrestricted_flows": 3,
            "unrestricted_packets": 3, "blocked": [], "warnings": []}
            """)
    }

    @Test func resultsOfPolicyChecksAreEvidence() throws {
        let standard = try state.standard(
            "  - {id: A.1, title: Least, evidence: [policy-check], cannot: the rest}")
        func report(_ files: String...) throws -> Run {
            try state.report(files.flatMap { ["--policy-check", $0] }, standard: standard)
        }
        #expect(try report().output.contains("no result of a policy check was given"))
        let clean = try report(check(blocked: 0, fromDay: 1, toDay: 2))
        #expect(clean.status == 0, "\(clean.errors)")
        #expect(
            clean.output.contains(
                "1 check of captures over 24 h 0 min of 5 d 0 h: 0 of 90 flows would have been "
                    + "blocked; 3 had no restricted workload"), "\(clean.output)")
        #expect(clean.output.contains("policy of model 0123456789abcdef"))
        #expect(!clean.output.contains("does not allow"))
        let both = try report(
            check(blocked: 4, fromDay: 2, toDay: 3), check(blocked: 0, fromDay: 1, toDay: 2))
        #expect(both.output.contains("2 checks of captures over "), "\(both.output)")
        #expect(both.output.contains("4 flows that the policy does not allow"))
        let other = try report(check(blocked: 4, fromDay: 6, toDay: 7))
        #expect(other.output.contains("1 check is of captures of another time"), "\(other.output)")
        #expect(!other.output.contains("does not allow"))
        for text in ["{}", "[1]", "{\"model\": 7}", ""] {
            let file = try write("bad.json", text)
            let run = try report(file)
            #expect(run.status == 1 && run.output.isEmpty, "\(text)")
            #expect(
                run.errors.hasPrefix("lazaret: \(file): it is no result of a policy check"),
                "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
        }
    }

    /// What the program writes is what the report reads.
    @Test func aCheckOfACaptureIsRead() throws {
        let model = try state.scratch.model()
        let file = state.scratch.path("check.json")
        let words = ["policy", "check", "-m", model, "-r", "captures/mixed.pcap"]
        let made = try Run(
            words + ["--inventory", "captures/inventory.yaml", "--format", "json", "-o", file])
        #expect(made.status == 3, "\(made.errors)")
        let standard = try state.standard(
            "  - {id: A.1, title: Least, evidence: [policy-check], cannot: the rest}")
        let run = try state.report(["--policy-check", file], standard: standard)
        #expect(run.status == 0, "\(run.errors)")
        // It depends on the date whether the capture was recorded in the report's period.
        #expect(
            run.output.contains("1 check is of captures of another time")
                || run.output.contains("flows that the policy does not allow"), "\(run.output)")
    }

    // MARK: - Standards

    private static let whole = """
        standard:
          id: own
          title: Own rules
          version: "1"
          source: intranet
          count: 2
        controls:
          - id: A.1
            title: Detection
            evidence: [alerts]
            cannot: the rest
          - id: A.2
            title: Doors
            evidence: []
            cannot: "all of it"

        """

    @Test func aStandardSaysHowManyControlsItHas() throws {
        let whole = try state.report([], standard: try write("own.yaml", Self.whole))
        #expect(whole.status == 0, "\(whole.errors)")
        // At whichever byte the file ends, it is whole or refused.
        let bytes = Array(Self.whole.utf8)
        for count in stride(from: 1, to: bytes.count - 2, by: 7) {
            let text = String(decoding: bytes[..<count], as: UTF8.self)
            let cut = try state.report([], standard: try write("own.yaml", text))
            #expect(cut.status == 2 && cut.output.isEmpty, "\(count): \(cut.errors)")
            #expect(cut.errors.split(separator: "\n").count == 1, "\(count): \(cut.errors)")
        }
        let end = try #require(Self.whole.firstRange(of: "  - id: A.2"))
        let shorter = String(Self.whole[..<end.lowerBound])
        let cut = try state.report([], standard: try write("own.yaml", shorter))
        #expect(
            cut.status == 2 && cut.errors.contains("line 6: 'count' is 2, but 'controls' has 1"),
            "\(cut.errors)")
    }

    @Test func aStandardThatIsNoWholeTextIsOneLine() throws {
        let pipe = state.scratch.path("pipe.yaml")
        try #require(mkfifo(pipe, 0o600) == 0)
        let bytes = Data((0..<5120).map { UInt8(truncatingIfNeeded: $0) })
        let files = [
            pipe, "/dev/zero", state.scratch.path("absent.yaml"),
            try write("deep.yaml", String(repeating: "[", count: 200_000)),
            try write("type.yaml", #"{"a":[1,2,{"b":null}]}"#),
            try state.scratch.write("bytes.yaml", bytes),
            try write("red.yaml", Self.whole.replacingOccurrences(of: "Doors", with: "\u{1B}[2J")),
        ]
        for file in files {
            let run = try state.report([], standard: file)
            #expect(run.status == 2 && run.output.isEmpty, "\(file)")
            #expect(run.errors.hasPrefix("lazaret: \(file): "), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
            #expect(!run.errors.contains("\u{1B}") && run.errors.utf8.count < 1024)
        }
    }
}
