import Foundation
import TestKit
import Testing
import Timestamps

/// A monitor joins reports to the containers of an engine, and says in alerts what is exploited.
@Suite(.needsKernel, .needs("curl"), .timeLimit(.minutes(20)))
struct LiveImageTests {
    private let lab: Lab
    private let scratch: Scratch
    private let engine: ScriptedEngine
    private let socket = "/tmp/lzi-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        engine = try ScriptedEngine(path: scratch.path("d.sock"), subnet: "10.77.1.0/24")
    }

    /// The engine's container is the host `a` of the lab; its image has the report's identifier.
    private func beginContainer() throws {
        let link = try lab.a.space.run("cat", "/sys/class/net/eth0/address")
        engine.begin(
            ScriptedEngine.Life(
                id: ImagesTests.id, name: "shop", v4: lab.a.v4, v6: lab.a.v6,
                since: Timestamp(second: 1_790_000_000),
                mac: link.trimmingCharacters(in: .newlines)), sendsEvent: false)
    }

    private func configuration(_ reports: String) throws -> String {
        try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [br1, br2, uplink]
                model: \(try scratch.model())
                state: \(scratch.path("state"))
                events: \(scratch.path("eve.json"))
                enforce: true
                control: {socket: \(socket)}
                workloads: {docker: \(engine.path), podman: never, kubernetes: never}
                indicators: [{name: local, path: \(scratch.path("list")), confidence: 40}]
                image_reports: \(reports)
                """.utf8))
    }

    private var images: String {
        (try? Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret/api/v1/images",
        ])) ?? ""
    }

    /// The alerts about the listed address.
    private var alerts: [[String: Any]] {
        scratch.alerts(named: "known_bad_address")
    }

    @Test func anAlertSaysWhatIsExploitedAndNobodyIsFenced() throws {
        try beginContainer()
        _ = try scratch.write("list", Data("203.0.113.9\n".utf8))
        let reports = scratch.path("reports")
        try FileManager.default.createDirectory(atPath: reports, withIntermediateDirectories: true)
        _ = try scratch.write("reports/shop.json", Data(ImagesTests.report().utf8))
        let exploited = try scratch.write("kev.json", Data(ImagesTests.exploited.utf8))
        let file = try configuration("{paths: [\(reports)], known_exploited: \(exploited)}")
        let program = try Background(in: lab.node.space, ["monitor", "-c", file])
        try #require(
            eventually {
                !program.isRunning
                    || images.contains(#""join":"strong""#) && program.errors.contains("1 loaded")
            }, "\(program.errors) \(images)")
        #expect(images.hasPrefix(#"[{"workload":"job","image":"job:1","id":"c0c0c0c0c0c0""#))
        #expect(images.contains(#""known_exploited":["CVE-2024-9143"]"#), "\(images)")
        try #require(
            eventually {
                let connection = try Socket(lab.a, stream: true)
                try connection.wait(seconds: 0.3)
                _ = connection.connect("203.0.113.9", 443)
                return !alerts.isEmpty
            }, "\(program.errors)")
        let event = try #require(alerts.first)
        let details = try #require(event["lazaret"] as? [String: Any])
        #expect(details["workload"] as? String == "job")
        #expect(details["decision"] as? String == "watch")
        let image = try #require(details["image"] as? [String: Any], "\(details)")
        #expect(image["known_exploited"] as? [String] == ["CVE-2024-9143"])
        #expect(image["join"] as? String == "strong" && image["fixable"] as? Int == 1)
        // The list's confidence is too low to make it more urgent; the report does, by one level.
        #expect((event["alert"] as? [String: Any])?["severity"] as? Int == 2)
        let reasons = (details["reasons"] as? [[String: Any]])?.compactMap { $0["text"] as? String }
        #expect(reasons?.last?.contains("known to be exploited: CVE-2024-9143") == true)
        let id = try #require(details["event_id"] as? String)
        let explained = try Run("explain", id, "--events", scratch.path("eve.json"))
        #expect(explained.output.contains("known to be exploited: CVE-2024-9143"))

        // A broken version: one line, and what was read before stays.
        _ = try scratch.write("reports/shop.json", Data(ImagesTests.report().utf8.dropLast(9)))
        program.signal(SIGHUP)
        try #require(
            eventually { program.errors.contains("what was read before stays in use") },
            "\(program.errors)")
        #expect(images.contains(#""join":"strong""#), "\(images)")
        let isTold = try eventually {
            try Run("status", "--socket", socket).output.contains(
                "image reports: \(reports)/shop.json: is not valid JSON")
        }
        #expect(isTold)
        // Without reports nothing is said any more.
        _ = try configuration("{paths: []}")
        program.signal(SIGHUP)
        try #require(eventually { images == "[]" }, "\(images) \(program.errors)")
        // Nobody is fenced, although the monitor enforces.
        #expect(try !lab.isFenced(lab.a))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
