import Foundation
import TestKit
import Testing

/// What other tools say of processes, from a file to an incident's time line.
struct RuntimeEventTests {
    private let scratch = try! Scratch()

    /// The scan of the database by the worker begins at 01:12:56 UTC.
    private static let alert = """
        {"hostname":"n","output":"x","output_fields":{"container.id":"4f66ad9a0b2e",\
        "container.name":"worker","proc.name":"bash","proc.pname":"runc",\
        "proc.cmdline":"bash -pS3cret"},"priority":"Warning","rule":"Terminal shell in container",\
        "source":"syscall","time":"2026-11-21T01:12:16.5Z"}
        """

    private func replay(_ more: String..., events: String? = nil) throws -> Run {
        var words = [
            "replay", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--inventory",
            "captures/inventory.yaml",
        ]
        if let events {
            let file = try scratch.write("\(UUID()).json", Data(events.utf8))
            words += ["--runtime-events", file]
        }
        let run = try Run(words + more)
        try #require(run.status == 0, "\(run.errors)")
        return run
    }

    private func details(_ event: [String: Any]) -> [String: Any] {
        event["lazaret"] as? [String: Any] ?? [:]
    }

    @Test func anEventIsInTheTimeLineOfItsIncidentOnly() throws {
        let lines = """
            \(Self.alert)
            {"rule":"cut
            {"output_fields":{"container.name":"nobody"},"priority":"Error","rule":"Other",\
            "source":"syscall","time":"2026-11-21T01:12:17Z"}
            """
        let page = scratch.path("report.html")
        let table = try replay("--report", page, events: lines)
        let words = "40 s before: Terminal shell in container (falco, Warning), bash, in worker"
        let blocks = table.output.split(separator: "\n#").map(String.init)
        let found = blocks.filter { $0.contains("Terminal shell") }
        // Each incident of that workload within ten minutes has it, and no other workload's.
        #expect(!found.isEmpty && found.allSatisfy { $0.contains("worker (") }, "\(found)")
        #expect(blocks.first?.contains(words) == true, "\(blocks.first ?? "")")
        #expect(
            table.errors.contains(
                "runtime events: 1 joined to workloads, 1 of no known workload, 1 malformed lines"),
            "\(table.errors)")
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains(words))

        let eve = try replay("--format", "eve", events: lines)
        #expect(!eve.output.contains("S3cret"))
        let own = try eve.json.filter { $0["event_type"] as? String == "runtime" }
        let report = details(try #require(own.first))
        #expect(own.count == 1 && report["workload"] as? String == "worker")
        let alerts = try eve.json.filter {
            details($0)["offender"] as? String == "10.60.4.13"
                && $0["event_type"] as? String == "alert"
        }
        let first = try #require(alerts.first)
        let list = try #require(details(first)["runtime_events"] as? [[String: Any]])
        #expect(list.count == 1 && list.first?["rule"] as? String == "Terminal shell in container")
        // The alert is read again as it was written.
        let id = try #require(details(first)["event_id"] as? String)
        let file = try scratch.write("eve.json", Data(eve.output.utf8))
        let explained = try Run("explain", id, "--events", file)
        #expect(explained.status == 0 && explained.output.contains("Runtime events"))
        #expect(explained.output.contains("before: Terminal shell in container (falco, Warning)"))
        #expect(explained.output.contains("more urgent for a runtime event"))
        let summaries = try replay("--format", "json", events: lines).json.filter {
            $0["offender"] as? String == "10.60.4.13"
        }
        let summary = try #require(summaries.first)
        #expect((summary["runtime_events"] as? [Any])?.count == 1)
    }

    /// Runtime events change priority and explanation: what is fenced, and what is found in single
    /// windows, stays, however many and however urgent they are.
    @Test func runtimeEventsChangeNoDecision() throws {
        let names = try String(
            contentsOf: Run.root.appendingPathComponent("captures/inventory.yaml"), encoding: .utf8
        ).matches(of: /- name: (\w+)/).map { String($0.1) }
        let lines = names.flatMap { name in
            stride(from: 10, to: 30, by: 1).map { minute in
                """
                {"output_fields":{"container.name":"\(name)"},"priority":"Emergency",\
                "rule":"r\(minute)","source":"syscall","time":"2026-11-21T01:\(minute):00Z"}
                """
            }
        }.joined(separator: "\n")
        func plan(_ name: String) throws -> String {
            try String(contentsOfFile: scratch.path(name), encoding: .utf8)
        }
        let plain = try replay("--format", "eve", "--plan", scratch.path("plain.nft"))
        let raised = try replay(
            "--format", "eve", "--plan", scratch.path("raised.nft"), events: lines)
        #expect(try plan("plain.nft") == plan("raised.nft"))
        func kept(_ run: Run, _ kind: String) throws -> [String: Int] {
            try run.json.filter {
                $0["event_type"] as? String == kind && details($0)["evidence_minutes"] == nil
            }.reduce(into: [:]) { found, event in
                let facts = details(event)
                let key = ["event_id", "action", "decision", "quarantine_id", "target", "score"]
                    .map { "\(facts[$0] ?? "-")" }.joined(separator: " ")
                found[key, default: 0] +=
                    (event["alert"] as? [String: Any])?["severity"] as? Int ?? 0
            }
        }
        let (before, after) = (try kept(plain, "alert"), try kept(raised, "alert"))
        #expect(before.count > 20 && Set(before.keys) == Set(after.keys))
        #expect(try kept(plain, "quarantine") == kept(raised, "quarantine"))
        // One level and not more, of named workloads only.
        for (alert, severity) in before {
            let now = after[alert] ?? 0
            #expect(severity - now <= 1 && severity >= now, "\(alert)")
        }
        #expect(before != after)
    }

    @Test func anUnusableFileEndsAReplayInOneLine() throws {
        let model = try scratch.model()
        let file = try scratch.write("html", Data("<html>\n<p>\n".utf8))
        let run = try Run(
            "replay", "-r", "captures/clean-test.pcap", "-m", model, "--runtime-events", file)
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(run.errors.hasPrefix("lazaret: \(file): has no event of Falco"), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1)
        let usage = try Run("replay", "-r", "captures/clean-test.pcap", "--runtime-events", file)
        #expect(usage.status == 2 && usage.errors.contains("--runtime-events needs a model"))
    }

    @Test func faultsOfTheConfigurationAreNamed() throws {
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [lo]
                runtime_events:
                  - {name: a, path: x}
                  - {name: a, path: /y}
                  - {name: b}
                  - {name: c, least: loud}
                runtime_prior: {for: 2h, factor: 100}
                """.utf8))
        let run = try Run("config", "check", "-c", file)
        #expect(run.status == 2)
        for words in ["'least' is 'loud'", "'for'", "'factor'"] {
            #expect(run.errors.contains(words), "\(run.errors)")
        }
        let second = try scratch.write(
            "second.yaml",
            Data(
                "interfaces: [lo]\nruntime_events: [{name: a, path: x}, {name: a}, {name: b}]\n"
                    .utf8)
        )
        let faults = try Run("config", "check", "-c", second).errors
        #expect(faults.contains("must begin with /") && faults.contains("only one entry"))
        #expect(faults.contains("two entries have the name 'a'"), "\(faults)")
    }
}
