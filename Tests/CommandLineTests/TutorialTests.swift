import Foundation
import TestKit
import Testing

/// The blocks of `docs/tutorial.md`, run one after the other as a reader pastes them.
@Suite(.needsKernel, .needs("curl", "python3"), .timeLimit(.minutes(20)))
struct TutorialTests {
    /// The text of the blocks that are marked `sh`.
    private func blocks() throws -> [String] {
        let page = try String(
            contentsOf: Run.root.appendingPathComponent("docs/tutorial.md"), encoding: .utf8)
        return page.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
    }

    @Test func everyBlockWorks() throws {
        let scratch = try Scratch()
        let blocks = try blocks()
        try #require(blocks.count > 10)
        // Each block must succeed, and the first one finds the program elsewhere.
        var script = "set -e\n"
        for (number, block) in blocks.enumerated() {
            script += "echo \"== block \(number + 1)\"\n" + block
        }
        let folder = Run.binary.absoluteURL.deletingLastPathComponent().path
        script = script.replacingOccurrences(of: "$PWD/.build/release", with: folder)
        let path = try scratch.write("tutorial.sh", Data(script.utf8))
        let shell = try Namespace.command([
            "timeout", "-s", "KILL", "240", "unshare", "--net", "--mount", "--pid", "--fork",
            "--kill-child",
            "--mount-proc", "bash", path,
        ])
        #expect(shell.contains("== block \(blocks.count)"), "\(shell.suffix(2000))")
        #expect(shell.contains("port:intruder"), "\(shell.suffix(2000))")
    }
}
