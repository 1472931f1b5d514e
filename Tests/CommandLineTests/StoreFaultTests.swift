import Foundation
import TestKit
import Testing
import Timestamps

/// Faults of an enforcing monitor's ledger: a fence does not wait for a disk.
@Suite(.needsKernel, .needs("python3"))
struct StoreFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    @Test func aFullDiskDoesNotPreventFencing() throws {
        let disk = try SmallDisk(mib: 4)
        let state = disk.path + "/state"
        let program = try bench.monitor(state: state)
        try disk.fill()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isReported = eventually {
            program.errors.contains("disk is full; fences are still applied")
        }
        #expect(isReported, "\(program.errors)")
        let isShown = eventually { bench.status().contains("disk is full") }
        #expect(isShown, "\(bench.status())")

        // With free space, the ledger is updated again, and readers see it.
        try disk.empty()
        let isCaughtUp = try eventually {
            try bench.quarantine("list", state: state).contains("\(bench.lab.a.v4) ")
        }
        #expect(isCaughtUp, "\(program.errors)")
        let isQuiet = eventually { !bench.status().contains("disk is full") }
        #expect(isQuiet, "\(bench.status())")
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        try bench.lab.node.space.run("nft", "flush", "ruleset")
        let next = try bench.monitor(state: state)
        #expect(try bench.isFenced(bench.lab.a), "\(next.errors)")
        _ = try bench.quarantine("release", bench.lab.a.v4, state: state)
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        #expect(next.end(by: SIGTERM) == 0)
        let verified = try Run("audit", "verify", "--state", state)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    /// Another program that locks a file until it is told to release it.
    private final class Holder {
        static let database = """
            import sqlite3
            ledger = sqlite3.connect(path, isolation_level=None)
            ledger.execute("BEGIN EXCLUSIVE")
            """
        static let lock = """
            import fcntl
            lock = open(path, "r+")
            fcntl.flock(lock, fcntl.LOCK_EX)
            """

        private let process = Process()
        private let input = Pipe()

        init(_ script: String, _ path: String) throws {
            let said = Pipe()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = [
                "-c",
                """
                import sys\npath = sys.argv[1]\n\(script)\nprint('held', \
                flush=True)\nsys.stdin.read()
                """,
                path,
            ]
            process.standardInput = input
            process.standardOutput = said
            try process.run()
            #expect(!said.fileHandleForReading.availableData.isEmpty)
        }

        func unlock() throws {
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
    }

    @Test func aLockedLedgerIsReportedAndUpdatedLater() throws {
        let program = try bench.monitor()
        let holder = try Holder(Holder.database, bench.state + "/lazaret.db")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isReported = eventually {
            program.errors.contains("database is locked; fences are still applied")
        }
        #expect(isReported, "\(program.errors)")
        try holder.unlock()
        let isCaughtUp = try eventually {
            try bench.quarantine("list").contains("\(bench.lab.a.v4) ")
        }
        #expect(isCaughtUp, "\(program.errors)")
        // Reported once, and nothing had to be restored.
        #expect(bench.fenceEventCount(over: bench.lab.a) == 1)
        let isKept = try eventually {
            try Run("events", "--socket", bench.socket).output.contains(bench.lab.a.v4)
        }
        #expect(isKept, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
        let verified = try Run("audit", "verify", "--state", bench.state)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    /// Feedback that cannot be written to the audit trail is refused, and not used.
    @Test func feedbackThatTheTrailLacksIsRefused() throws {
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        var id = ""
        let isStored = try eventually {
            let events = try Run("events", "-n", "100", "--socket", bench.socket).json
            let alert = events.first { $0["event_type"] as? String == "alert" }
            id = (alert?["lazaret"] as? [String: Any])?["event_id"] as? String ?? ""
            return !id.isEmpty
        }
        try #require(isStored, "\(program.errors)")
        func given() throws -> String {
            try Run("feedback", "-m", bench.scratch.path("clean.model")).output
        }
        let holder = try Holder(Holder.database, bench.state + "/lazaret.db")
        let refused = try Run("feedback", id, "--benign", "--socket", bench.socket)
        #expect(refused.status == 1 && refused.errors.contains("locked"), "\(refused.errors)")
        #expect(try given().contains("no feedback"))
        let state = try Run("incidents", "set", id, "benign", "--socket", bench.socket)
        #expect(state.status == 1 && state.errors.contains("locked"), "\(state.errors)")
        #expect(try given().contains("no feedback"))
        try holder.unlock()
        let accepted = try Run("feedback", id, "--benign", "--socket", bench.socket)
        #expect(accepted.status == 0, "\(accepted.errors)")
        #expect(try given().contains("\(id)  benign"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.split(separator: "\n").count { $0.contains(" feedback ") } == 1, "\(trail)")
    }

    /// A command that is stopped in the middle keeps the lock between programs.
    @Test func aFenceDoesNotWaitForTheLockOfAnotherProgram() throws {
        let program = try bench.monitor()
        let holder = try Holder(Holder.lock, bench.state + "/lazaret.lock")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isReported = eventually {
            program.errors.contains("using the ledger for 1 s; fences are still applied")
        }
        #expect(isReported, "\(program.errors)")
        // The client does not have to wait either.
        let isShown = eventually { bench.status().contains("wait to be written down") }
        #expect(isShown, "\(bench.status())")
        try holder.unlock()
        let isCaughtUp = try eventually {
            try bench.quarantine("list").contains("\(bench.lab.a.v4) ")
        }
        #expect(isCaughtUp, "\(program.errors)")
        #expect(bench.fenceEventCount(over: bench.lab.a) == 1)
        #expect(program.end(by: SIGTERM) == 0)
        let verified = try Run("audit", "verify", "--state", bench.state)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    /// The command asks the monitor, which acts now and records later; by itself, the command would
    /// wait for the lock in vain.
    @Test func aCommandIsHandledByTheMonitor() throws {
        let program = try bench.monitor()
        let holder = try Holder(Holder.lock, bench.state + "/lazaret.lock")
        let added = try Background(
            in: bench.lab.node.space,
            ["quarantine", "add", bench.lab.a.v4, "--reason", "a\nb", "--state", bench.state],
            behind: ["env", "SUDO_USER=alice"])
        #expect(added.status == 0, "\(added.errors)")
        #expect(
            added.output
                == "\(bench.lab.a.v4) fenced (drop) for 10m; undo: lazaret quarantine release "
                + "\(bench.lab.a.v4)\n")
        #expect(try bench.isFenced(bench.lab.a))
        let isReported = eventually { bench.fenceEventCount(over: bench.lab.a) == 1 }
        #expect(isReported)
        let listed = try bench.quarantine("list")
        #expect(listed.contains("\(bench.lab.a.v4) ") && listed.contains("alice"), "\(listed)")
        // A request that is not urgent does not wait: it is refused with the ledger's error.
        let refused = try Background(
            in: bench.lab.node.space,
            ["quarantine", "release", bench.lab.a.v4, "--state", bench.state])
        #expect(
            refused.status == 1 && refused.errors.contains("using the ledger for 1 s"),
            "\(refused.errors)")
        try holder.unlock()
        // The monitor's rails apply, and their messages are the same.
        let own = try Background(
            in: bench.lab.node.space,
            ["quarantine", "add", bench.lab.node.v4, "--state", bench.state])
        #expect(own.status == 1 && own.errors.contains("is protected: address of br1 on this node"))
        let session = ["env", "SSH_CONNECTION=\(bench.lab.c.v4) 40000 \(bench.lab.node.v4) 22"]
        let words = ["quarantine", "add", bench.lab.c.v4, "--state", bench.state]
        let mine = try Background(in: bench.lab.node.space, words, behind: session)
        #expect(mine.status == 1 && mine.errors.contains("the operator's own session"))
        let forced = try Background(in: bench.lab.node.space, words + ["--force"], behind: session)
        #expect(forced.status == 0 && forced.errors.contains("--force overrides: "))
        let flushed = try bench.quarantine("flush", "--reason", "enough")
        #expect(
            flushed.contains("\(bench.lab.a.v4) released\n")
                && flushed.contains("\(bench.lab.c.v4) released\n"))
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        #expect(try bench.quarantine("list") == "nothing is fenced\n")
        let nothing = try Background(
            in: bench.lab.node.space,
            ["quarantine", "release", bench.lab.a.v4, "--state", bench.state])
        #expect(
            nothing.status == 1
                && nothing.errors.contains("no fence is active for \(bench.lab.a.v4)"))
        #expect(program.end(by: SIGTERM) == 0)
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("alice") && trail.contains("enough"), "\(trail)")
    }

    /// A fence applies to the owner of the address: if a new owner gets it while the ledger is not
    /// writable, its fence is removed later.
    @Test func theFenceOnANewOwnerIsRemovedWhenTheLedgerIsWritable() throws {
        let engine = try ScriptedEngine(path: bench.scratch.path("docker.sock"))
        let now = Clock.now()
        func life(_ name: String, since: Timestamp) -> ScriptedEngine.Life {
            .init(
                id: name, name: name, labels: ["app": name], v4: bench.lab.a.v4, v6: "fd00::5",
                since: since)
        }
        engine.begin(life("old", since: now - .seconds(86_400)), sendsEvent: false)
        let program = try bench.monitor(
            configuration: "workloads: {docker: \(engine.path), podman: never, name_label: app}")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let holder = try Holder(Holder.database, bench.state + "/lazaret.db")
        let later = Clock.now()
        engine.end("old", at: later)
        engine.begin(life("new", since: later))
        let isReported = eventually { program.errors.contains("cannot follow the containers") }
        #expect(isReported, "\(program.errors)")
        try holder.unlock()
        let isLetGo = try bench.lab.reaches(bench.lab.a, bench.lab.c)
        #expect(isLetGo, "\(program.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("was old's and is new's now"), "\(trail)")
        #expect(program.end(by: SIGTERM) == 0)
        engine.stop()
    }

    @Test func readingTheLedgerDoesNotDisturbTheMonitor() throws {
        let program = try bench.monitor()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        for _ in 0..<3 { #expect(try bench.quarantine("list").contains("\(bench.lab.a.v4) ")) }
        #expect(try bench.isFencedForScanning(bench.lab.bystander), "\(program.errors)")
        #expect(program.end(by: SIGKILL) == -SIGKILL)
        #expect(!program.errors.contains("malformed"), "\(program.errors)")
        let listed = try bench.quarantine("list")
        for host in [bench.lab.a, bench.lab.bystander] {
            #expect(listed.contains("\(host.v4) "), "\(listed)")
        }
    }
}
