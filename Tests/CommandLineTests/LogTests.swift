import Foundation
import Glibc
import TestKit
import Testing

/// The log of a monitor and its destinations.
@Suite(.needsKernel)
struct LogTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func configure(level: String, interface: String = "br1") throws -> String {
        try scratch.write(
            "lazaret.yaml", Data("interfaces: [\(interface)]\nlog_level: \(level)\n".utf8))
    }

    private func monitor(_ configuration: String, behind words: [String] = []) throws -> Background
    {
        try Background(
            in: lab.node.space,
            [
                "monitor", "--config", configuration, "-m", model, "--state", scratch.path("state"),
                "-o", scratch.path("eve.json"), "--socket", scratch.path("socket"),
            ], behind: words)
    }

    @Test func theJournalReceivesEachLineWithItsPriority() throws {
        let journal = try scratch.write("journal", Data())
        // As with systemd: standard error is the journal's stream, which the variable identifies.
        let shell = #"exec 2>>"$0"; JOURNAL_STREAM=$(stat -c %d:%i "$0") exec "$@""#
        let program = try monitor(configure(level: "info"), behind: ["sh", "-c", shell, journal])
        var lines: [Substring] {
            let text = try? String(contentsOfFile: journal, encoding: .utf8)
            return text?.split(separator: "\n") ?? []
        }
        let isReady = eventually { lines.contains { $0.hasPrefix("<6>monitoring br1 by model ") } }
        #expect(isReady, "\(lines)")
        _ = try configure(level: "info", interface: "[")
        program.signal(SIGHUP)
        let isRefused = eventually { lines.contains { $0.hasPrefix("<3>") } }
        #expect(isRefused && lines.last?.hasSuffix("what was in use stays") == true, "\(lines)")
        #expect(program.end(by: SIGTERM) == 0 && program.errors.isEmpty)
    }

    @Test func lowerLevelsAreOmittedAfterAReload() throws {
        let program = try monitor(configure(level: "info"))
        let isReady = eventually { program.errors.contains("lazaret: monitoring br1 by model ") }
        #expect(isReady, "\(program.errors)")
        _ = try configure(level: "error")
        program.signal(SIGHUP)
        let isApplied = eventually {
            let shown = try? lab.node.space.run(
                "curl", "-s", "--unix-socket", scratch.path("socket"), "http://x/api/v1/config")
            return shown?.contains("log_level: error") == true
        }
        #expect(isApplied, "\(program.errors)")
        let count = program.errors.count
        // The status is a notice, the refusal an error: the lines before it are omitted.
        program.signal(SIGUSR1)
        _ = try configure(level: "error", interface: "[")
        program.signal(SIGHUP)
        let isRefused = eventually { program.errors.contains("what was in use stays") }
        let lines = program.errors.dropFirst(count)
        #expect(isRefused && lines.hasPrefix("lazaret: error: "), "\(lines)")
        #expect(program.end(by: SIGTERM) == 0)
        #expect(!program.errors.contains("stopped"), "\(program.errors)")
    }

    @Test func anInvalidLevelIsRefused() throws {
        let program = try monitor(configure(level: "loud"))
        #expect(program.status == 2)
        #expect(
            program.errors.contains(
                "expected one of trace, debug, info, notice, warning, error, critical"),
            "\(program.errors)")
    }
}
