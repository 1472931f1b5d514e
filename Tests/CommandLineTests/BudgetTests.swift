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
}
