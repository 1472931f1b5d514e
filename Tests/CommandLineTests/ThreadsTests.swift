import Foundation
import TestKit
import Testing
import Timestamps

/// Captures that several threads read, count and judge: the results are those of one thread.
struct ThreadsTests {
    private let scratch = try! Scratch()

    /// What a command writes with one, two and three threads: its output, the files that it makes,
    /// and what it says.
    private func results(
        _ words: [String], files: [String] = [], _ counts: ClosedRange<Int> = 1...3
    ) throws -> [[Data]] {
        try counts.map { threads in
            let run = try Run(words + ["--threads", "\(threads)"])
            let statuses: [Int32] = words[0] == "flows" ? [0, 1] : [0, 3]
            #expect(statuses.contains(run.status), "\(words) \(run.errors)")
            return try [Data(run.output.utf8), Data(run.errors.utf8)]
                + files.map { try Data(contentsOf: URL(fileURLWithPath: scratch.path($0))) }
        }
    }

    private func expectSame(_ words: [String], files: [String] = []) throws {
        let found = try results(words, files: files)
        #expect(found[0][0].count + found[0].dropFirst(2).reduce(0) { $0 + $1.count } > 100)
        #expect(found[1] == found[0] && found[2] == found[0], "\(words)")
    }

    /// Names that change at some packets' times, then the same packets once more: the clock is set
    /// back. The end is cut off.
    private func odd() throws -> String {
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let records = CaptureFile.records(ofPcap: [UInt8](sample)).prefix(60_000)
        let notes = ["10.60.4.13": "batch", "10.60.3.5": "ledger"].map {
            CaptureFile.note(#"{"holders":[{"address":"\#($0.key)","workload":"\#($0.value)"}]}"#)
        }
        var file = CaptureFile.pcapng([], []) + notes.flatMap(\.self)
        file += CaptureFile.pcapng([.init()], Array(records) + Array(records))
        return try scratch.write("odd.pcapng", Data(file.dropLast(20)))
    }

    /// A recording at ports, one of which goes.
    private func recorded() throws -> String {
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        var recording = PortRecording(ports: ["v0", "v1", "v2", "v3"])
        for (number, record) in CaptureFile.records(ofPcap: [UInt8](sample)).enumerated() {
            let entry = CaptureFile.Record(
                .epoch + .microseconds(record.stamp), record.bytes)
            recording.add(entry, port: "v\(record.bytes[11] & 3)")
            if number == 40_000 { recording.remove(port: "v2", at: entry) }
            if number > 80_000 { break }
        }
        return try scratch.write("ports.pcapng", Data(recording.bytes))
    }

    @Test func trainedModelsAreTheSame() throws {
        let model = scratch.path("new.model")
        for words in [["-r", "captures/clean-train.pcap"], ["-r", try odd(), "--trust-notes"]] {
            try expectSame(
                ["train", "-o", model, "--exclude-suspects"] + words, files: ["new.model"])
        }
    }

    @Test func replaysAreTheSame() throws {
        let model = try scratch.model()
        let report = scratch.path("report.html")
        for words in [
            ["-r", "captures/mixed.pcap"], ["-r", try odd(), "--trust-notes"],
            ["-r", try recorded()],
            ["-r", "captures/mixed.pcap", "-r", "captures/clean-test.pcap", "tcp"],
        ] {
            try expectSame(["replay", "-m", model, "--format", "eve"] + words)
            try expectSame(
                ["replay", "-m", model, "--report", report] + words, files: ["report.html"])
            try expectSame(["replay", "--report", report] + words, files: ["report.html"])
        }
        try expectSame([
            "evaluate", "-m", model, "-r", "captures/mixed.pcap", "--truth",
            "captures/mixed.labels.jsonl", "--format", "json",
        ])
    }

    @Test func checksAreTheSame() throws {
        let model = try scratch.model()
        for capture in ["captures/mixed.pcap", try odd()] {
            let run = ["check", "-m", model, "-r", capture, "--trust-notes"]
            try expectSame(run + ["--format", "json"])
        }
    }

    @Test(arguments: ["csv", "json", "zeek", "eve", "ipfix"])
    func flowsAreTheSame(format: String) throws {
        let flows = scratch.path("flows")
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let packed = try scratch.write("mixed.pcap", sample)
        #expect(try Namespace.command(["gzip", packed]).isEmpty)
        // No record is that long: what came before is written.
        let damaged = try scratch.write(
            "damaged.pcap", sample + Data(repeating: 0x7F, count: 16))
        for words in [
            ["-r", "captures/mixed.pcap"], ["-r", try odd()], ["-r", packed + ".gz"],
            ["-r", damaged],
            ["-r", "captures/mixed.pcap", "-r", "captures/clean-test.pcap", "tcp"],
            ["-r", "captures/mixed.pcap", "--max-flows", "100"],
        ] {
            let found = try results(
                ["flows", "--stats", "--format", format, "-o", flows] + words, files: ["flows"],
                1...2)
            #expect(found[0][2].count > 10_000 && found[0] == found[1], "\(words)")
        }
    }

    @Test func errorsAreThoseOfOneThread() throws {
        let text = try scratch.write("text.pcap", Data("no capture at all, but a text".utf8))
        for capture in [text, scratch.path("missing.pcap"), scratch.url.path] {
            let runs = try (1...3).map {
                try Run(["replay", "-r", capture, "--threads", "\($0)"])
            }
            #expect(Set(runs.map(\.status)).count == 1 && runs[0].status != 0)
            #expect(Set(runs.map(\.errors)).count == 1, "\(runs.map(\.errors))")
        }
        for capture in [text, scratch.path("missing.pcap"), scratch.url.path] {
            let runs = try (1...2).map { try Run(["flows", "-r", capture, "--threads", "\($0)"]) }
            #expect(runs[0].status != 0 && runs[0].status == runs[1].status)
            #expect(runs[0].errors == runs[1].errors, "\(runs.map(\.errors))")
        }
        for (command, count) in [
            ("replay", "0"), ("replay", "4"), ("replay", "-1"), ("replay", "x"), ("flows", "3"),
            ("flows", "0"),
        ] {
            let run = try Run([command, "-r", "captures/mixed.pcap", "--threads=\(count)"])
            #expect(run.status == 2 && run.errors.contains("threads"), "\(run.errors)")
        }
    }
}
