import Foundation
import TestKit
import Testing
import Timestamps

/// A monitor follows files and takes requests, joins them to containers of an engine, and shows
/// them in the incident.
@Suite(.needsKernel, .needs("curl", "python3"), .timeLimit(.minutes(20)))
struct LiveRuntimeEventTests {
    private let lab: Lab
    private let scratch: Scratch
    private let socket = "/tmp/lzr-\(UInt32.random(in: 0...UInt32.max)).sock"
    private static let id = "4f66ad9a0b2e61d0c3b7a85f94e2d1c0ab12cd34ef567890a1b2c3d4e5f60718"
    private static let other = "ab66ad9a0b2e61d0c3b7a85f94e2d1c0ab12cd34ef567890a1b2c3d4e5f60718"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private func time() -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date())
    }

    private func falco(_ rule: String, id: String, _ priority: String = "Warning") -> String {
        """
        {"rule":"\(rule)","priority":"\(priority)","source":"syscall","time":"\(time())",\
        "output_fields":{"container.id":"\(id.prefix(12))","proc.name":"bash"}}

        """
    }

    private func labels(_ service: String) -> [String: String] {
        ["com.docker.compose.project": "shop", "com.docker.compose.service": service]
    }

    private func ask(_ path: String, _ more: String...) throws -> String {
        try Namespace.command(
            ["curl", "-s", "-m", "60", "--unix-socket", socket] + more + ["http://lazaret\(path)"])
    }

    private func counts() throws -> [String: [String: Any]] {
        let status = try JSONSerialization.jsonObject(with: Data(ask("/api/v1/status").utf8))
        let list = (status as? [String: Any])?["runtime_events"] as? [[String: Any]] ?? []
        return Dictionary(list.map { ($0["name"] as? String ?? "", $0) }) { $1 }
    }

    private func monitor(_ engine: ScriptedEngine) throws -> Background {
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1, br2, uplink]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                events: \(scratch.path("eve.json"))
                event_kinds: [alert, runtime]
                control: {socket: \(socket)}
                workloads: {docker: \(engine.path), podman: never, kubernetes: never}
                runtime_events:
                  - {name: falco, path: \(scratch.path("falco.json"))}
                  - {name: gone, path: \(scratch.path("missing"))}
                  - {name: own, socket: \(socket).events}
                """.utf8))
        let program = try Background(in: lab.node.space, ["monitor", "-c", file])
        try #require(
            eventually { !program.isRunning || program.errors.contains("monitoring") },
            "\(program.errors)")
        return program
    }

    @Test func eventsByFileAndRequestAreInTheIncident() throws {
        let engine = try ScriptedEngine(path: scratch.path("docker.sock"))
        defer { engine.stop() }
        let now = Timestamp(secondsSince1970: Date().timeIntervalSince1970)
        engine.begin(
            ScriptedEngine.Life(
                id: Self.id, name: "web-1", labels: labels("web"), v4: lab.a.v4, v6: lab.a.v6,
                since: now))
        engine.begin(
            ScriptedEngine.Life(
                id: Self.other, name: "db-1", labels: labels("db"), v4: lab.b.v4, v6: lab.b.v6,
                since: now))
        let log = try scratch.write("falco.json", Data(falco("old", id: Self.id).utf8))
        var program = try monitor(engine)
        let isReported = eventually {
            program.errors.contains("gone: \(scratch.path("missing")): is not there")
        }
        #expect(isReported, "\(program.errors)")
        try append(
            falco("by file", id: Self.id) + "{\"cut\n" + falco("nobody's", id: "00000000000a"), log)
        let tetragon = """
            {"process_kprobe":{"process":{"binary":"/bin/sh","docker":"\(Self.id.prefix(31))"},\
            "function_name":"tcp_connect","policy_name":"p","action":"KPROBE_ACTION_SIGKILL"},\
            "time":"\(time())"}
            """
        #expect(try ask("/api/v1/runtime-events", "-d", tetragon, "-w", "%{http_code}") == "{}202")
        #expect(
            try ask("/api/v1/runtime-events", "-X", "POST", "-w", "%{http_code}").hasSuffix("400"))
        try send(falco("by socket", id: Self.id))
        let isJoined = try eventually {
            let counts = try counts()
            return counts["falco"]?["joined"] as? Int == 1 && counts["api"]?["joined"] as? Int == 1
                && counts["falco"]?["unknown"] as? Int == 1
                && counts["own"]?["joined"] as? Int == 1
        }
        let joined = try counts()
        #expect(isJoined, "\(joined) \(program.errors)")
        #expect(try counts()["falco"]?["malformed"] as? Int == 1)
        #expect(try Run("status", "--socket", socket).output.contains("runtime events"))
        // Before, and while the incident is open.
        var incident: [String: Any] = [:]
        let isTold = try eventually {
            try lab.scan(lab.b, by: lab.a)
            try append(falco("during", id: Self.id, "Critical"), log)
            let all = try JSONSerialization.jsonObject(with: Data(ask("/api/v1/incidents").utf8))
            incident =
                (all as? [[String: Any]])?.first { $0["offender"] as? String == lab.a.v4 } ?? [:]
            return rules(incident) == ["by file", "by socket", "during", "p: tcp_connect"]
        }
        #expect(isTold, "\(rules(incident)) \(program.errors)")
        let id = try #require(incident["event_id"] as? String)
        let explained = try Run("explain", id, "--socket", socket)
        #expect(explained.output.contains("before: by file (falco, Warning), bash"))
        let listed = try Run("events", "-n", "1000", "--socket", socket).json
        #expect(listed.contains { $0["event_type"] as? String == "runtime" })
        let db = try ask("/api/v1/incidents?match=\(lab.b.v4)")
        #expect(!db.contains("\"offender\":\"\(lab.b.v4)\""), "the scanned one is not accused")
        // What is written while the monitor is away is read afterwards.
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(!FileManager.default.fileExists(atPath: socket + ".events"))
        try append(falco("meanwhile", id: Self.id), log)
        program = try monitor(engine)
        let isRead = eventually {
            (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8))?
                .contains("meanwhile") == true
        }
        #expect(isRead, "\(program.errors)")
        let written = try String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)
        #expect(!written.contains("\"old\"") && !written.contains("nobody"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// Writes to the socket of events, as a script does.
    private func send(_ text: String) throws {
        let program = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX)
            s.connect(sys.argv[1])
            s.sendall(sys.stdin.buffer.read())
            """
        _ = try Namespace.command(["python3", "-c", program, socket + ".events"], input: text)
    }

    private func rules(_ incident: [String: Any]) -> [String] {
        (incident["runtime_events"] as? [[String: Any]] ?? []).compactMap { $0["rule"] as? String }
            .sorted()
    }

    private func append(_ text: String, _ path: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }
}
