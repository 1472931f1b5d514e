import EventStore
import FlowMetering
import Foundation
import RuntimeEvents
import TestKit
import Testing
import TextFormats
import Timestamps

/// `lazaret report compliance` on a state directory that is open for writing.
struct ReportTests {
    private let state: RecordedState

    init() throws { state = try RecordedState() }

    private static let controls = """
          - {id: A.1, title: Detection, evidence: [alerts, sensor-health], cannot: the rest}
          - {id: A.2, title: Response, evidence: [quarantine, responses, triage], cannot: the rest}
          - {id: A.3, title: Trail, evidence: [audit-chain, audit-admin-actions], cannot: the rest}
          - {id: A.4, title: Flows, evidence: [traffic-matrix, plaintext-protocols], cannot: rest}
          - {id: A.5, title: Kept, evidence: [retention], retention: 3d, cannot: the rest}
          - {id: A.6, title: Listed, evidence: [indicators], cannot: the rest}
          - {id: A.7, title: Files, evidence: [], cannot: files are not watched}
        """

    /// The state of each control, by its number.
    private func states(_ run: Run) -> [String: String] {
        let lines = run.output.split(separator: "\n").map(String.init)
        var states: [String: String] = [:]
        for (line, next) in zip(lines, lines.dropFirst()) {
            guard let match = line.firstMatch(of: #/^(A\.[0-9]) /#) else { continue }
            states[String(match.1)] = next.trimmingCharacters(in: .whitespaces).lowercased()
        }
        return states
    }

    private func digest(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: state.scratch.path(name)))
    }

    @Test func whatToolsSaidOfProcessesSupportsAControl() throws {
        let controls = "  - {id: A.1, title: Processes, evidence: [runtime-events], cannot: rest}"
        let standard = try state.standard(controls)
        try state.run(fromDay: 0, toDay: 5)
        let none = try state.report([], standard: standard)
        #expect(none.output.contains("runtime-events: no records in this period"))
        try state.runtimeEvent("shell", onDay: 1, .warning)
        try state.runtimeEvent("read", onDay: 2, .notice)
        try state.runtimeEvent("later", onDay: 6, .critical)
        let some = try state.report([], standard: standard)
        #expect(
            some.output.contains("2 reports of processes, 1 of priority warning or above"),
            "\(some.output)")
        #expect(states(some)["A.1"]?.hasPrefix("supported") == true, "\(some.output)")
    }

    @Test func wholeRecordsSupportAControlAndNothingIsChanged() throws {
        try state.fill()
        let standard = try state.standard(Self.controls)
        let before = (try digest("lazaret.db"), try digest("flows.db"))
        let first = try state.report([], standard: standard)
        #expect(first.status == 0, "\(first.errors)")
        #expect(
            states(first) == [
                "A.1": "supported", "A.2": "supported", "A.3": "supported", "A.4": "supported",
                "A.5": "supported", "A.6": "not supported by records", "A.7": "cannot be evidenced",
            ], "\(first.output)")
        #expect(first.output.contains("1 alert, 1 of severity 1"))
        #expect(first.output.contains("audit 5: alice, release, 10.0.0.1"), "\(first.output)")
        #expect(first.output.contains("1 of 1 incident has a state"), "\(first.output)")
        #expect(first.output.contains("120 flows between 1 pair of workloads"), "\(first.output)")
        #expect(first.output.contains("indicators: no records in this period"))
        #expect(!first.output.lowercased().contains("compliant"))
        #expect(!first.output.contains("not covered"), "\(first.output)")
        #expect(try digest("lazaret.db") == before.0)
        #expect(try digest("flows.db") == before.1)

        // Later records are not of the period, so that every format has the same bytes.
        let formats = ["text", "html", "oscal"]
        let early = try formats.map { try state.report(["--format", $0], standard: standard) }
        try state.run(fromDay: 5, toDay: 6)
        try state.audit("bob", "release", onDay: 6, "10.0.0.9")
        try state.alert("later", onDay: 6)
        for (format, old) in zip(formats, early) {
            let new = try state.report(["--format", format], standard: standard)
            #expect(new.status == 0 && new.output == old.output, "\(format)")
        }
    }

    @Test func gapsAndExceptionsAreStatedWithTheirTimes() throws {
        try state.run(fromDay: 0, toDay: 2)
        try state.run(fromDay: 3, toDay: 5, drops: 7)
        try state.audit("policy", "fence", onDay: 1, "10.0.0.1")
        try state.alert("alert1", onDay: 1)
        try state.incident("alert1", onDay: 1)
        state.flows(toPort: 23)
        let standard = try state.standard(
            Self.controls.replacingOccurrences(of: "retention: 3d", with: "retention: 365d"))
        let run = try state.report([], standard: standard)
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            states(run) == [
                "A.1": "partly supported", "A.2": "partly supported", "A.3": "partly supported",
                "A.4": "partly supported", "A.5": "partly supported",
                "A.6": "not supported by records", "A.7": "cannot be evidenced",
            ], "\(run.output)")
        func words(_ from: Double, _ to: Double) -> String {
            let (one, two) = (state.moment(from), state.moment(to))
            return "\(UTC.moment(Int64(one.second))) to \(UTC.moment(Int64(two.second)))"
        }
        #expect(
            run.output.contains("\(words(2, 3)): no record shows that the monitor ran"),
            "\(run.output)")
        #expect(run.output.contains("\(words(0, 1)): the audit trail begins later"))
        #expect(run.output.contains("the monitor ran for 4 d 0 h of 5 d 0 h; 2 starts; 7 packets"))
        #expect(run.output.contains("1 incident without an operator's state"))
        #expect(run.output.contains("120 flows: web to database, telnet (tcp/23)"), "\(run.output)")
        #expect(run.output.contains("wanted: 365 days"))
        // Refused attempts carry no content.
        let refused = try RecordedState()
        try refused.run(fromDay: 0, toDay: 5)
        refused.flows(toPort: 23, state: .rej)
        let none = try refused.report([], standard: try refused.standard(Self.controls))
        #expect(none.output.contains("0 of 120 flows used a port"), "\(none.output)")
    }

    @Test(.needs("sqlite3")) func aBrokenChainComesFirstAndFails() throws {
        try state.fill()
        let statement = "UPDATE audit SET actor = 'mallory' WHERE number = 2"
        try Namespace.command(["sqlite3", state.scratch.path("lazaret.db"), statement])
        let standard = try state.standard(Self.controls)
        let text = try state.report([], standard: standard)
        #expect(text.status == 1 && text.errors.contains("tampered"), "\(text.errors)")
        #expect(text.output.hasPrefix("THE AUDIT TRAIL WAS CHANGED"), "\(text.output)")
        #expect(text.output.contains("hash chain: record 2 was changed"))
        #expect(states(text)["A.3"] == "partly supported" && states(text)["A.1"] == "supported")
        let html = try state.report(["--format", "html"], standard: standard)
        let broken = try #require(html.output.firstRange(of: "The audit trail was changed"))
        let title = try #require(html.output.firstRange(of: "<h1>"))
        #expect(html.status == 1 && broken.lowerBound < title.lowerBound)
        let oscal = try state.report(["--format", "oscal"], standard: standard)
        #expect(oscal.status == 1 && oscal.output.contains("THE AUDIT TRAIL WAS CHANGED"))
    }

    @Test func namesOfWorkloadsAreNoMarkup() throws {
        let name = "<script>alert(1)</script>\u{1b}[2J\u{202e}'\"&](javascript:x)"
        try state.run(fromDay: 0, toDay: 5)
        try state.alert("alert1", onDay: 1, workload: name)
        try state.audit(name, "release", onDay: 0, name)
        let standard = try state.standard(
            """
              - id: "A.1 <b>"
                title: "<i>T</i>"
                cannot: "<u>n</u>"
                evidence: [alerts, audit-admin-actions]
            """)
        for format in ["text", "html", "oscal"] {
            let run = try state.report(["--format", format], standard: standard)
            #expect(run.status == 0, "\(run.errors)")
            let scalars = run.output.unicodeScalars
            #expect(!scalars.contains("\u{1b}") && !scalars.contains("\u{202e}"), "\(format)")
            #expect(run.output.contains("alert(1)"), "\(format)")
            guard format != "text" else { continue }
            for tag in ["<script>alert", "<b>", "<i>", "<u>"] {
                let isEscaped = !run.output.replacingOccurrences(of: "\\\\<", with: "").contains(
                    tag)
                #expect(isEscaped, "\(format): \(tag)")
            }
        }
        // One file, printable, without anything that is loaded.
        let html = try state.report(["--format", "html"], standard: standard).output
        #expect(html.contains("@media print") && html.contains("prefers-color-scheme:dark"))
        #expect(!html.contains("src=") && !html.contains("<link"))
    }

    @Test(arguments: [
        ("evidence: [alerts, alarms]", "line 3: unknown evidence 'alarms'; known: baseline"),
        ("evidence: [\"posture:nothing\"]", "line 3: unknown evidence 'posture:nothing'"),
        ("evidence: [retention]", "line 3: control 'A.1': the evidence 'retention'"),
        ("evidence: [retention], retention: 12", "line 3: 'retention' must be days"),
        ("evidence: 7", "line 3: 'evidence' must be a list"),
        ("evidenze: []", "line 3: unknown key 'evidenze'"),
        ("evidence: []}\n  - {id: A.1, title: T, cannot: n", "control 'A.1' is listed twice"),
        ("evidence: [", "not YAML or JSON"),
    ])
    func anOwnStandardWithAFaultIsRefused(part: String, words: String) throws {
        let standard = try state.standard("  - {id: A.1, title: T, cannot: n, \(part)}")
        let run = try state.report([], standard: standard)
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.errors.contains("own.yaml: ") && run.errors.contains(words), "\(run.errors)")
        #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
    }

    @Test func wrongOptionsAndOtherDirectoriesAreOneLine() throws {
        let huge = try state.scratch.write("huge.yaml", Data(repeating: 0x61, count: 2 << 20))
        let missing = ["report", "compliance", "--from", "1h", "--state", "/nonexistent"]
        let cases: [(words: [String], status: Int32, message: String)] = [
            (["--standard", "iso"], 2, "known: cis-docker, hipaa, nist-800-190, pci-dss-4"),
            (["--standard", huge], 2, "has more than 1 MiB"),
            (["--standard", "hipaa"], 1, "/nonexistent/lazaret.db: no such file"),
            (["--standard", "hipaa", "--to", "2h"], 2, "--to is not after --from"),
            (["--standard", "hipaa", "--posture", "/nonexistent"], 1, "/nonexistent: "),
        ]
        for (words, status, message) in cases {
            let run = try Run(missing + words)
            #expect(run.status == status && run.errors.contains(message), "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
        let listed = try Run("report", "standards")
        #expect(listed.output.split(separator: "\n").count == 4, "\(listed.output)")
        #expect(listed.output.contains("nist-800-190  NIST SP 800-190"), "\(listed.output)")
    }

    /// Only a model that the monitor used is a baseline.
    @Test func aModelIsEvidenceIfTheMonitorUsedIt() throws {
        let model = try state.scratch.model()
        let standard = try state.standard(
            "  - {id: A.1, title: T, cannot: n, evidence: [baseline]}")
        let strange = try state.report(["-m", model], standard: standard)
        #expect(strange.status == 0, "\(strange.errors)")
        #expect(states(strange)["A.1"] == "not supported by records", "\(strange.output)")

        let shown = try Run("model", "show", model).output
        let match = try #require(shown.firstMatch(of: /model ([0-9a-f]{16})/))
        let identifier = String(match.1)
        try state.store.record(
            model: StoredModel(
                id: identifier, created: state.moment(1), path: "lo", note: "", isActive: true))
        let used = try state.report(["-m", model], standard: standard)
        #expect(states(used)["A.1"] == "supported", "\(used.output)")
        #expect(used.output.contains("model \(identifier): traffic from "), "\(used.output)")
        // A damaged file that nobody named is left out.
        try state.scratch.write("learnt.model", Data("LZ".utf8))
        let damaged = try state.report([], standard: standard)
        #expect(damaged.status == 0 && damaged.errors.contains("learnt.model"), "\(damaged.errors)")
        #expect(states(damaged)["A.1"] == "not supported by records", "\(damaged.output)")
    }

    @Test func settingsOfContainersAreEvidence() throws {
        let safe = #"{"Id":"a1","Name":"/web","HostConfig":{"Privileged":false}}"#
        let bad = #"{"Id":"b2","Name":"/tool","HostConfig":{"Privileged":true}}"#
        let standard = try state.standard(
            """
              - {id: A.1, title: T, cannot: n, evidence: ["posture:privileged"]}
              - {id: A.2, title: T, cannot: n, evidence: ["posture:no_network_policy"]}
              - {id: A.3, title: T, cannot: n, evidence: ["posture:unused_published_port"]}
              - {id: A.4, title: T, cannot: n, evidence: ["posture:no_user_namespace"]}
            """)
        let expected = [
            "[\(safe)]": "supported", "[\(safe),\(bad)]": "partly supported",
            "[]": "not supported by records",
        ]
        for (text, first) in expected {
            let file = try state.scratch.write("inspect.json", Data(text.utf8))
            let run = try state.report(["--posture", file], standard: standard)
            #expect(run.status == 0, "\(run.errors)")
            #expect(states(run)["A.1"] == first, "\(run.output)")
            // What was not assessed supports nothing.
            #expect(states(run)["A.2"] == "not supported by records", "\(run.output)")
            #expect(states(run)["A.3"] == "not supported by records", "\(run.output)")
            #expect(states(run)["A.4"] != "supported", "\(run.output)")
        }
        let unread = try state.report([], standard: standard)
        #expect(unread.output.contains("settings were not read; --posture does"))
        #expect(states(unread)["A.1"] == "not supported by records")
    }
}
