import Foundation
import TestKit
import Testing

/// The risk of workloads of a running monitor, by the command, the API and the metrics.
@Suite(.needsKernel, .needs("curl"), .timeLimit(.minutes(20)))
struct RiskTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func ask(_ path: String) throws -> String {
        try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", bench.socket, "http://lazaret\(path)",
        ])
    }

    /// What the monitor says of a host; nil: nothing yet.
    private func entry(of host: Lab.Host) throws -> [String: Any]? {
        let answer = try JSONSerialization.jsonObject(
            with: Data(ask("/api/v1/risk?workload=\(host.v4)").utf8))
        let workloads = (answer as? [String: Any])?["workloads"] as? [[String: Any]]
        return workloads?.first
    }

    private func score(of host: Lab.Host) throws -> Double {
        try entry(of: host)?["score"] as? Double ?? 0
    }

    @Test func theOffenderIsTheRiskiestUntilItIsJudged() throws {
        let program = try bench.monitor(configuration: "metrics: {workloads: true}")
        let (offender, target) = (bench.lab.a, bench.lab.b)
        #expect(try bench.isFencedForScanning(offender), "\(program.errors)")
        try #require(try eventually { try score(of: offender) >= 20 }, "\(program.errors)")
        let found = try #require(try entry(of: offender))
        #expect(found["rank"] as? Int == 1, "\(found)")
        let parts = try #require(found["parts"] as? [[String: Any]])
        #expect(parts.first?["kind"] as? String == "anomaly")
        // Nobody has looked at its image and settings, and that is said.
        let unknown = parts.filter { $0["unknown"] as? Bool == true }.map { $0["kind"] as? String }
        #expect(unknown.contains("vulnerability"), "\(parts)")
        // Its target is not accused.
        #expect(try score(of: target) < 20)

        let table = try Run("risk", "--socket", bench.socket)
        let first = table.output.split(separator: "\n").dropFirst().first ?? ""
        #expect(
            first.contains(offender.v4) && first.contains("lazaret explain "), "\(table.output)")
        let details = try Run("risk", "--workload", offender.v4, "--socket", bench.socket)
        for word in ["anomaly", "exposure", "no report on its image", "no forecast"] {
            #expect(details.output.contains(word), "\(details.output)")
        }
        let sorted = try Run("risk", "--sort", "name", "--format", "json", "--socket", bench.socket)
        #expect(sorted.output.contains(#""workloads":[{"rank":1"#), "\(sorted.errors)")
        let none = try Run("risk", "--workload", "\u{1B}[31mnobody", "--socket", bench.socket)
        #expect(none.status == 1 && none.errors.contains("nobody"), "\(none.errors)")
        #expect(!none.errors.contains("\u{1B}"))
        let metrics = try ask("/metrics")
        #expect(metrics.contains("\nlazaret_risk_max "), "\(metrics.suffix(500))")
        #expect(metrics.contains("lazaret_risk_workloads{band=\"critical\"} "))
        #expect(metrics.contains("lazaret_workload_risk{workload=\"\(offender.v4)\"} "))

        // An operator closes the incident: now the score falls, the day's highest stays.
        let before = try score(of: offender)
        let listed = try Run("incidents", "--socket", bench.socket, "--match", offender.v4)
        // Rows without an identifier belong to the incident above them.
        let ids = listed.output.split(separator: "\n").dropFirst().map { String($0.prefix(16)) }
            .filter { !$0.hasPrefix(" ") }
        try #require(!ids.isEmpty, "\(listed.output)")
        for id in ids {
            let set = try Run("incidents", "set", id, "closed", "--socket", bench.socket)
            #expect(set.status == 0, "\(set.errors)")
        }
        try #require(try eventually { try score(of: offender) < before - 5 }, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")

        // The next monitor knows the day, and labels no workloads unless it is asked.
        let next = try bench.monitor()
        try #require(try eventually { try entry(of: offender) != nil }, "\(next.errors)")
        let scores = try #require(try entry(of: offender)?["scores"] as? [Any])
        #expect(scores.count == 42 && (scores.last as? Double ?? 0) >= before - 0.2, "\(scores)")
        #expect(try !ask("/metrics").contains("lazaret_workload_risk"))
        #expect(next.end(by: SIGTERM) == 0)
    }

    /// A workload's place in the ranking.
    private struct Place {
        var workload: String
        var score: Double
        var unknown: [String]

        /// Scores fade by the minute, and are told to one decimal.
        func isLike(_ other: Self) -> Bool {
            workload == other.workload && unknown == other.unknown
                && abs(score - other.score) <= 0.3
        }
    }

    private func ranking(_ words: [String]) throws -> (places: [Place], remarks: [String]) {
        let run = try Run(["risk", "--format", "json"] + words)
        try #require(run.status == 0, "\(run.errors)")
        let answer = try #require(
            JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        let workloads = try #require(answer["workloads"] as? [[String: Any]])
        let places = workloads.map { one in
            let parts = one["parts"] as? [[String: Any]] ?? []
            return Place(
                workload: one["workload"] as? String ?? "", score: one["score"] as? Double ?? -1,
                unknown: parts.filter { $0["unknown"] as? Bool == true }.map {
                    $0["kind"] as? String ?? ""
                })
        }
        return (places, answer["remarks"] as? [String] ?? [])
    }

    @Test func recordsGiveTheRankingOfTheMonitorThatMadeThem() throws {
        let first = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(first.errors)")
        #expect(first.end(by: SIGTERM) == 0, "\(first.errors)")

        // No packets are sent to the next one, so that both know the same.
        let next = try bench.monitor()
        let words = ["--state", bench.state, "-m", bench.model]
        let isSame = try eventually {
            guard try entry(of: bench.lab.a) != nil else { return false }
            let running = try ranking(["--socket", bench.socket]).places
            let stored = try ranking(words).places
            return running.count == stored.count
                && zip(running, stored).allSatisfy { $0.isLike($1) }
        }
        let running = try ranking(["--socket", bench.socket]).places
        let read = try ranking(words)
        #expect(isSame, "\(running) \(read)")
        #expect(running.first?.workload == bench.lab.a.v4 && running.count >= 3, "\(running)")
        #expect(next.end(by: SIGTERM) == 0, "\(next.errors)")

        let stored = try ranking(words)
        #expect(stored.places.count == running.count)
        for (one, other) in zip(running, stored.places) { #expect(one.isLike(other)) }
        // Who reads it learns what is not in the records.
        #expect(
            stored.remarks.count == 1 && stored.remarks[0].contains("no monitor was asked"),
            "\(stored.remarks)")

        // The directory of the configuration is read where no monitor answers, without a model.
        let file = try bench.scratch.write(
            "stored.yaml",
            Data("state: \(bench.state)\ncontrol: {socket: \(bench.socket)}\n".utf8))
        let table = try Run("risk", "-c", file)
        let row = table.output.split(separator: "\n").dropFirst().first ?? ""
        #expect(table.status == 0 && row.contains(bench.lab.a.v4), "\(table.errors)")
        #expect(table.errors.contains("no model of the monitor was found"), "\(table.errors)")
        // A socket that is named is that of a monitor, and an empty directory has no records.
        for words in [
            ["--socket", bench.socket], ["--state", bench.scratch.path("none")],
            ["-m", bench.model], ["--state", bench.state, "--workload", "nobody"],
        ] {
            let run = try Run(["risk"] + words)
            #expect(run.status != 0 && run.output.isEmpty && !run.errors.isEmpty, "\(words)")
        }
    }
}
