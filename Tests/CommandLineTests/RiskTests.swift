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
        let ids = listed.output.split(separator: "\n").dropFirst().map { String($0.prefix(16)) }
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
}
