import Foundation
import TestKit
import Testing

/// What other programs write, broken in every way that a file can be: the program says in one line
/// which file it cannot use, and why, and nothing of the file reaches the terminal as control
/// characters.
@Suite(.timeLimit(.minutes(20)))
struct BrokenInputTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    struct Source: CustomTestStringConvertible, Sendable {
        var name: String
        /// `FILE` is the file, `INSPECT` and `REPORT` are whole ones beside it.
        var words: [String]
        var text: String
        /// What another version of the format has instead; nil: it has none.
        var version: (now: String, other: String)?
        /// What a part of it is replaced with, by control characters.
        var part = "203.0.113.9"

        var testDescription: String { name }
    }

    private static let id = ImagesTests.id
    private static let image = ["images", "FILE", "-r", "INSPECT"]

    static let sources: [Source] = [
        Source(
            name: "plain.txt", words: ["indicators", "check", "FILE"],
            text: "203.0.113.9\n198.51.100.0/24\nevil.example\n"),
        Source(
            name: "hosts.txt", words: ["indicators", "check", "FILE"],
            text: "0.0.0.0 ads.evil.example\n0.0.0.0 bad.example\n", part: "bad"),
        Source(
            name: "stix.json", words: ["indicators", "check", "FILE"],
            text: """
                {"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":\
                [{"type":"indicator","spec_version":"2.1","id":\
                "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":\
                "2026-04-06T20:03:48.000Z","modified":"2026-04-06T20:03:48.000Z","pattern":\
                "[ipv4-addr:value = '203.0.113.9']","pattern_type":"stix","valid_from":\
                "2026-01-01T00:00:00Z"}]}
                """),
        Source(
            name: "misp.json", words: ["indicators", "check", "FILE"],
            text: """
                {"Event":{"uuid":"5d0092c5-5f74-4287-9642-33f4c354e56d","info":"x","date":\
                "2026-04-06","Attribute":[{"type":"ip-dst","value":"203.0.113.9","to_ids":true,\
                "timestamp":"1775000000"}]}}
                """),
        Source(
            name: "trivy.json", words: image, text: ImagesTests.report(),
            version: (#""SchemaVersion": 2"#, #""SchemaVersion": 99"#), part: "openssl"),
        Source(
            name: "grype.json", words: image,
            text: """
                {"matches":[{"vulnerability":{"id":"CVE-2024-9143","severity":"High","fix":\
                {"versions":[],"state":"unknown"}},"artifact":{"name":"openssl","version":"3.0"}}],\
                "source":{"type":"image","target":{"userInput":"web:2.4","imageID":\
                "sha256:\(id)","manifestDigest":"sha256:\(id)"}},"descriptor":{"name":"grype",\
                "version":"0.80","timestamp":"2026-11-20T09:58:12Z"}}
                """, part: "openssl"),
        Source(
            name: "cyclonedx.json", words: image,
            text: cycloneDX(#""affects":[{"ref":"o"}],"ratings":[{"severity":"high"}]"#),
            version: (#""specVersion":"1.6""#, #""specVersion":"9.6""#), part: "openssl"),
        Source(
            name: "vex.json", words: ["images", "FILE", "REPORT", "-r", "INSPECT"],
            text: cycloneDX(#""affects":[{"ref":"x"}],"analysis":{"state":"not_affected"}"#),
            version: (#""specVersion":"1.6""#, #""specVersion":"9.6""#), part: "openssl"),
        Source(
            name: "sarif.json", words: image,
            text: """
                {"version":"2.1.0","runs":[{"tool":{"driver":{"name":"Trivy","rules":[{"id":\
                "CVE-2024-9143","properties":{"security-severity":"7.5"}}]}},"properties":\
                {"imageID":"sha256:\(id)","imageName":"web:2.4","repoDigests":[]},"results":\
                [{"ruleId":"CVE-2024-9143","level":"error","message":{"text":\
                "Package: openssl\\nInstalled Version: 3.0\\nVulnerability CVE-2024-9143\\n\
                Severity: HIGH\\nFixed Version: "},"locations":[]}]}]}
                """, version: (#""version":"2.1.0""#, #""version":"9.1.0""#), part: "openssl"),
        Source(
            name: "kev.json",
            words: ["images", "REPORT", "-r", "INSPECT", "--known-exploited", "FILE"],
            text: ImagesTests.exploited, part: "CVE-2024"),
        Source(
            name: "epss.csv", words: ["images", "REPORT", "-r", "INSPECT", "--epss", "FILE"],
            text: """
                #model_version:v2025.03.14,score_date:2026-11-20T00:00:00+0000
                cve,epss,percentile
                CVE-2024-9143,0.5,0.9

                """, part: "CVE-2024"),
        Source(name: "posture.json", words: ["posture", "-r", "FILE"], text: inspect, part: "web"),
        Source(name: "running.json", words: ["images", "REPORT", "-r", "FILE"], text: inspect),
        Source(name: "pods.json", words: ["posture", "-r", "FILE"], text: pods, part: "shop"),
        Source(
            name: "running-pods.json", words: ["images", "REPORT", "-r", "FILE"], text: pods,
            part: "shop"),
        // What is YAML is cut within quotes here: cut elsewhere, it may be whole YAML, and shorter.
        Source(
            name: "inventory.yaml",
            words: ["flows", "-r", "captures/clean-test.pcap", "--inventory", "FILE"],
            text: """
                workloads:
                  - name: web
                    addresses: ["203.0.113.9", "203.0.113.10", "203.0.113.11", "203.0.113.12"]
                networks:
                  - {name: shop, prefix: "203.0.113.0/24"}

                """, part: "shop"),
        Source(
            name: "lazaret.yaml", words: ["config", "dump", "-c", "FILE"],
            text: """
                interfaces: [lo]
                model: "/var/lib/lazaret/node.model"
                events: "/var/log/eve.json"

                """, part: "node"),
    ]

    private static func cycloneDX(_ facts: String) -> String {
        """
        {"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":\
        "2026-11-20T09:58:12Z","component":{"type":"container","name":"web:2.4","version":\
        "sha256:\(id)","bom-ref":"x"}},"components":[{"type":"library","name":"openssl",\
        "version":"3.0","bom-ref":"o"}],"vulnerabilities":[{"id":"CVE-2024-9143",\(facts)}]}
        """
    }

    private static let inspect = """
        [{"Id":"4f66ad9a0b2e61d0","Name":"/web","Image":"sha256:\(id)","State":{"Running":true},\
        "Config":{"Image":"web:2.4"},"HostConfig":{}}]
        """

    private static let pods = """
        {"kind":"List","items":[{"kind":"Pod","metadata":{"name":"web-1","namespace":"shop"},\
        "spec":{"containers":[{"name":"web","image":"shop/web:2.4"}]},"status":{"phase":\
        "Running","containerStatuses":[{"name":"web","image":"shop/web:2.4","imageID":\
        "shop/web@sha256:\(id)"}]}},{"kind":"NetworkPolicy","metadata":{"name":"x",\
        "namespace":"shop"},"spec":{"podSelector":{}}}]}
        """

    private func run(_ source: Source, _ file: String) throws -> Run {
        let inspect = try scratch.write("inspect.json", Data(Self.inspect.utf8))
        let report = try scratch.write("report.json", Data(ImagesTests.report().utf8))
        return try Run(
            source.words.map {
                switch $0 {
                case "FILE": file
                case "INSPECT": inspect
                case "REPORT": report
                default: $0
                }
            })
    }

    @Test(arguments: sources)
    func whatIsBrokenIsOneLineAndNothingElse(source: Source) throws {
        let whole = try run(source, try scratch.write(source.name, Data(source.text.utf8)))
        let errors = whole.errors.split(separator: "\n").filter { !$0.contains("warning:") }
        #expect([0, 3].contains(whole.status) && errors.isEmpty, "\(whole.errors)")

        let bytes = Array(source.text.utf8)
        var broken: [(name: String, bytes: [UInt8])] = [
            ("cut", Array(bytes.prefix(bytes.count / 2))),
            ("cut by one", Array(bytes.dropLast(source.text.hasSuffix("\n") ? 3 : 1))),
            ("of another type", Array(#"{"a":[1,2,{"b":null}]}"#.utf8) + [0x0A]),
            ("deep", [UInt8](repeating: UInt8(ascii: "["), count: 200_000)),
            ("binary", (0..<5120).map { UInt8(truncatingIfNeeded: $0) }),
        ]
        if let version = source.version {
            let other = source.text.replacingOccurrences(of: version.now, with: version.other)
            try #require(other != source.text)
            broken.append(("of another version", Array(other.utf8)))
        }
        for (fault, bytes) in broken {
            let file = try scratch.write("\(fault) \(source.name)", Data(bytes))
            try expectRefusal(of: file, source, fault)
        }
        let huge = try scratch.write("huge", Data())
        try FileHandle(forWritingTo: URL(fileURLWithPath: huge)).truncate(atOffset: 3 << 30)
        try expectRefusal(of: huge, source, "huge")
        let pipe = scratch.path("pipe \(source.name)")
        try #require(mkfifo(pipe, 0o600) == 0)
        try expectRefusal(of: pipe, source, "a pipe")
        try expectRefusal(of: scratch.path("absent"), source, "absent")
    }

    private func expectRefusal(of file: String, _ source: Source, _ fault: String) throws {
        let run = try run(source, file)
        let lines = run.errors.split(separator: "\n")
        #expect([1, 2].contains(run.status), "\(fault): \(run.status) \(run.output)")
        #expect(
            lines.count == 1 && lines[0].hasPrefix("lazaret: ") && lines[0].contains(file),
            "\(fault): \(run.errors)")
        #expect(lines.first.map { $0.utf8.count < 1024 } ?? false, "\(fault): \(run.errors)")
        #expect(!(run.output + run.errors).contains("\u{1B}"), "\(fault)")
    }

    @Test(arguments: sources)
    func controlCharactersReachNoTerminal(source: Source) throws {
        // As themselves, which JSON forbids, and as JSON writes them.
        for mark in ["\u{1B}[2J", #"\u001b[2J"#] {
            let text = source.text.replacingOccurrences(of: source.part, with: source.part + mark)
            let run = try run(source, try scratch.write(source.name, Data(text.utf8)))
            #expect((0...3).contains(run.status), "\(run.errors)")
            #expect(!(run.output + run.errors).contains("\u{1B}"), "\(run.output)\(run.errors)")
        }
    }

    /// A finding that cannot be read is no clean image.
    @Test func aFindingThatCannotBeReadIsSaid() throws {
        let long = String(repeating: "9", count: 400)
        let text = ImagesTests.report(cve: long).replacingOccurrences(of: "2025-99999", with: long)
        let source = try #require(Self.sources.first { $0.name == "trivy.json" })
        let run = try run(source, try scratch.write("trivy.json", Data(text.utf8)))
        #expect(run.status == 1, "\(run.output)")
        #expect(run.errors.contains("2 entries cannot be read"), "\(run.errors)")
        // One that can be read is a finding, as always.
        let half = try self.run(
            source, try scratch.write("half.json", Data(ImagesTests.report(cve: long).utf8)))
        #expect(half.status == 3 && half.errors.contains("1 entries cannot"), "\(half.errors)")
    }

    @Test(arguments: ["falco.jsonl", "tetragon.jsonl", "audit.log"])
    func brokenLinesOfRuntimeEventsAreCounted(name: String) throws {
        let samples = Run.root.appendingPathComponent("Tests/RuntimeEventFilesTests/samples")
        let whole = try Data(contentsOf: samples.appendingPathComponent(name))
        let model = try scratch.model()
        func replay(_ file: String) throws -> Run {
            try Run(
                "replay", "-r", "captures/mixed.pcap", "-m", model, "--runtime-events", file)
        }
        let cut = try replay(try scratch.write("cut", whole.prefix(whole.count / 2)))
        #expect(cut.status == 0 && cut.errors.contains("1 malformed lines"), "\(cut.errors)")
        let pipe = scratch.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let huge = try scratch.write("huge", Data())
        try FileHandle(forWritingTo: URL(fileURLWithPath: huge)).truncate(atOffset: 3 << 30)
        let deep = try scratch.write("deep", Data(repeating: UInt8(ascii: "["), count: 200_000))
        let other = try scratch.write("other", Data("[1,2,3]\n".utf8))
        for file in [pipe, huge, deep, other] {
            let run = try replay(file)
            #expect(run.status == 1 && run.errors.hasPrefix("lazaret: \(file): "), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
    }
}
