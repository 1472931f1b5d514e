import Foundation
import TestKit
import Testing

/// Ctrl-C on files, and what the user sees of a long run.
struct InterruptionTests {
    private let scratch = try! Scratch()
    /// The same capture many times: several seconds of work.
    private let captures = Array(
        repeating: ["-r", "captures/mixed.pcap"], count: 150
    ).flatMap { $0 }

    /// Interrupts a command that is at work; returns it when it has ended.
    private func interrupted(_ words: [String], by signal: Int32) throws -> Background {
        let program = try Background(words)
        let isReady = eventually { !program.isRunning || program.handles(signal) }
        try #require(isReady && program.isRunning, "\(program.errors)")
        program.signal(signal)
        return program
    }

    private var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: scratch.url.path) }
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func interruptedFlowsLeaveNoFileOfAPart(signal: Int32) throws {
        let output = scratch.path("flows.csv")
        let program = try interrupted(
            ["flows", "--format", "csv", "-o", output] + captures, by: signal)
        #expect(program.status == 128 + signal, "\(program.errors)")
        #expect(
            program.errors.contains(/interrupted after \d+ % of the captures: .*flows.csv is not/))
        #expect(try files.isEmpty)
    }

    @Test func interruptedFlowsOnStandardOutputSayThatTheyAreIncomplete() throws {
        let program = try interrupted(["flows", "--format", "json"] + captures, by: SIGINT)
        #expect(program.status == 130, "\(program.errors)")
        #expect(program.errors.contains("the output is incomplete"), "\(program.errors)")
    }

    /// A pipe that somebody may write to.
    private func pipe() throws -> String {
        let path = scratch.path("pipe")
        #expect(try Namespace.command(["mkfifo", path]).isEmpty)
        return path
    }

    @Test func flowsOfAPipeThatIsIdleAreWrittenWhenASignalComes() throws {
        let path = try pipe()
        let output = scratch.path("flows.csv")
        let program = try Background(["flows", "--format", "csv", "-r", path, "-o", output])
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let writer = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try writer.write(contentsOf: sample.prefix(2_000_000))
        let isReady = eventually { program.handles(SIGTERM) }
        try #require(isReady && program.isRunning, "\(program.errors)")
        program.signal(SIGTERM)
        #expect(program.status == 0, "\(program.errors)")
        let flows = try String(contentsOfFile: output, encoding: .utf8)
        #expect(flows.split(separator: "\n").count > 100)
        try writer.close()
    }

    @Test(arguments: [
        ["flows", "--format", "csv"], ["train", "-o", "new.model"], ["replay"],
        ["policy", "check"], ["check"],
    ])
    func whoeverWaitsForAPipeCanBeInterrupted(words: [String]) throws {
        let path = try pipe()
        let model = words.last == "check" ? ["-m", try scratch.model()] : []
        let program = try interrupted(words + model + ["-r", path], by: SIGINT)
        #expect(program.status == 130, "\(program.errors)")
        #expect(program.errors == "lazaret: interrupted; nothing was written\n")
    }

    @Test func aFilterThatMatchesNothingCanBeInterrupted() throws {
        for threads in ["1", "2"] {
            let words = ["flows", "--format", "json", "--threads", threads, "host", "9.9.9.9"]
            let program = try interrupted(words + captures, by: SIGINT)
            #expect(program.status == 130, "\(program.errors)")
            let percent = program.errors.firstMatch(of: /after (\d+) %/)?.output.1
            #expect(percent.flatMap { Int($0) } ?? 100 < 100, "\(program.errors)")
        }
    }

    @Test func interruptedTrainingAndReplaysWriteNothing() throws {
        let model = try scratch.model()
        let others: [[String]] = [
            ["train", "-o", scratch.path("new.model")],
            ["replay", "-m", model, "-o", scratch.path("out"), "--report", scratch.path("r.html")],
            ["replay", "-o", scratch.path("out")],
            ["check", "-m", model, "-o", scratch.path("out")],
        ]
        for words in others {
            let program = try interrupted(words + captures, by: SIGINT)
            #expect(program.status == 130, "\(words) \(program.errors)")
            #expect(program.errors == "lazaret: interrupted; nothing was written\n")
            #expect(try files == ["clean.model"])
        }
    }

    @Test(.needs("python3")) func progressHasThePassAndTheTimeLeft() throws {
        let seen = try #require(
            Terminal.run(["replay", "-r", "captures/mixed.pcap", "-o", scratch.path("out")]))
        #expect(seen.contains("ranking: what the hosts do ["), "\(seen)")
        #expect(seen.contains(/\] \d+ %, \d+ s left/), "\(seen)")
    }
}

/// A start that fails.
@Suite(.needsKernel)
struct FailedStartTests {
    @Test func itLeavesNothingBehind() throws {
        let scratch = try Scratch()
        let space = try Namespace("failed")
        let program = try Background(
            in: space,
            [
                "monitor", "-i", "lznone", "--state", scratch.path("state"), "--socket",
                scratch.path("run/control.sock"), "-o", scratch.path("eve.json"),
            ])
        #expect(program.status == 1 && program.errors.contains("lznone"), "\(program.errors)")
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
        #expect(left.isEmpty, "\(left)")
    }
}
