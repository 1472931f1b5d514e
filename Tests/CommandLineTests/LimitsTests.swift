import Foundation
import TestKit
import Testing

/// A monitor stays within its limits.
@Suite(.needsKernel, .needs("curl"))
struct LimitsTests {
    private let lab: Lab
    private let scratch: Scratch
    private let socket = "/tmp/lzl-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private func monitor(limits: String) throws -> Background {
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1]
                state: \(scratch.path("state"))
                events: \(scratch.path("eve.json"))
                control: {socket: \(socket)}
                limits: \(limits)

                """.utf8))
        let program = try Background(
            in: lab.node.space, ["monitor", "-c", file, "-m", try scratch.model()])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// Seconds of CPU that a process has used (proc(5), `stat`).
    private func cpu(of process: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private func status() throws -> [String: Any] {
        let text = try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret/api/v1/status",
        ])
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
    }

    @Test func theCPULimitHoldsAndLostPacketsAreCounted() throws {
        let program = try monitor(limits: "{cpu: 0.05}")
        let sender = try Socket(lab.a)
        // The start's CPU time is over when the monitor is idle.
        var before = try cpu(of: program.identifier)
        let isIdle = try eventually {
            Thread.sleep(forTimeInterval: 0.5)
            let now = try cpu(of: program.identifier)
            defer { before = now }
            return now - before < 0.05
        }
        #expect(isIdle, "\(program.errors)")
        let began = ContinuousClock.now
        while ContinuousClock.now - began < .seconds(6) {
            for port in UInt16(2000)..<2200 { sender.send("probe", to: lab.b.v4, port) }
        }
        let used = try cpu(of: program.identifier) - before
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        // The packet thread is limited; CPU time of other threads is compensated later.
        #expect(used / seconds < 0.1, "\(used) s of CPU in \(seconds) s")
        let isReported = try eventually {
            for port in UInt16(2000)..<2200 { sender.send("probe", to: lab.b.v4, port) }
            return try status()["rested_seconds"] as? Double ?? 0 > 0
        }
        let shown = try status()
        #expect(isReported, "\(shown)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test(arguments: [
        ("{memory: 8MiB}", "256MiB"), ("{memory: much}", "a size with its unit"),
        ("{cpu: 0}", "cores"),
        ("{cpu: fast}", "cores"), ("{disk: 1}", "disk"),
    ])
    func anInvalidLimitIsRefusedWithItsLine(limits: String, word: String) throws {
        let file = try scratch.write("lazaret.yaml", Data("limits: \(limits)\n".utf8))
        let run = try Run("config", "check", "-i", "lo", "-c", file)
        #expect(run.status == 2 && run.errors.contains(word), "\(run.errors)")
        #expect(run.errors.contains("line 1"), "\(run.errors)")
    }
}
