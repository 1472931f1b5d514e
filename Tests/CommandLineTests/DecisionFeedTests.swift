import Foundation
import TestKit
import Testing

/// Decisions of a real CrowdSec become rules of a monitor, with its limits.
@Suite(.needsKernel, .needsCrowdSec, .needs("curl"), .timeLimit(.minutes(20)))
struct DecisionFeedTests {
    private let bench: FaultBench
    private let server: CrowdSecServer
    private let key: String
    /// The host outside, by an address of the Internet.
    private let stranger: Lab.Host

    init() throws {
        bench = try FaultBench()
        server = try CrowdSecServer(
            in: bench.scratch.url.appendingPathComponent("lapi"), space: bench.lab.node.space)
        key = try bench.scratch.write(
            "key", Data((server.bouncer("monitor").secret + "\n").utf8), mode: 0o600)
        var outside = bench.lab.outside
        outside.v4 = "203.0.113.9"
        try outside.space.run("ip", "addr", "add", "203.0.113.9/32", "dev", "eth0")
        try bench.lab.node.space.run(
            "ip", "route", "add", "203.0.113.9/32", "via", bench.lab.outside.v4)
        stranger = outside
    }

    private func configuration(_ more: String = "", quarantine: String = "") -> String {
        """
        quarantine:
          decisions_from:
            - {name: hub, url: '\(server.url)', key_file: \(key), interval: 1s\(more)}
        \(quarantine)
        allow: [{prefix: 203.0.113.77, reason: our scanner}]
        protected: [{prefix: 198.51.100.53, reason: our resolver}]
        workloads: {docker: never, podman: never, kubernetes: never}
        """
    }

    private func list() -> String { (try? bench.quarantine("list")) ?? "" }

    private func add(_ address: String) throws {
        try server.cscli("decisions", "add", "--ip", address, "--duration", "2h")
    }

    @Test func aDecisionIsAFenceWhileItHolds() throws {
        try add("203.0.113.9")
        let program = try bench.monitor(configuration: configuration())
        #expect(eventually { list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(list().contains("crowdsec:manual 'ban' from "), "\(list())")
        let json = try bench.quarantine("list", "--format", "json")
        #expect(json.contains(#""by":"crowdsec:manual"#), "\(json)")
        #expect(try bench.lab.isFenced(stranger) && bench.lab.isBlocked(bench.lab.c, stranger))
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(
            trail.contains("crowdsec/hub") && trail.contains("decision 1 of cscli, from hub"),
            "\(trail)")

        // Not longer than the decision.
        try server.cscli("decisions", "add", "--ip", "203.0.113.12", "--duration", "5s")
        #expect(eventually { list().contains("203.0.113.12 ") }, "\(program.errors)")
        #expect(eventually { !list().contains("203.0.113.12 ") }, "\(program.errors)")

        try add("2001:db8::9")
        try server.cscli("decisions", "add", "--range", "198.51.101.0/24", "--duration", "2h")
        #expect(
            eventually { list().contains("2001:db8::9") && list().contains("198.51.101.0/24") },
            "\(program.errors)")
        try server.cscli("decisions", "delete", "--ip", "203.0.113.9")
        #expect(eventually { !list().contains("203.0.113.9 ") }, "\(program.errors)\n\(list())")
        #expect(list().contains("2001:db8::9"))
        #expect(try bench.lab.reaches(bench.lab.c, stranger))
        #expect(try !bench.lab.isFenced(stranger))
    }

    @Test func theLimitsOfFencesHold() throws {
        let refused = ["203.0.113.77", "198.51.100.53", "10.77.1.10", "10.1.2.3", "127.0.0.1"]
        for address in refused { try add(address) }
        for range in ["198.0.0.0/8", "198.51.100.0/24"] {
            try server.cscli("decisions", "add", "--range", range, "--duration", "2h")
        }
        // Of somebody who only wants to be asked for a captcha, and of Lazaret itself.
        try server.cscli(
            "decisions", "add", "--ip", "203.0.113.20", "--duration", "2h", "--type", "captcha")
        try add("203.0.113.9")
        let program = try bench.monitor(configuration: configuration())
        #expect(eventually { list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(eventually { program.errors.contains("7 not applied") }, "\(program.errors)")
        let rules = list()
        for other in refused + ["198.0.0.0", "198.51.100.0", "203.0.113.20"] {
            #expect(!rules.contains("\(other) ") && !rules.contains("\(other)/"), "\(rules)")
        }

        // An operator's release holds, and an operator's fence does not end with the decision.
        _ = try bench.quarantine("release", "203.0.113.9")
        _ = try bench.quarantine("add", "203.0.113.10", "--for", "1h")
        try add("203.0.113.10")
        try add("203.0.113.11")
        #expect(eventually { list().contains("203.0.113.11 ") }, "\(program.errors)")
        #expect(!list().contains("203.0.113.9 "))
        try server.cscli("decisions", "delete", "--ip", "203.0.113.10")
        try server.cscli("decisions", "delete", "--ip", "203.0.113.11")
        #expect(eventually { !list().contains("203.0.113.11 ") }, "\(program.errors)")
        #expect(list().contains("203.0.113.10 "))
    }

    @Test func aServerThatIsAwayChangesNoFence() throws {
        try add("203.0.113.9")
        var program = try bench.monitor(configuration: configuration())
        #expect(eventually { list().contains("203.0.113.9 ") }, "\(program.errors)")
        server.stop()
        #expect(eventually { program.errors.contains("rules stay until they end") })
        #expect(try bench.lab.isFenced(stranger))
        // The monitor goes on fencing.
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        try server.start()
        try server.cscli("decisions", "delete", "--ip", "203.0.113.9")
        #expect(eventually { !list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(program.errors.contains("are read again"), "\(program.errors)")

        // A monitor that was killed finds its rules again, and ends those that are over.
        try add("203.0.113.11")
        #expect(eventually { list().contains("203.0.113.11 ") }, "\(program.errors)")
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        try server.cscli("decisions", "delete", "--ip", "203.0.113.11")
        #expect(list().contains("203.0.113.11 "))
        program = try bench.monitor(configuration: configuration())
        #expect(eventually { !list().contains("203.0.113.11 ") }, "\(program.errors)")

        // A source that is taken from the configuration loses its rules.
        try add("203.0.113.13")
        #expect(eventually { list().contains("203.0.113.13 ") }, "\(program.errors)")
        let file = bench.scratch.path("own.yaml")
        try Data("workloads: {docker: never, podman: never, kubernetes: never}\n".utf8).write(
            to: URL(fileURLWithPath: file))
        program.signal(SIGHUP)
        #expect(eventually { !list().contains("203.0.113.13 ") }, "\(program.errors)")
    }

    @Test func aWrongKeyIsReportedAndTheRightOneIsUsedWithoutARestart() throws {
        let right = try String(contentsOfFile: key, encoding: .utf8)
        try bench.scratch.write("key", Data("a wrong key\n".utf8), mode: 0o600)
        try add("203.0.113.9")
        let file = try bench.scratch.write(
            "doctor.yaml", Data((configuration() + "\n").utf8))
        func doctor() throws -> String {
            let program = try Background(
                in: bench.lab.node.space, ["doctor", "-c", file, "-i", "br1"])
            _ = program.status
            return program.output
        }
        #expect(try doctor().contains("does not accept the key"))
        let program = try bench.monitor(configuration: configuration())
        #expect(eventually { program.errors.contains("does not accept the key") })
        #expect(list().contains("nothing is fenced"), "\(list())")
        try bench.scratch.write("key", Data(right.utf8), mode: 0o600)
        #expect(eventually { list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(!program.errors.contains("a wrong key"))
        #expect(try doctor().contains("answers and accepts the key"))
    }

    /// What this node has pushed to CrowdSec does not come back as a fence, and the other way
    /// round.
    @Test func decisionsDoNotGoRoundInCircles() throws {
        let password = try bench.scratch.write(
            "password", Data("a long password\n".utf8), mode: 0o600)
        let program = try bench.monitor(
            configuration: configuration(
                quarantine: """
                      further_responses:
                        - {name: border, action: crowdsec, url: '\(server.url)', machine: gw1,
                           password_file: \(password)}
                    """))
        _ = try bench.quarantine("add", "203.0.113.9", "--for", "30s")
        func decisions() -> String {
            (try? server.cscli("decisions", "list", "--all", "-o", "raw")) ?? ""
        }
        #expect(eventually { decisions().contains("Ip:203.0.113.9") }, "\(program.errors)")
        try add("203.0.113.10")
        #expect(eventually { list().contains("203.0.113.10 ") }, "\(program.errors)")
        #expect(!list().contains("crowdsec:lazaret"), "\(list())")
        // Nor when Lazaret's own rule is over before its decision.
        #expect(eventually { !list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(!decisions().contains("lazaret,Ip:203.0.113.10"), "\(decisions())")
        let responses = try bench.quarantine("responses", "--format", "json")
        #expect(!responses.contains("203.0.113.10"), "\(responses)")
    }

    @Test func whileEnforcementIsPausedNoneIsAddedAndThoseThatAreOverEnd() throws {
        try add("203.0.113.9")
        let program = try bench.monitor(configuration: configuration())
        #expect(eventually { list().contains("203.0.113.9 ") }, "\(program.errors)")
        func enforcement(_ words: String...) throws {
            let run = try Run(["enforcement"] + words + ["--socket", bench.socket])
            #expect(run.status == 0, "\(run.errors)")
        }
        try enforcement("observe", "--for", "1h")
        try add("203.0.113.10")
        try server.cscli("decisions", "delete", "--ip", "203.0.113.9")
        #expect(eventually { !list().contains("203.0.113.9 ") }, "\(program.errors)")
        #expect(!list().contains("203.0.113.10 "))
        try enforcement("configured")
        #expect(eventually { list().contains("203.0.113.10 ") }, "\(program.errors)")
    }

    @Test func aMonitorThatObservesOnlyReports() throws {
        try add("203.0.113.9")
        let file = try bench.scratch.write("own.yaml", Data((configuration() + "\n").utf8))
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "uplink", "-m", bench.scratch.path("clean.model"),
                "--state", bench.state, "-o", bench.scratch.path("eve.json"), "--socket",
                bench.socket, "-c", file,
            ])
        let isReported = eventually { list().contains("203.0.113.9") }
        #expect(isReported && list().contains("drop (dry run)"), "\(program.errors)")
        #expect(try !bench.lab.isFenced(stranger))
        #expect(try bench.lab.reaches(bench.lab.c, stranger))
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("dry-run fence"), "\(trail)")
        try server.cscli("decisions", "delete", "--ip", "203.0.113.9")
        #expect(eventually { !list().contains("203.0.113.9") }, "\(program.errors)")
    }
}
