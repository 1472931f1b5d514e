import Foundation
import TestKit
import Testing

/// `explain` and `feedback` with nothing but the identifier of an alert.
@Suite(.needsKernel, .needs("curl"))
struct StoredAlertTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private var model: String { bench.scratch.path("clean.model") }

    /// A monitor with a stored alert; returns the alert's identifier.
    private func alert() throws -> (program: Background, id: String) {
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let id = program.errors.firstMatch(of: /lazaret explain ([0-9a-f]{16})/).map { $0.1 }
        let found = String(try #require(id, "\(program.errors)"))
        let isStored = eventually {
            (try? Run("explain", found, "--socket", bench.socket).status) == 0
        }
        try #require(isStored, "\(program.errors)")
        return (program, found)
    }

    /// A configuration of the bench's state without a control socket.
    private func configuration() throws -> String {
        let text = """
            interfaces: [br1]
            model: \(model)
            state: \(bench.state)
            control: {socket: never}

            """
        return try bench.scratch.write("offline.yaml", Data(text.utf8))
    }

    @Test func anAlertIsExplainedByTheMonitorAndThenByItsStore() throws {
        let (program, id) = try alert()
        let live = try Run("explain", id, "--socket", bench.socket)
        #expect(live.status == 0, "\(live.errors)")
        for part in [
            "event \(id)  20", " UTC\n", "  target: ", "clean windows of ", "Nearest normal window",
            "lazaret quarantine release", "lazaret feedback \(id) --benign\n",
        ] {
            #expect(live.output.contains(part), "\(part)\n\(live.output)")
        }
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let offline = try Run("explain", id, "-c", try configuration())
        #expect(offline.status == 0, "\(offline.errors)")
        // All flows of the window are in the history now.
        #expect(offline.output.contains("from the flow history"), "\(offline.output)")
        #expect(offline.output.contains("clean windows of "), "\(offline.output)")
        let json = try Run("explain", id, "-c", try configuration(), "--format", "json").json
        let flows = try #require(json.first?["flows"] as? [[String: Any]])
        #expect(!flows.isEmpty)
        #expect(flows.allSatisfy { ($0["community_id"] as? String)?.hasPrefix("1:") == true })
    }

    @Test func feedbackIsUsedByTheMonitorAtOnceAndAudited() throws {
        let (program, id) = try alert()
        for (word, kept) in [("--benign", "  benign  "), ("--malicious", "  malicious  ")] {
            let said = try Run("feedback", id, word, "--socket", bench.socket)
            #expect(said.status == 0, "\(said.errors)")
            #expect(said.output.contains("the monitor uses it now"), "\(said.output)")
            let list = try Run("feedback", "--socket", bench.socket)
            #expect(list.output.contains("\(id)\(kept)"), "\(list.output)")
        }
        let isRead = eventually { program.errors.contains("feedback were read again") }
        #expect(isRead, "\(program.errors)")
        let gone = try Run("feedback", id, "--withdraw", "--socket", bench.socket)
        #expect(gone.status == 0, "\(gone.errors)")
        #expect(try Run("feedback", "-m", model).output.contains("no feedback"))
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("feedback") && trail.contains("withdrawn"), "\(trail)")
        for id in ["0123456789abcdef", "a/b?c"] {
            let wrong = try Run("feedback", id, "--benign", "--socket", bench.socket)
            #expect(wrong.status == 1 && wrong.errors.contains(id), "\(wrong.errors)")
            let unknown = try Run("explain", id, "--socket", bench.socket)
            #expect(unknown.status == 1 && unknown.errors.contains(id), "\(unknown.errors)")
        }
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func withoutAMonitorTheStoreHasTheAlertForFeedback() throws {
        let (program, id) = try alert()
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let file = try configuration()
        let said = try Run("feedback", id, "--benign", "-c", file)
        #expect(said.status == 0 && said.output.contains("\(id)  benign"), "\(said.errors)")
        #expect(try Run("feedback", "-c", file).output.contains("\(id)  benign"))
        let unknown = try Run("feedback", "0123456789abcdef", "--benign", "-c", file)
        #expect(unknown.status == 1, "\(unknown.errors)")
        #expect(unknown.errors.contains("holds no alert with event_id 0123456789abcdef"))
    }

    @Test func withoutMonitorAndStoreTheFileIsAskedFor() throws {
        let text = "state: \(bench.scratch.path("nothing"))\ncontrol: {socket: never}\n"
        let file = try bench.scratch.write("none.yaml", Data(text.utf8))
        let run = try Run("explain", "0123456789abcdef", "-c", file)
        #expect(run.status == 1 && run.errors.contains("--events"), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: bench.scratch.path("nothing")))
    }
}
