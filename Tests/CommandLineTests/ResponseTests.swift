import Foundation
import TestKit
import Testing

/// Responses beyond nftables, as an operator sees them.
@Suite(.needsKernel, .needs("curl"))
struct ResponseTests {
    private let bench: FaultBench
    private let said: String

    init() throws {
        bench = try FaultBench()
        said = bench.scratch.path("said")
    }

    /// A configuration with one program that is told.
    private func configuration() throws -> String {
        let program = try bench.scratch.write(
            "tell", Data("#!/bin/sh\ncat >>\"$1\"\n".utf8), mode: 0o755)
        return """
            quarantine:
              further_responses:
                - {name: tell, action: exec, program: \(program), arguments: [\(said)]}
            workloads: {docker: never, podman: never, kubernetes: never}
            """
    }

    private var lines: [String] {
        let text = (try? String(contentsOfFile: said, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    @Test func anOperatorsFenceTellsAProgramAndItsReleaseToo() throws {
        let program = try bench.monitor(configuration: configuration())
        _ = try bench.quarantine("add", "203.0.113.9", "--for", "5m", "--reason", "a \"test\"")
        #expect(eventually { lines.count == 1 }, "\(program.errors)")
        let first = try #require(lines.first)
        #expect(first.contains(#""step":"apply""#) && first.contains(#""address":"203.0.113.9""#))
        #expect(first.contains(#""reason":"a \"test\"""#), "\(first)")
        let isListed = try eventually {
            try bench.quarantine("responses").contains("verified  tell")
        }
        #expect(isListed, "\(program.errors)")

        // The next monitor knows it, and does not tell it again.
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        let next = try bench.monitor(configuration: configuration())
        _ = try bench.quarantine("release", "203.0.113.9")
        #expect(eventually { lines.count == 2 }, "\(next.errors)")
        #expect(lines.last?.contains(#""step":"undo""#) == true, "\(lines)")
        let isUndone = try eventually {
            try bench.quarantine("responses", "--format", "json").contains(#""state":"undone""#)
        }
        #expect(isUndone, "\(next.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("response apply") && trail.contains("response undone"), "\(trail)")
        #expect(try Run("audit", "verify", "--state", bench.state).status == 0)
    }

    private var metrics: [Substring] {
        get throws {
            try Namespace.command([
                "curl", "-s", "-m", "60", "--unix-socket", bench.socket, "http://lazaret/metrics",
            ]).split(separator: "\n").filter { $0.hasPrefix("lazaret_responses") }
        }
    }

    /// What became of responses is in the status, its JSON and the metrics; a reload without the
    /// entries forgets nothing.
    @Test func responsesAreCounted() throws {
        let program = try bench.monitor(configuration: configuration())
        let none = "exec: 0 in effect, 0 waiting; so far 0 applied, 0 undone, 0 failed, 0 retried"
        #expect(eventually { bench.status().contains(none) }, "\(bench.status())")
        _ = try bench.quarantine("add", "203.0.113.9", "--for", "5m")
        let one = "exec: 1 in effect, 0 waiting; so far 1 applied, 0 undone, 0 failed, 0 retried"
        #expect(eventually { bench.status().contains(one) }, "\(bench.status())")
        #expect(lines.count == 1)

        try bench.scratch.write("own.yaml", Data("workloads: {docker: never}\n".utf8))
        program.signal(SIGHUP)
        #expect(eventually { program.errors.contains("were read again") }, "\(program.errors)")
        _ = try bench.quarantine("release", "203.0.113.9")
        let over = "exec: 0 in effect, 0 waiting; so far 1 applied, 1 undone, 0 failed, 0 retried"
        #expect(eventually { bench.status().contains(over) }, "\(bench.status())")

        let status = try #require(
            try Run("status", "--socket", bench.socket, "--format", "json").json.first)
        let counts = try #require(status["responses"] as? [[String: Any]])
        try #require(counts.count == 1)
        #expect(counts[0]["action"] as? String == "exec")
        for (name, count) in [
            ("applied", 1), ("undone", 1), ("failed", 0), ("retried", 0), ("skipped", 0),
            ("left", 0), ("standing", 0), ("waiting", 0),
        ] {
            #expect(counts[0][name] as? Int == count, "\(name): \(counts)")
        }
        let metrics = try metrics
        for line in [
            #"lazaret_responses_total{action="exec",result="applied"} 1"#,
            #"lazaret_responses_total{action="exec",result="undone"} 1"#,
            #"lazaret_responses_total{action="exec",result="failed"} 0"#,
            #"lazaret_responses_standing{action="exec"} 0"#,
            #"lazaret_responses_waiting{action="exec"} 0"#,
        ] {
            #expect(metrics.contains { $0 == line }, "\(line): \(metrics)")
        }
        #expect(metrics.count { $0.contains(#"action="exec""#) } == 8)
        // Neither addresses nor names of entries are labels, only actions and results.
        let labels = /lazaret_responses_[a-z]+{action="[a-z_]+"(,result="[a-z]+")?} [0-9]+/
        #expect(metrics.allSatisfy { $0.wholeMatch(of: labels) != nil }, "\(metrics)")
    }

    @Test func aPausedMonitorBeginsNoResponse() throws {
        let program = try bench.monitor(configuration: configuration())
        #expect(
            try Run("enforcement", "observe", "--for", "1h", "--socket", bench.socket).status == 0)
        _ = try bench.quarantine("add", "203.0.113.9", "--for", "5m")
        // The fence is active; the end of the pause begins the response.
        #expect(try bench.quarantine("list").contains("203.0.113.9"))
        #expect(lines.isEmpty)
        #expect(try Run("enforcement", "configured", "--socket", bench.socket).status == 0)
        #expect(eventually { lines.count == 1 }, "\(program.errors)")
    }

    @Test func aPlanSaysWhatWouldHappen() throws {
        let file = try bench.scratch.write("plan.yaml", Data(configuration().utf8))
        let plan = try Run(
            "quarantine", "plan", "203.0.113.9", "-c", file, "--state", bench.state, "-m",
            bench.scratch.path("clean.model"))
        #expect(plan.status == 0, "\(plan.errors)")
        for part in [
            "target      203.0.113.9", "at once     fence (drop) in nftables",
            "undo: lazaret quarantine release 203.0.113.9", "with step 'undo'",
        ] {
            #expect(plan.output.contains(part), "\(part): \(plan.output)")
        }
        let json = try #require(
            try Run(
                "quarantine", "plan", "203.0.113.9", "-c", file, "--state", bench.state, "--format",
                "json"
            ).json.first)
        #expect((json["responses"] as? [[String: Any]])?.first?["entry"] as? String == "tell")
        #expect(lines.isEmpty)
        let unknown = try Run("quarantine", "plan", "nobody", "-c", file)
        #expect(unknown.status != 0 && unknown.errors.contains("inventory show"))
        // A configuration that cannot be used has the exit code of 'config check', and its line.
        for text in [
            "quarantine: {further_responses: [{name: a, action: kill}]}", "quarantine: [",
            "quarantine: {further_responses: [{name: a, action: pause, grace: 5s}]}",
        ] {
            let broken = try bench.scratch.write("broken.yaml", Data((text + "\n").utf8))
            let check = try Run("config", "check", "-c", broken, "-i", "lo")
            let plan = try Run("quarantine", "plan", "203.0.113.9", "-c", broken)
            #expect(check.status == 2 && plan.status == 2, "\(check.errors)\n\(plan.errors)")
            #expect(plan.errors == check.errors && plan.output.isEmpty)
        }
        let empty = try Run("quarantine", "responses", "--state", bench.scratch.path("none"))
        #expect(empty.status == 1 && empty.errors.contains("no such file"))
    }

    /// Who uses a workload is known from the model, which has the names of its training.
    @Test func aPlanNamesWhoUsesTheWorkload() throws {
        let model = bench.scratch.path("clean.model")
        for target in ["10.60.3.5", "db"] {
            let plan = try Run(
                "quarantine", "plan", target, "--state", bench.state, "-m", model)
            #expect(plan.status == 0, "\(plan.errors)")
            #expect(plan.output.contains("worker TCP 5432"), "\(plan.output)")
            #expect(plan.output.contains("(db)"), "\(plan.output)")
        }
        let unknown = try Run(
            "quarantine", "plan", "203.0.113.9", "--state", bench.state, "-m", model)
        #expect(unknown.output.contains("unknown: no workload is known there"))
    }
}
