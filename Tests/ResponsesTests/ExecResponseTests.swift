import Foundation
import Quarantine
import SystemSupport
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Programs as responses.
@Suite(.timeLimit(.minutes(20)))
struct ExecResponseTests {
    private let bench: ResponseBench
    private let scratch: Scratch

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
    }

    private func entry(_ script: String, _ arguments: String...) throws -> ResponseEntry {
        var entry = ResponseEntry("call", .exec)
        entry.program = try scratch.write(
            "program", Data("#!/bin/sh\n\(script)\n".utf8), mode: 0o755)
        entry.arguments = arguments
        return entry
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: scratch.path(name), encoding: .utf8)) ?? ""
    }

    private func object(_ line: Substring) throws -> [String: String] {
        try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
    }

    @Test func aProgramGetsTheStepAndTheFenceAsJSON() throws {
        let entry = try entry(
            #"cat >>"$1"; wc -c </proc/$$/environ >"$1.env"; ls /proc/$$/fd >"$1.fd""#,
            scratch.path("said $(touch x)"))
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("call") == [.verified] }, "\(bench.log.lines)")
        bench.release()
        #expect(bench.run(engine) { bench.states("call") == [.undone] })
        let lines = text("said $(touch x)").split(separator: "\n")
        try #require(lines.count == 2)
        let (first, second) = (try object(lines[0]), try object(lines[1]))
        #expect(first["step"] == "apply" && second["step"] == "undo")
        for (name, value) in [
            ("address", "203.0.113.9"), ("target", "203.0.113.9"), ("reason", "port scan"),
            ("event", "e1"), ("rule", "r1"), ("response", "drop"), ("entry", "call"),
            ("family", "4"),
        ] {
            #expect(first[name] == value && second[name] == value, "\(name) \(first)")
        }
        #expect(text("said $(touch x).env").trimmingCharacters(in: .whitespacesAndNewlines) == "0")
        // The shell itself uses 10 and higher ones.
        let descriptors = text("said $(touch x).fd").split(separator: "\n").compactMap { Int($0) }
        #expect(descriptors.allSatisfy { $0 < 3 || $0 >= 10 }, "\(descriptors)")
    }

    @Test func aProgramThatVerifiesIsAsked() throws {
        var entry = try entry(
            """
            read line
            case "$line" in
            *'"step":"apply"'*) touch "$1" ;;
            *'"step":"undo"'*) rm -f "$1" ;;
            *) test -e "$1" || exit 3 ;;
            esac
            """, scratch.path("state"))
        entry.verifies = true
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("call") == [.verified] }, "\(bench.log.lines)")
        // What was lost is applied again.
        try FileManager.default.removeItem(atPath: scratch.path("state"))
        bench.setClock(2011)
        let isBack = bench.run(engine) {
            FileManager.default.fileExists(atPath: scratch.path("state"))
        }
        #expect(isBack)
        bench.release()
        #expect(bench.run(engine) { bench.states("call") == [.undone] })
        #expect(!FileManager.default.fileExists(atPath: scratch.path("state")))
    }

    @Test(arguments: 0..<7) func aKillAtAnyStepLeavesNothingOfAProgram(writes: Int) throws {
        let path = scratch.path("state")
        var entry = try entry(
            """
            read line
            case "$line" in
            *'"step":"apply"'*) touch "$1" ;;
            *'"step":"undo"'*) rm -f "$1" ;;
            *) test -e "$1" || exit 3 ;;
            esac
            """, path)
        entry.verifies = true
        let all = [entry]
        bench.fence("203.0.113.9", workload: nil)
        try bench.killAndRestart("call", afterWrites: writes) { bench.engine(all, ledger: $0) }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func aProgramThatFailsIsReportedAndRunAgain() throws {
        let entry = try entry(
            #"test -e "$1" && exit 0; echo not now; touch "$1"; exit 7"#, scratch.path("once"))
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("call") == [.verified] })
        #expect(bench.log.lines.contains { $0.contains("status 7: not now") }, "\(bench.log.lines)")
    }

    @Test func aProgramThatHangsOrFloodsIsKilled() throws {
        var entry = try entry(
            #"sleep 600 & echo $! >"$1"; yes; sleep 600"#, scratch.path("child"))
        entry.timeout = .seconds(1)
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        let isTold = bench.run(engine) {
            bench.log.lines.contains { $0.contains("took longer than 1 s") }
        }
        #expect(isTold, "\(bench.log.lines)")
        let child = try #require(
            Int32(text("child").trimmingCharacters(in: .whitespacesAndNewlines)))
        // Its children are killed with it.
        let isGone = eventually(within: 60) { kill(child, 0) != 0 || Self.isZombie(child) }
        #expect(isGone)
    }

    private static func isZombie(_ process: Int32) -> Bool {
        let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return text?.contains(") Z ") ?? true
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to switch to another user"))
    func aProgramRunsAsItsOwnUser() throws {
        var entry = try entry(#"id -u; id -G; grep CapEff /proc/$$/status; exit 1"#)
        entry.user = "nobody"
        // Its folder belongs to root.
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: scratch.url.path)
        let engine = bench.engine([entry])
        bench.fence("203.0.113.9", workload: nil)
        let isRun = bench.run(engine) { bench.log.lines.contains { $0.contains("status 1") } }
        #expect(isRun, "\(bench.log.lines)")
        let line = bench.log.lines.joined()
        #expect(line.contains("65534?65534?CapEff:?0000000000000000"), "\(line)")
    }

    @Test func outputIsBoundedAndInputNeedNotBeRead() throws {
        let (end, output) = try ChildProcess.run(
            ["/bin/sh", "-c", "exec 0<&-; head -c 1000000 /dev/zero"],
            input: [UInt8](repeating: 0x20, count: 1_000_000), timeLimit: .seconds(60),
            outputLimit: 100)
        #expect(end == .exit(0) && output.count == 100)
        let killed = try ChildProcess.run(
            ["/bin/sh", "-c", "kill -9 $$"], input: [], timeLimit: .seconds(60))
        #expect(killed.end == .signal(9))
    }

    @Test func faultsOfProgramsAreNamed() throws {
        func faults(_ change: (inout ResponseEntry) -> Void) throws -> String {
            var entry = try entry("true")
            change(&entry)
            return ResponseEntry.faults(in: [entry]).joined()
        }
        #expect(try faults { _ in } == "")
        #expect(try faults { $0.program = nil }.contains("'program' is missing"))
        #expect(try faults { $0.program = "true" }.contains("absolute path"))
        #expect(try faults { $0.program = "/nowhere/x" }.contains("no such program"))
        let plain = try scratch.write("plain", Data("x".utf8), mode: 0o644)
        #expect(try faults { $0.program = plain }.contains("not executable"))
        #expect(try faults { $0.user = "nobody-of-this-name" }.contains("does not exist"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o757], ofItemAtPath: scratch.path("program"))
        var open = ResponseEntry("call", .exec)
        open.program = scratch.path("program")
        #expect(ResponseEntry.faults(in: [open]).joined().contains("other users can write it"))
    }
}
