import Foundation
import TestKit
import Testing

/// Hours of clean traffic that are not part of the training, of a network that the detector was not
/// tuned on.
struct BudgetTests {
    private func synthesise(_ words: String...) throws {
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.arguments =
            [Run.root.appendingPathComponent("Benchmarks/detection/synthetic.py").path] + words
        python.standardOutput = FileHandle.nullDevice
        try python.run()
        python.waitUntilExit()
        try #require(python.terminationStatus == 0)
    }

    @Test(.needs("python3"))
    func theBudgetOfFalseAlarmsHoldsOnHoursThatTheModelDidNotSee() throws {
        let scratch = try Scratch()
        let (train, clean) = (scratch.path("train"), scratch.path("clean"))
        try synthesise("shop", "31", "2", train, "--calm")
        try synthesise("shop", "32", "6", clean, "--start", "2")
        let trained = try Run(
            "train", "-r", train + ".pcap", "--inventory", train + ".inventory.yaml", "-o",
            scratch.path("m"))
        #expect(trained.status == 0, "\(trained.errors)")
        let run = try Run(
            "evaluate", "-r", clean + ".pcap", "--inventory", clean + ".inventory.yaml", "-m",
            scratch.path("m"), "--format", "json")
        let result = try #require(try run.json.first)
        // One a day is a quarter in six hours: three or more happen by chance in two of a thousand
        // runs.
        let count = try #require(result["incidents"] as? Int)
        #expect(count <= 2, "\(run.output)")
        #expect((result["clean_workloads_quarantined"] as? [Any])?.isEmpty == true)
    }

    /// Attacks that no step of a single window shows, in an hour of their own: found by their
    /// minutes and by their conversations in ten minutes, and more of them with a larger budget.
    /// Without both, none is.
    @Test(.needs("python3")) func quietAttacksAreFoundWithinTheBudget() throws {
        let scratch = try Scratch()
        let (train, quiet) = (scratch.path("train"), scratch.path("quiet"))
        try synthesise("shop", "1", "2", train, "--calm")
        try synthesise("shop", "4", "1", quiet, "--start", "3", "--calm", "--quiet")
        func model(_ budget: String) throws -> String {
            let path = scratch.path("m" + budget.replacingOccurrences(of: "/", with: "-"))
            let run = try Run(
                "train", "-r", train + ".pcap", "--inventory", train + ".inventory.yaml", "-o",
                path, "--false-alarms", budget)
            #expect(run.status == 0 && run.output.contains("for evidence over minutes"))
            return path
        }
        func found(_ budget: String, _ more: [String] = []) throws -> Int {
            let run = try Run(
                [
                    "evaluate", "-r", quiet + ".pcap", "--inventory", quiet + ".inventory.yaml",
                    "-m", try model(budget), "--truth", quiet + ".labels.jsonl", "--format", "json",
                ] + more)
            let result = try #require(try run.json.first, "\(run.errors)")
            #expect(result["attack_count"] as? Int == 9 && result["false_incidents"] as? Int == 0)
            return try #require(result["detected_count"] as? Int)
        }
        let counts = try ["10/day", "1/day", "1/week"].map { try found($0) }
        #expect(counts[0] >= counts[1] && counts[1] >= counts[2], "\(counts)")
        #expect(counts[1] >= 6, "\(counts)")
        let both = ["--without", "minutes", "--without", "sustained"]
        #expect(try found("1/day", both) == 0)
        #expect(try found("1/day", Array(both[0...1])) >= 3)
        #expect(try found("1/day", Array(both[2...3])) >= 4)
        let replay = try Run(
            "replay", "-r", quiet + ".pcap", "--inventory", quiet + ".inventory.yaml", "-m",
            try model("1/day"))
        #expect(replay.output.contains(" minutes together: evidence 10^"), "\(replay.output)")
        #expect(!replay.output.contains("-> quarantine"), "\(replay.output)")
    }
}
