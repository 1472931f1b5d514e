import Foundation
import TestKit
import Testing

/// Windows that no judge reports are left out early. A report has all of them, and changes no
/// event.
struct OrdinaryWindowTests {
    private let scratch = try! Scratch()

    /// The first seconds of a capture, too short for evidence over minutes.
    private func beginning(of capture: String, seconds: UInt32) throws -> String {
        let bytes = try Data(contentsOf: Run.root.appendingPathComponent(capture))
        func word(_ at: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32($1 * 8) }
        }
        var end = 24
        while end + 16 <= bytes.count, word(end) < word(24) + seconds {
            end += 16 + Int(word(end + 8))
        }
        return try scratch.write("beginning.pcap", bytes[..<end])
    }

    /// Processes of a workload say something each second, and a name that it asks for is listed:
    /// what was said counts for the alert of its second, whatever else happens then.
    @Test(arguments: [false, true], [1, 3])
    func aReportChangesNoEvent(isShort: Bool, threads: Int) throws {
        var model = try scratch.model()
        if isShort {
            let capture = try beginning(of: "captures/clean-train.pcap", seconds: 120)
            model = scratch.path("short.model")
            let trained = try Run(
                "train", "-r", capture, "--inventory", "captures/inventory.yaml", "-o", model)
            try #require(trained.status == 0, "\(trained.errors)")
        }
        let said = (0..<1200).map { second in
            """
            {"output_fields":{"container.name":"app"},"priority":"Warning","rule":"r\(second)",\
            "source":"syscall","time":"2026-11-21T01:\(10 + second / 60):\(second % 60).5Z"}
            """.replacing(/:(\d)\.5Z/) { ":0\($0.1).5Z" }
        }.joined(separator: "\n")
        let events = try scratch.write("events.json", Data(said.utf8))
        let listed = try scratch.write("listed.txt", Data("db.lab\n".utf8))
        func replay(_ more: String...) throws -> String {
            let run = try Run(
                [
                    "replay", "-r", "captures/mixed.pcap", "-m", model, "--inventory",
                    "captures/inventory.yaml", "--format", "eve", "--threads", "\(threads)",
                    "--indicators", listed, "--runtime-events", events,
                ] + more)
            try #require(run.status == 0, "\(run.errors)")
            return run.output
        }
        let output = try replay()
        #expect(output.contains("db.lab") && output.contains("\"event_type\":\"runtime\""))
        #expect(try replay("--report", scratch.path("report.html")) == output)
    }
}
