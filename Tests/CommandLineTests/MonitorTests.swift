import Foundation
import TestKit
import Testing
import Timestamps

/// `lazaret monitor` on the bridge of a gateway made of namespaces: packets of fenced hosts do not
/// pass.
@Suite(.needsKernel)
struct MonitorTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    /// A model that contains datagrams of the offender to its neighbour, and nothing else.
    private func modelOfProbes() throws -> String {
        let records = (0..<400).map { number in
            let datagram = Frame.udp(UInt16(40_000 + number), 4000, [UInt8](repeating: 1, count: 5))
            return CaptureFile.Record(
                Timestamp(second: 1_700_000_000) + .milliseconds(number * 250),
                Frame.ethernet(0x0800, Frame.ipv4(lab.a.v4, lab.b.v4, 17, datagram)))
        }
        let capture = try scratch.write("probes.pcap", Data(CaptureFile.pcap(records)))
        let run = try Run("train", "-r", capture, "-o", scratch.path("probes.model"))
        #expect(run.status == 0, "\(run.errors)")
        return scratch.path("probes.model")
    }

    private func monitor(
        _ more: String..., model: String? = nil, state: String = "state"
    ) throws -> Background {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m", model ?? self.model,
                "--state",
                scratch.path(state), "-o", scratch.path("eve.json"), "--socket", "never",
            ] + more)
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private var events: [[String: Any]] {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    private func quarantine(_ words: String..., state: String = "state") throws -> String {
        let program = try Background(
            in: lab.node.space, ["quarantine"] + words + ["--state", scratch.path(state)])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// Scans until the monitor decides; returns false if it never does.
    private func scanUntilDecided() throws -> Bool {
        try eventually {
            try lab.scan(lab.b, by: lab.a)
            return events.contains { $0["event_type"] as? String == "quarantine" }
        }
    }

    @Test func aScannerIsFencedUntilTheRuleExpires() throws {
        let program = try monitor("--enforce")
        #expect(try lab.reaches(lab.a, lab.b) && lab.reaches(lab.a, lab.c))
        let isDecided = try scanUntilDecided()
        #expect(isDecided, "\(program.errors)")
        for other in [lab.b, lab.c, lab.outside, lab.node] {
            #expect(try lab.isBlocked(lab.a, other) && lab.isBlocked(other, lab.a))
        }
        #expect(try lab.reaches(lab.bystander, lab.b) && lab.reaches(lab.b, lab.c))

        let listed = try quarantine("list", "--format", "json")
        // The address, and the port that leads to it.
        #expect(listed.contains(lab.a.v4) && listed.contains("port:p0"), "\(listed)")
        #expect(listed.count { $0 == "\n" } == 2, "\(listed)")
        let alert = try #require(events.first { $0["event_type"] as? String == "alert" })
        #expect(alert["src_ip"] as? String == lab.a.v4)

        // The fence stays active after the program ends.
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(program.errors.contains("stopped: "))
        #expect(try lab.isBlocked(lab.a, lab.b))
        _ = try quarantine("release", lab.a.v4)
        #expect(try lab.reaches(lab.a, lab.b))
    }

    @Test func observingDecidesTheSameAndBlocksNothing() throws {
        let program = try monitor()
        let isDecided = try scanUntilDecided()
        #expect(isDecided, "\(program.errors)")
        let event = try #require(events.first { $0["event_type"] as? String == "quarantine" })
        let text = String(
            decoding: try JSONSerialization.data(withJSONObject: event), as: UTF8.self)
        #expect(text.contains(lab.a.v4) && text.contains(#""dry_run":true"#), "\(text)")
        #expect(try lab.reaches(lab.a, lab.b) && lab.reaches(lab.a, lab.c))
        #expect(try !lab.node.space.run("nft", "list", "ruleset").contains("lazaret"))
        #expect(program.end(by: SIGINT) == 0)
    }

    @Test func afterAKillTheRestartedMonitorAgreesWithTheKernel() throws {
        let program = try monitor("--enforce")
        let isDecided = try scanUntilDecided()
        #expect(isDecided)
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        // The fence stays active without the program; one that is removed in the meantime is
        // restored.
        #expect(try lab.isBlocked(lab.a, lab.b))
        try lab.node.space.run("nft", "flush", "ruleset")
        #expect(try lab.reaches(lab.a, lab.b))
        let again = try monitor("--enforce")
        #expect(try lab.isBlocked(lab.a, lab.b))
        #expect(try quarantine("list", "--format", "json").contains(lab.a.v4))
        #expect(again.end(by: SIGTERM) == 0)
    }

    @Test func aNetworkNamespaceHasOneEnforcingMonitor() throws {
        let words = ["monitor", "-i", "br1", "-m", model, "--socket", "never", "--state"]
        let first = try monitor("--enforce")
        let second = try Background(
            in: lab.node.space, words + [scratch.path("other"), "--enforce"])
        #expect(second.status == 1)
        #expect(second.errors.contains("another monitor enforces in this network namespace"))
        #expect(second.errors.count { $0 == "\n" } == 1, "\(second.errors)")
        #expect(first.isRunning && first.end(by: SIGKILL) == -SIGKILL)
        // It leaves nothing behind that would prevent the next start.
        let next = try monitor("--enforce")
        #expect(next.end(by: SIGTERM) == 0)
    }

    /// An unprivileged user cannot create the lock, and no user can take it from a monitor.
    @Test func nobodyWithoutRightsKeepsMonitorsFromEnforcing() throws {
        // A name of an abstract socket and a table: neither is the lock.
        let squatter = try lab.node.space.start(
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "/usr/bin/python3", "-c",
            """
            import socket, time
            taken = socket.socket(socket.AF_UNIX)
            taken.bind(chr(0) + "lazaret-enforces")
            taken.listen()
            time.sleep(600)
            """)
        defer { squatter.terminate() }
        let isTaken = try eventually {
            try lab.node.space.run("cat", "/proc/net/unix").contains("@lazaret-enforces")
        }
        #expect(isTaken)
        #expect(throws: CommandFailed.self) {
            try lab.node.space.run(
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "nft", "add",
                "table", "inet", "lazaret_enforcer")
        }
        // A table that a saved ruleset restored is replaced.
        try lab.node.space.run("nft", "add", "table", "inet", "lazaret_enforcer")
        let first = try monitor("--enforce")
        let owned = try lab.node.space.run("nft", "list", "table", "inet", "lazaret_enforcer")
        #expect(owned.contains("flags owner"), "\(owned)")
        #expect(throws: CommandFailed.self) {
            try lab.node.space.run("nft", "delete", "table", "inet", "lazaret_enforcer")
        }
        try lab.node.space.run("nft", "flush", "ruleset")
        let words = ["monitor", "-i", "br1", "-m", model, "--socket", "never", "--state"]
        let second = try Background(
            in: lab.node.space, words + [scratch.path("other"), "--enforce"])
        #expect(second.status == 1, "\(second.errors)")
        #expect(second.errors.contains("another monitor enforces in this network namespace"))
        // Another network namespace has a lock of its own, with the same file system.
        let elsewhere = try Namespace()
        let other = try Background(
            in: elsewhere,
            [
                "monitor", "-i", "lo", "-m", model, "--socket", "never", "--enforce", "--state",
                scratch.path("elsewhere"), "-o", scratch.path("elsewhere.json"),
            ])
        let isReady = eventually { !other.isRunning || other.errors.contains("monitoring") }
        #expect(isReady && other.isRunning, "\(other.errors)")
        #expect(other.end(by: SIGTERM) == 0)
        #expect(first.end(by: SIGTERM) == 0)
        let left = try lab.node.space.run("nft", "list", "tables")
        #expect(!left.contains("lazaret_enforcer"), "\(left)")
    }

    /// The lock works without root, and the kernel releases it when the program is killed.
    @Test func aMonitorOfAnotherUserHoldsTheLockUntilItDies() throws {
        let space = try Namespace()
        let state = scratch.path("owned")
        chmod(scratch.url.path, 0o755)
        chmod(model, 0o644)
        let words = [
            "monitor", "-i", "lo", "-m", model, "--socket", "never", "--enforce", "--user",
            "nobody", "--state",
        ]
        let first = try Background(
            in: space, words + [state, "-o", state + "/eve.json"],
            behind: Background.supervised(
                identifier: scratch.path("pid"), inheriting: scratch.path("inherited")))
        let isReady = eventually { !first.isRunning || first.errors.contains("monitoring") }
        #expect(isReady && first.isRunning, "\(first.errors)")
        let other = scratch.path("other")
        let second = try Background(in: space, words + [other, "-o", other + "/eve.json"])
        #expect(second.status == 1, "\(second.errors)")
        #expect(second.errors.contains("another monitor enforces in this network namespace"))
        let text = try String(contentsOfFile: scratch.path("pid"), encoding: .utf8)
        kill(try #require(pid_t(text.trimmingCharacters(in: .newlines))), SIGKILL)
        #expect(first.status == 128 + SIGKILL)
        let left = try space.run("nft", "list", "tables")
        #expect(!left.contains("lazaret_enforcer"), "\(left)")
    }

    @Test func oneMonitorToAState() throws {
        let first = try monitor()
        let second = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-m", model, "--state", scratch.path("state"), "--socket",
                "never",
            ])
        #expect(second.status == 1)
        #expect(second.errors.contains("another monitor uses this state directory"))
        #expect(second.errors.count { $0 == "\n" } == 1)
        #expect(first.isRunning)
    }

    @Test func eventsContinueInANewFileAfterARotation() throws {
        let asked = try scratch.write("stats.yaml", Data("event_kinds: [stats]\n".utf8))
        let program = try monitor("-c", asked)
        try FileManager.default.moveItem(
            atPath: scratch.path("eve.json"), toPath: scratch.path("eve.json.1"))
        program.signal(SIGHUP)
        let isOpen = eventually {
            FileManager.default.fileExists(atPath: scratch.path("eve.json"))
        }
        #expect(isOpen, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
        #expect(events.last?["event_type"] as? String == "stats")
    }

    @Test func aModelIsTrainedOnWindowsWithoutAlerts() throws {
        let program = try monitor("--retrain", "3s", model: modelOfProbes())
        let isMade = try eventually {
            _ = try lab.reaches(lab.a, lab.b)
            return program.errors.contains(" windows, ")
        }
        #expect(isMade, "\(program.errors)")
        let folder = scratch.path("state/models")
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!kept.isEmpty)
        for name in kept { #expect(try Run("model", "verify", "\(folder)/\(name)").status == 0) }
        // The new model and its feedback can be reloaded.
        program.signal(SIGHUP)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func theConfigurationIsApplied() throws {
        let text = """
            interfaces: [br1, br2, uplink]
            model: \(model)
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            control: {socket: never}
            enforce: true
            allow:
              - {prefix: \(lab.a.v4), reason: our scanner}
            protected:
              - {prefix: \(lab.b.v4), reason: the database}

            """
        let file = try scratch.write("lazaret.yaml", Data(text.utf8))
        let program = try Background(in: lab.node.space, ["monitor", "-c", file])
        let isReady = eventually { !program.isRunning || program.errors.contains("enforcing") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        let isRefused = try eventually {
            try lab.scan(lab.b, by: lab.a)
            return try String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)
                .contains("our scanner")
        }
        #expect(isRefused)
        #expect(try lab.reaches(lab.a, lab.b))
        #expect(program.end(by: SIGTERM) == 0)
        let byHand = try Background(
            in: lab.node.space,
            ["quarantine", "add", lab.b.v4, "-c", file, "--state", scratch.path("state")])
        #expect(byHand.status == 1 && byHand.errors.contains("the database"), "\(byHand.errors)")
    }

    @Test func theDoctorReportsWhatPreventsTheStart() throws {
        func doctor(_ words: [String], behind: [String] = []) throws -> (Int32, String) {
            let program = try Background(
                in: lab.node.space, ["doctor"] + words, behind: behind)
            return (program.status, program.output)
        }
        // A namespace's interfaces are visible only in its own /sys.
        let mount = ["unshare", "-m", "sh", "-c", #"mount -t sysfs s /sys && exec "$@""#, "sh"]
        let whole = try doctor(
            ["-i", "br1", "-i", "br2", "-i", "uplink", "-m", model], behind: mount)
        #expect(whole.0 == 0 && !whole.1.contains("error "), "\(whole.1)")
        for part in ["CAP_NET_ADMIN", "bridge, up", "the kernel answers", "only 15 min"] {
            #expect(whole.1.contains(part), "\(part): \(whole.1)")
        }
        let left = try doctor(["-i", "br1", "-m", model], behind: mount)
        #expect(left.0 == 0 && left.1.contains("not watched: br2"), "\(left.1)")
        let missing = try doctor(["-i", "lznone"])
        #expect(missing.0 == 1 && missing.1.contains("does not exist"), "\(missing.1)")
        #expect(missing.1.contains("none: the monitor will learn for 1d"), "\(missing.1)")
        let unable = try doctor(
            ["-i", "br1", "-m", model],
            behind: ["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
        #expect(unable.0 == 1 && unable.1.contains("no CAP_NET_RAW"), "\(unable.1)")
    }

    @Test func anErrorAtTheStartIsReportedInOneLine() throws {
        let state = ["--state", scratch.path("state"), "--socket", "never"]
        let cases: [(arguments: [String], status: Int32, words: String)] = [
            (["-i", "lznone", "-m", model], 1, "lznone"),
            (["-i", "br1", "-m", scratch.path("none")], 1, "No such file"),
            (["-i", "br1", "-m", "captures/inventory.yaml"], 1, "not a Lazaret model"),
            (["-i", "br1", "-i", "br1", "-m", model], 2, "named twice"),
            (["-m", model], 2, "'interfaces': none is named"),
            (["-i", "br1", "--learn", "x"], 2, "--learn"),
            (["-i", "br1", "-c", "/none.yaml"], 2, "/none.yaml"),
            (["-i", "br1", "-m", model, "-o", "/none/eve.json"], 1, "/none/eve.json"),
        ]
        for (arguments, status, words) in cases {
            let program = try Background(
                in: lab.node.space, ["monitor"] + arguments + state)
            #expect(program.status == status, "\(arguments) \(program.errors)")
            #expect(program.errors.contains(words), "\(program.errors)")
            #expect(program.errors.count { $0 == "\n" } == 1, "\(program.errors)")
        }
    }
}
