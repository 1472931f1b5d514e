import Foundation
import TestKit
import Testing

/// The flow history of a running monitor: what is asked for is found, and faults of the disk cost
/// no packets.
@Suite(.needsKernel, .needs("curl"), .needs("python3"))
struct FlowHistoryTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func flows(_ words: String...) throws -> Run {
        try Run(["flows", "--format", "json", "-n", "100000"] + words)
    }

    /// The flows in the state directory.
    private func stored(_ words: String..., state: String? = nil) throws -> [String] {
        let run = try Run(
            ["flows", "--format", "json", "-n", "100000", "--state", state ?? bench.state] + words)
        #expect(run.status == 0, "\(run.errors)")
        return run.output.split(separator: "\n").map(String.init)
    }

    private func ask(_ path: String) throws -> String {
        try Namespace.command([
            "curl", "-s", "-i", "-m", "60", "--unix-socket", bench.socket, "http://lazaret\(path)",
        ])
    }

    private func scan() throws { try bench.lab.scan(bench.lab.b, by: bench.lab.c) }

    /// Scans until the flows are found by the socket.
    private func scanUntilStored(_ program: Background) throws {
        let isStored = try eventually {
            try scan()
            return try flows("--socket", bench.socket).output.contains(bench.lab.c.v4)
        }
        #expect(isStored, "\(program.errors)")
    }

    @Test func flowsAreFoundByTimeEndsAndPort() throws {
        let program = try bench.monitor()
        try scanUntilStored(program)
        let (offender, victim) = (bench.lab.c.v4, bench.lab.b.v4)
        let both = try flows(
            "--socket", bench.socket, "--workload", victim, "--peer", offender, "--from", "1h")
        #expect(both.status == 0, "\(both.errors)")
        let row = try #require(both.output.split(separator: "\n").first)
        #expect(row.contains(#""orig":"\#(offender)""#) && row.contains(#""resp":"\#(victim)""#))
        #expect(row.contains(#""community_id":"1:"#) && row.contains(#""end_reason":""#), "\(row)")
        let port = try #require(row.firstMatch(of: /"resp_port":(\d+)/)?.1)
        let one = try flows("--socket", bench.socket, "--port", "tcp/\(port)", "--peer", offender)
        #expect(one.output.contains(#""resp_port":\#(port),"#))
        #expect(try flows("--socket", bench.socket, "--port", "udp/\(port)").output.isEmpty)
        #expect(try flows("--socket", bench.socket, "--to", "1h").output.isEmpty)
        #expect(try flows("--socket", bench.socket, "--peer", "192.0.2.0/24").output.isEmpty)
        let status = try Run("status", "--socket", bench.socket).output
        #expect(status.contains(" flows since "), "\(status)")
        #expect(try ask("/metrics").contains("lazaret_history_lost_total 0"))

        // Pages neither overlap nor leave flows out.
        var numbers: [String] = []
        var before = ""
        repeat {
            let page = try ask("/api/v1/flows?limit=7\(before)")
            numbers += page.matches(of: /"number":(\d+)/).map { String($0.1) }
            before = page.firstMatch(of: /"before":(\d+)}/).map { "&before=\($0.1)" } ?? ""
        } while !before.isEmpty
        #expect(Set(numbers).count == numbers.count && numbers.count > 7)

        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        // All flows are in the directory now, those that were open, too.
        #expect(try stored().count >= numbers.count)
        let table = try Run("flows", "--state", bench.state, "-n", "1")
        #expect(table.output.hasPrefix("START (UTC)"), "\(table.output)")
        #expect(table.errors.contains("only the latest 1 flows"))
        let csv = try Run("flows", "--state", bench.state, "--format", "csv")
        let lines = csv.output.split(separator: "\n")
        #expect(lines[0].hasPrefix("number,start,end,proto"), "\(csv.errors)")
        #expect(lines[0].hasSuffix(",resp_bytes,community_id"))
        // The same identifiers in every format, by the monitor and by the file.
        let identifiers = try stored().map {
            $0.firstMatch(of: /"community_id":"(1:[^"]+)"/).map { String($0.1) }
        }
        let last = lines.dropFirst().map { $0.split(separator: ",").last.map(String.init) }
        #expect(last == identifiers)
        let eve = try Run("flows", "--state", bench.state, "--format", "eve").json
        #expect(eve.map { $0["community_id"] as? String } == identifiers)
        for flow in eve {
            #expect(flow["event_type"] as? String == "flow" && flow["src_ip"] as? String != nil)
            let counters = try #require(flow["flow"] as? [String: Any])
            #expect(counters["reason"] as? String != nil && counters["age"] as? Int != nil)
        }
        #expect(eve.contains { ($0["flow"] as? [String: Any])?["reason"] as? String == "shutdown" })
    }

    @Test func aWrongParameterIsABadRequest() throws {
        let program = try bench.monitor()
        for query in [
            "limit=0", "limit=1001", "limit=x", "from=yesterday", "from=-1", "before=-1",
            "port=http", "port=70000", "workload=", "peer=", "unknown=1",
            "from=99999999999999999999", "workload=\(String(repeating: "a", count: 254))",
            "to=1e3", "port=tcp%2F", "peer=10.0.0.0%2F99", "workload=%00",
        ] {
            let answer = try ask("/api/v1/flows?\(query)")
            #expect(answer.contains(" 400 "), "\(query): \(answer)")
        }
        #expect(program.isRunning)
    }

    @Test func aKilledMonitorLeavesAHistoryThatTheNextOneContinues() throws {
        let first = try bench.monitor()
        try scanUntilStored(first)
        #expect(first.end(by: SIGKILL) == -SIGKILL)
        let before = try stored()
        #expect(!before.isEmpty)
        let next = try bench.monitor()
        try scanUntilStored(next)
        #expect(next.end(by: SIGTERM) == 0, "\(next.errors)")
        let after = try stored()
        #expect(Array(after.prefix(before.count)) == before && after.count > before.count)
    }

    @Test func twoReadersReadWhileTheMonitorWrites() throws {
        let program = try bench.monitor()
        try scanUntilStored(program)
        let readers = try (0..<2).map { _ in
            try Background([
                "flows", "--format", "json", "--state", bench.state, "-n", "1000",
            ])
        }
        try scan()
        for reader in readers {
            #expect(reader.status == 0, "\(reader.errors)")
            #expect(reader.output.contains(bench.lab.c.v4))
        }
        #expect(!bench.status().contains("flow history:"), "\(bench.status())")
        #expect(program.isRunning)
    }

    @Test func aFullDiskIsReportedAndFlowsWait() throws {
        let disk = try SmallDisk(mib: 4)
        let state = disk.path + "/state"
        let program = try bench.monitor(state: state)
        try disk.fill()
        let isShown = try eventually {
            try scan()
            return bench.status().contains("flow history:")
        }
        #expect(isShown, "\(bench.status())")
        // Whatever belongs into the audit trail is refused.
        for words in [["mute", "add", "web", "--for", "1h"], ["enforcement", "observe"]] {
            let run = try Run(words + ["--socket", bench.socket])
            #expect(run.status == 1 && run.errors.contains("full"), "\(run.errors)")
        }
        #expect(bench.status().contains("enforcing,"), "\(bench.status())")
        try disk.empty()
        let isQuiet = eventually { !bench.status().contains("flow history:") }
        #expect(isQuiet, "\(bench.status())")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(try stored(state: state).contains { $0.contains(bench.lab.c.v4) })
    }

    @Test func aDamagedHistoryIsSetAside() throws {
        try FileManager.default.createDirectory(
            atPath: bench.state, withIntermediateDirectories: true)
        let path = bench.state + "/flows.db"
        try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: path))
        let refused = try Run("flows", "--state", bench.state)
        #expect(refused.status == 1 && refused.errors.contains("damaged"), "\(refused.errors)")
        // A file without a table yet is none.
        try Data().write(to: URL(fileURLWithPath: bench.scratch.path("flows.db")))
        let none = try Run("flows", "--state", bench.scratch.path(""))
        #expect(none.status == 1 && none.errors.contains("no flow history"), "\(none.errors)")
        let program = try bench.monitor()
        try scanUntilStored(program)
        #expect(program.errors.contains("flows.db.damaged-"), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func withoutAHistoryTheAnswerSaysSo() throws {
        let program = try bench.monitor(configuration: "history: {age: never}")
        let answer = try ask("/api/v1/flows")
        #expect(answer.contains(" 404 ") && answer.contains("history.age"), "\(answer)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(try Run("flows", "--state", bench.state).status == 1)
    }
}

/// Queries of the flow history that need no monitor.
struct FlowOptionTests {
    @Test(arguments: [
        ["--from", "soon"], ["--from", "1h", "--to", "2h"], ["--port", "http"], ["-n", "0"],
        ["--workload", ""], ["--peer", "10.0.0.0/99"], ["--workload", "10.0.0.300"],
        ["--format", "ipfix"], ["--format", "zeek"], ["-o", "udp://127.0.0.1:1"], ["tcp"],
        ["-r", "captures/clean-train.pcap", "--from", "1h"], ["--from", "2026-13-45 10:00"],
    ])
    func aWrongOptionIsReported(_ options: [String]) throws {
        let run = try Run(["flows"] + options)
        #expect(run.status == 2 && run.errors.hasPrefix("lazaret: "), "\(run.errors)")
    }

    /// With an empty /var/lib: this machine may have the state of a monitor.
    @Test(.needsKernel) func withoutAMonitorTheHintNamesPackets() throws {
        let script = "mount -t tmpfs none /var/lib && '\(Run.binary.path)' flows; echo status $?"
        let output = try Namespace.command(["unshare", "-m", "sh", "-c", script])
        #expect(output.contains("-r or -i") && output.contains("status 1"), "\(output)")
    }
}
