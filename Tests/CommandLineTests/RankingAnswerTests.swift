import Foundation
import TestKit
import Testing

/// What answers change in the ranking of hosts without a model.
struct RankingAnswerTests {
    /// One line of `replay --format json`.
    private struct Host: Decodable, Equatable {
        var offender: String
        var pattern: String?
        var score: Double
        var rankScore: Double
        var lean: Double?
        var windowStart: Int
        var windowEnd: Int
        var values: [String: Double]

        enum CodingKeys: String, CodingKey {
            case offender, pattern, score, lean, values
            case rankScore = "rank_score"
            case windowStart = "window_start"
            case windowEnd = "window_end"
        }
    }

    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func answers(_ lines: [String]) throws -> [String] {
        let text = lines.map { $0 + "\n" }.joined()
        return ["--answers", try scratch.write("answers.jsonl", Data(text.utf8))]
    }

    private func ranked(_ capture: String, _ more: [String] = []) throws -> String {
        let run = try Run(
            ["replay", "-r", "captures/\(capture).pcap", "--format", "json"]
                + ["--inventory", "captures/inventory.yaml"] + more)
        #expect(run.status == 0, "\(run.errors)")
        return run.output
    }

    private func hosts(_ text: String) throws -> [Host] {
        try text.split(separator: "\n").map {
            try JSONDecoder().decode(Host.self, from: Data($0.utf8))
        }
    }

    @Test func tenAnswersReorderTheOtherHostsAndWithoutThemTheOrderReturns() throws {
        let text = try ranked("clean-test")
        let before = try hosts(text)
        let said = try answers(
            before.prefix(10).map {
                """
                {"start": \($0.windowStart), "end": \($0.windowEnd), "kind": "benign", \
                "src": ["\($0.offender)"]}
                """
            })
        let after = try hosts(try ranked("clean-test", said))
        let answered = Set(before.prefix(10).map(\.offender))
        let others = { (hosts: [Host]) in
            hosts.map(\.offender).filter { !answered.contains($0) }
        }
        #expect(Set(others(after)) == Set(others(before)))
        #expect(Array(others(after).prefix(8)) != Array(others(before).prefix(8)))
        #expect(after.prefix(10).contains { !answered.contains($0.offender) })
        for host in after {
            let earlier = try #require(before.first { $0.offender == host.offender })
            // Only the order changes: not the window that is shown, nor its score.
            #expect(host.score == earlier.score && host.values == earlier.values)
            #expect(abs(host.rankScore - earlier.rankScore) <= 0.2 + 1e-4)
            #expect((-1...1).contains(host.lean ?? 2) && earlier.lean == nil)
        }
        #expect(try ranked("clean-test", answers([])) == text)
        #expect(try ranked("clean-test") == text)
    }

    @Test func attackersThatAreAllCalledBenignStayBeforeHostsWithoutAPattern() throws {
        let before = try hosts(try ranked("mixed")).filter { $0.pattern != nil }
        #expect(before.count >= 18)
        let said = try answers([
            #"{"kind": "benign", "src": ["0.0.0.0/0", "::/0"]}"#
        ])
        let after = try hosts(try ranked("mixed", said))
        #expect(
            Set(after.prefix(before.count).map(\.offender)) == Set(before.map(\.offender)))
        #expect(after.prefix(before.count).allSatisfy { ($0.lean ?? 0) < 0 })
    }

    @Test func theLabelsOfEvaluateAreAnswersAndBenignOnesAreNoAttacks() throws {
        let labels = "captures/mixed.labels.jsonl"
        let before = try hosts(try ranked("mixed"))
        let after = try hosts(try ranked("mixed", ["--answers", labels]))
        #expect(before.map(\.offender) != after.map(\.offender))
        let scanner = { (hosts: [Host]) in hosts.first { $0.offender == "10.60.4.13" } }
        #expect((scanner(after)?.lean ?? 0) > 0.5)

        let model = try scratch.model()
        let extended = try scratch.write(
            "labels.jsonl",
            Data(try String(contentsOfFile: labels, encoding: .utf8).utf8)
                + Data(#"{"start": 1, "end": 9e9, "kind": "benign", "src": ["10.60.4.0/24"]}"#.utf8)
        )
        let evaluations = try [labels, extended].map { truth in
            let run = try Run(
                "evaluate", "-r", "captures/mixed.pcap", "-m", model, "--truth", truth)
            #expect(run.status == 0, "\(run.errors)")
            return run.output
        }
        #expect(evaluations[0] == evaluations[1])
    }

    @Test func textAndReportSayWhatAnswersChanged() throws {
        let said = try answers([#"{"kind": "benign", "src": ["10.60.2.40"]}"#])
        let page = scratch.path("report.html")
        let run = try Run(
            ["replay", "-r", "captures/clean-test.pcap", "--report", page] + said)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("Answers on 1 of these hosts move"))
        #expect(run.output.contains(" by 1 answer)  10.60.2.40"))
        let text = try String(contentsOfFile: page, encoding: .utf8)
        #expect(text.contains("Answers on 1 of these hosts move"))
        // The file and its digest, and the command that makes the page again.
        #expect(text.contains(#"<th scope="row">answers</th>"#) && text.contains("--answers"))
    }

    @Test func wrongAnswersAreReportedInOneLine() throws {
        let capture = ["replay", "-r", "captures/clean-test.pcap"]
        for (line, part) in [
            ("{}", #"line 1: is no label; expected {"kind": "...", "src": ["ip"]}"#),
            (#"{"kind": "benign", "src": ["x"]}"#, "line 1: 'x' is no address or prefix"),
            (#"{"start": 2, "end": 1, "kind": "a", "src": []}"#, "'end' lies before 'start'"),
        ] {
            let run = try Run(capture + answers([line]))
            #expect(run.status == 1 && run.errors.contains(part), "\(run.errors)")
        }
        let unknown = try Run(
            capture + answers([#"{"kind": "benign", "src": ["192.0.2.200"]}"#]))
        #expect(unknown.status == 0 && unknown.errors.contains("no answer is about a host"))
        let model = try Run(capture + ["-m", try scratch.model()] + answers([]))
        #expect(model.status == 2 && model.errors.contains("see 'lazaret feedback'"))
        // A label for evaluate needs its times.
        let truth = try answers([#"{"kind": "benign", "src": ["10.60.2.40"]}"#])[1]
        let evaluate = try Run(
            "evaluate", "-r", "captures/clean-test.pcap", "-m", scratch.model(), "--truth", truth)
        #expect(evaluate.status == 1 && evaluate.errors.contains(#""start": s"#))
    }
}
