import Foundation
import TestKit
import Testing

/// What happens to the ledger beneath a monitor that enforces: a fence does not wait for a disk.
@Suite(.needsKernel, .needs("python3"))
struct StoreFaultTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    @Test func aFullDiskKeepsNobodyFromBeingFenced() throws {
        let disk = try SmallDisk(mib: 4)
        let state = disk.path + "/state"
        let program = try bench.monitor(state: state)
        try disk.fill()
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isTold = eventually { program.errors.contains("disk is full; fences are put up") }
        #expect(isTold, "\(program.errors)")
        let isShown = eventually { bench.status().contains("disk is full") }
        #expect(isShown, "\(bench.status())")

        // With room again the ledger is caught up with, by itself and whoever reads it.
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

    /// Another program that keeps a file to itself until it is told to let go.
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
                "import sys\npath = sys.argv[1]\n\(script)\nprint('held', flush=True)\nsys.stdin.read()",
                path,
            ]
            process.standardInput = input
            process.standardOutput = said
            try process.run()
            #expect(!said.fileHandleForReading.availableData.isEmpty)
        }

        func letGo() throws {
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
    }

    @Test func aLedgerThatSomebodyHoldsIsToldOfAndCaughtUpWith() throws {
        let program = try bench.monitor()
        let holder = try Holder(Holder.database, bench.state + "/lazaret.db")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isTold = eventually { program.errors.contains("database is locked; fences are put up") }
        #expect(isTold, "\(program.errors)")
        try holder.letGo()
        let isCaughtUp = try eventually {
            try bench.quarantine("list").contains("\(bench.lab.a.v4) ")
        }
        #expect(isCaughtUp, "\(program.errors)")
        // Told once, and nothing of it was put back.
        #expect(bench.fencesTold(over: bench.lab.a) == 1)
        let isKept = try eventually {
            try Run("events", "--socket", bench.socket).output.contains(bench.lab.a.v4)
        }
        #expect(isKept, "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
        let verified = try Run("audit", "verify", "--state", bench.state)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    /// A command that is stopped half-way keeps the lock between programs.
    @Test func aFenceDoesNotWaitForAnotherProgramsLock() throws {
        let program = try bench.monitor()
        let holder = try Holder(Holder.lock, bench.state + "/lazaret.lock")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let isTold = eventually {
            program.errors.contains("using the ledger for 1 s; fences are put up")
        }
        #expect(isTold, "\(program.errors)")
        // The one who asks is not kept waiting either.
        let isShown = eventually { bench.status().contains("wait to be written down") }
        #expect(isShown, "\(bench.status())")
        try holder.letGo()
        let isCaughtUp = try eventually {
            try bench.quarantine("list").contains("\(bench.lab.a.v4) ")
        }
        #expect(isCaughtUp, "\(program.errors)")
        #expect(bench.fencesTold(over: bench.lab.a) == 1)
        #expect(program.end(by: SIGTERM) == 0)
        let verified = try Run("audit", "verify", "--state", bench.state)
        #expect(verified.status == 0, "\(verified.errors)")
    }

    /// A fence is meant for whoever had the address: who comes by it while nothing can be written is let go later.
    @Test func anInnocentHeirOfAnAddressIsLetGoAsSoonAsTheLedgerAllows() throws {
        let engine = try ScriptedEngine(path: bench.scratch.path("docker.sock"))
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        func life(_ name: String, since: Int64) -> ScriptedEngine.Life {
            .init(
                id: name, name: name, labels: ["app": name], v4: bench.lab.a.v4, v6: "fd00::5",
                since: since)
        }
        engine.begin(life("old", since: now - 86_400_000_000_000), tells: false)
        let program = try bench.monitor(
            configuration: "workloads: {docker: \(engine.path), podman: never, name_label: app}")
        #expect(try bench.isFencedForScanning(bench.lab.a), "\(program.errors)")
        let holder = try Holder(Holder.database, bench.state + "/lazaret.db")
        let later = Int64(Date().timeIntervalSince1970 * 1e9)
        engine.end("old", at: later)
        engine.begin(life("new", since: later))
        let isTold = eventually { program.errors.contains("cannot follow the containers") }
        #expect(isTold, "\(program.errors)")
        try holder.letGo()
        let isLetGo = try bench.lab.reaches(bench.lab.a, bench.lab.c)
        #expect(isLetGo, "\(program.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("was old's and is new's now"), "\(trail)")
        #expect(program.end(by: SIGTERM) == 0)
        engine.stop()
    }

    @Test func whoLooksAtTheLedgerTakesNothingFromTheMonitor() throws {
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
