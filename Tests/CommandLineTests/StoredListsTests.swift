import Foundation
import TestKit
import Testing

/// `lazaret incidents` and `lazaret events` with and without a running monitor.
@Suite(.needsKernel, .needs("curl", "sqlite3"))
struct StoredListsTests {
    /// A fence, its release, and the lists before and after the monitor has ended.
    @Test func theStoreAnswersAsTheMonitorDid() throws {
        let bench = try FaultBench()
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        func incidents(_ words: String...) throws -> Run { try Run(["incidents"] + words) }
        let isListed = try eventually {
            try incidents("--socket", bench.socket).output.contains("fenced until ")
        }
        let fenced = try incidents("--socket", bench.socket).output
        #expect(isListed, "\(fenced)")
        #expect(fenced.contains("decision: fenced until "), "\(fenced)")
        let isReleased = try bench.quarantine("release", bench.lab.a.v4, "--reason", "our scanner")
        #expect(isReleased.contains(bench.lab.a.v4))
        let release = /decision: released at [-0-9]+ [:0-9]+ UTC by .*: our scanner/
        let isShown = try eventually {
            try incidents("--socket", bench.socket).output.contains(release)
        }
        let last = try incidents("--socket", bench.socket).output
        #expect(isShown, "\(last)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")

        let stored = try incidents("--state-directory", bench.state)
        #expect(stored.status == 0 && stored.output.contains(release), "\(stored.errors)")
        let json = try incidents("--state-directory", bench.state, "--format", "json")
        let list = try #require(
            JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
        #expect(
            list.contains { ($0["outcome"] as? [String: Any])?["state"] as? String == "released" })
        #expect(list.allSatisfy { $0["triage"] != nil && $0["pattern_details"] != nil })
        // Filters are those of the monitor.
        let words = ["--state-directory", bench.state]
        #expect(
            try Run(["incidents", "--match", "no-such-host"] + words).output == "no incidents\n")
        let wrong = try Run(["incidents", "--severity", "loud"] + words)
        #expect(wrong.status == 1 && wrong.errors.contains("severity: 'loud'"), "\(wrong.errors)")

        // Without an option, the directory of the configuration is read.
        let file = try bench.scratch.write(
            "node.yaml", Data("state: \(bench.state)\ncontrol: {socket: \(bench.socket)}\n".utf8))
        let configured = try incidents("-c", file)
        #expect(
            configured.status == 0 && configured.output == stored.output, "\(configured.errors)")
        let events = try Run("events", "-n", "1000", "--state", bench.state)
        #expect(events.status == 0 && events.output.contains(#""action":"release""#))
        #expect(try Run("events", "-n", "1000", "-c", file).output == events.output)
        // Damaged rows hide no others, and end no command.
        try Namespace.command([
            "sqlite3", bench.state + "/lazaret.db",
            """
            INSERT INTO incidents VALUES ('0000000000000000', 9999999999, 9999999999, 'x', 'x',
              '{"event_id": "0000000000000000"}');
            INSERT INTO incidents SELECT '0000000000000001', 9999999999, end, offender, workload,
              json_set(body, '$.end', -9223372036854775807 - 1, '$.event_id', '0000000000000001')
              FROM incidents WHERE offender != 'x' LIMIT 1;
            """,
        ])
        let damaged = try incidents("--state-directory", bench.state)
        #expect(damaged.status == 0, "\(damaged.status) \(damaged.errors)")
        #expect(
            damaged.errors.contains("\(bench.state): 1 of ")
                && damaged.errors.contains("incidents cannot be read, and are left out"),
            "\(damaged.errors)")
        #expect(damaged.output.contains(release), "\(damaged.output)")
        let risk = try Run("risk", "--state", bench.state)
        #expect(risk.status == 0, "\(risk.status) \(risk.errors)")

        // Who names a socket means the monitor.
        let gone = try incidents("--socket", bench.socket)
        #expect(gone.status == 1 && gone.errors.contains(bench.socket), "\(gone.errors)")
    }

    @Test(.needs("sqlite3"), arguments: ["incidents", "events"])
    func errorsAreOneLine(command: String) throws {
        let scratch = try Scratch()
        let option = command == "events" ? "--state" : "--state-directory"
        func refusal(_ words: String...) throws -> String {
            let run = try Run([command, option, scratch.url.path] + words)
            #expect(run.output.isEmpty && run.status == 1, "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
            return run.errors
        }
        #expect(try refusal().contains("lazaret.db: no such file; name the state directory"))
        let path = scratch.path("lazaret.db")
        try Namespace.command(["sqlite3", path, "CREATE TABLE visitors (name TEXT)"])
        #expect(try refusal().contains("no store of lazaret"))
        try scratch.write("lazaret.db", Data(repeating: 0x5A, count: 8192))
        #expect(try refusal().contains("damaged"))
        // Nothing was written.
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 8192)
    }

    @Test func followingNeedsAMonitor() throws {
        let run = try Run("events", "--follow", "--state", "/nowhere")
        #expect(run.status == 2 && run.errors.contains("--follow needs a running monitor"))
    }
}
