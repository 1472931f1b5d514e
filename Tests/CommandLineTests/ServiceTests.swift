import Foundation
import Glibc
import TestKit
import Testing

/// `lazaret monitor` as a service: the privileges that it drops, its notifications to systemd, and
/// failing sinks.
@Suite(.needsKernel)
struct ServiceTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
        chmod(model, 0o644)
    }

    private func monitor(_ more: [String], behind words: [String] = []) throws -> Background {
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m", model, "--enforce",
                "--state", scratch.path("state"), "-o", scratch.path("log/eve.json"),
                "--socket", "never",
            ] + more, behind: words)
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private var events: String {
        (try? String(contentsOfFile: scratch.path("log/eve.json"), encoding: .utf8)) ?? ""
    }

    /// The offender scans its neighbour until it is fenced; returns false if it never is.
    private func scanUntilFenced() throws -> Bool {
        try lab.isFenced(lab.a, forScanning: lab.b)
    }

    private func facts(_ path: String) throws -> (owner: UInt32, mode: UInt32) {
        var facts = stat()
        try #require(lstat(path, &facts) == 0, "\(path)")
        return (facts.st_uid, facts.st_mode & 0o7777)
    }

    @Test func aMonitorStartedByRootBecomesAUserWithTwoCapabilities() throws {
        // The remaining capabilities of a monitor started by root, and those of others.
        let state = scratch.path("state")
        try FileManager.default.createDirectory(
            atPath: state + "/models", withIntermediateDirectories: true)
        for name in ["state/models/1.model", "state/lazaret.lock", "state/foreign", "target"] {
            _ = try scratch.write(name, Data())
        }
        symlink(scratch.path("target"), state + "/lazaret.link")
        try FileManager.default.createDirectory(
            atPath: scratch.path("log"), withIntermediateDirectories: true)
        chown(scratch.path("log"), 65534, 65534)

        let program = try monitor(
            ["--user", "nobody"],
            behind: Background.supervised(
                identifier: scratch.path("pid"), inheriting: scratch.path("inherited")))
        let identifier = try String(contentsOfFile: scratch.path("pid"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let tasks = "/proc/\(identifier)/task"
        // Standard streams, sockets, databases and events, but no descriptors that the shell left
        // open.
        let inherited = try FileManager.default.contentsOfDirectory(
            atPath: "/proc/\(identifier)/fd"
        ).filter { name in
            let target = try? FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(identifier)/fd/\(name)")
            return target == scratch.path("inherited")
        }
        #expect(inherited.isEmpty)
        func check() throws -> Int {
            let threads = try FileManager.default.contentsOfDirectory(atPath: tasks)
            for thread in threads {
                // A thread that has ended has no entry.
                guard
                    let status = try? String(
                        contentsOfFile: "\(tasks)/\(thread)/status", encoding: .utf8)
                else { continue }
                for line in [
                    "Uid:\t65534\t65534\t65534\t65534", "Gid:\t65534\t65534\t65534\t65534",
                    "CapEff:\t0000000000003000", "CapPrm:\t0000000000003000",
                    "CapBnd:\t0000000000003000", "CapInh:\t0000000000000000",
                    "CapAmb:\t0000000000000000", "NoNewPrivs:\t1",
                ] {
                    #expect(status.contains(line), "\(thread): \(line)\n\(status)")
                }
            }
            return threads.count
        }
        #expect(try check() > 2)
        let isFenced = try scanUntilFenced()
        #expect(isFenced, "\(program.errors)")
        _ = try check()
        let isWritten = eventually { events.contains(#""event_type":"quarantine""#) }
        #expect(isWritten)
        #expect(try facts(scratch.path("log/eve.json")) == (65534, 0o600))
        #expect(try facts(state).owner == 65534)
        #expect(try facts(state + "/lazaret.db") == (65534, 0o600))
        #expect(try facts(state + "/monitor.lock") == (65534, 0o600))
        #expect(try facts(state + "/models/1.model").owner == 65534)
        #expect(try facts(state + "/foreign").owner == 0)
        #expect(try facts(scratch.path("target")).owner == 0)
        // Root releases a fence of the monitor, which continues with its ledger.
        let release = try Background(
            in: lab.node.space, ["quarantine", "release", lab.a.v4, "--state", state])
        #expect(release.status == 0, "\(release.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(program.errors.contains("stopped: ") && !program.errors.contains("readonly"))
    }

    @Test func anInvalidUserIsReportedInOneLine() throws {
        for (user, words) in [("lznouser", "no such user"), ("root", "is root")] {
            let program = try Background(
                in: lab.node.space,
                [
                    "monitor", "-i", "br1", "-m", model, "--state", scratch.path("none"), "--user",
                    user,
                ])
            #expect(program.status == 1 && program.errors.contains(words), "\(program.errors)")
            #expect(program.errors.count { $0 == "\n" } == 1)
        }
        let ordinary = try Background(
            in: lab.node.space,
            ["monitor", "-i", "br1", "-m", model, "--user", "daemon"],
            behind: ["setpriv", "--reuid=65534", "--clear-groups"])
        #expect(ordinary.status == 1 && ordinary.errors.contains("only root"), "\(ordinary.errors)")
    }

    @Test func systemdReceivesTheStatus() throws {
        let path = scratch.path("notify")
        let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(receiver) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address) { bytes in
            for (index, byte) in path.utf8.enumerated() { bytes[2 + index] = byte }
            _ = bind(
                receiver, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t(MemoryLayout<sockaddr_un>.size))
        }
        /// The messages since the last call.
        func messages() -> [String] {
            var found: [String] = []
            var bytes = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(receiver, &bytes, bytes.count, Int32(MSG_DONTWAIT))
                guard count > 0 else { return found }
                found.append(String(decoding: bytes[..<count], as: UTF8.self))
            }
        }
        /// The messages until `condition` holds for them.
        func messages(until condition: ([String]) -> Bool) -> [String] {
            var found: [String] = []
            let isEnough = eventually {
                found += messages()
                return condition(found)
            }
            #expect(isEnough, "\(found)")
            return found
        }
        func beats(_ messages: [String]) -> Int { messages.count { $0 == "WATCHDOG=1" } }
        try FileManager.default.createDirectory(
            atPath: scratch.path("log"), withIntermediateDirectories: true)
        let began = ContinuousClock.now
        let program = try monitor(
            [], behind: ["env", "NOTIFY_SOCKET=\(path)", "WATCHDOG_USEC=1000000"])
        let first = messages { beats($0) >= 3 }
        #expect(first.first?.hasPrefix("READY=1\nSTATUS=monitoring br1, br2, uplink") == true)
        // Twice as often as required, and no more.
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        #expect(Double(beats(first)) <= 2 * seconds + 1, "\(first)")
        // A hung loop sends nothing.
        program.signal(SIGSTOP)
        let hasStopped = try eventually {
            let threads = try FileManager.default.contentsOfDirectory(
                atPath: "/proc/\(program.identifier)/task")
            return threads.allSatisfy { thread in
                let path = "/proc/\(program.identifier)/task/\(thread)/stat"
                return (try? String(contentsOfFile: path, encoding: .utf8))?.contains(") T ")
                    ?? true
            }
        }
        #expect(hasStopped)
        _ = messages()
        // Longer than the allowed silence.
        Thread.sleep(forTimeInterval: 1.5)
        #expect(messages().isEmpty)
        program.signal(SIGCONT)
        _ = messages { beats($0) >= 1 }
        program.signal(SIGHUP)
        let reload = messages { $0.contains { $0.hasPrefix("READY=1\n") } }
            .filter { $0 != "WATCHDOG=1" }
        #expect(reload.count == 2, "\(reload)")
        #expect(reload.first?.hasPrefix("RELOADING=1\nMONOTONIC_USEC=") == true)
        #expect(reload.last?.hasPrefix("READY=1\n") == true)
        #expect(program.end(by: SIGTERM) == 0)
        #expect(messages().last == "STOPPING=1")
        // A variable for another process is ignored.
        let other = try monitor(
            [], behind: ["env", "NOTIFY_SOCKET=\(path)", "WATCHDOG_USEC=100000", "WATCHDOG_PID=1"])
        let told = messages { !$0.isEmpty }
        // Ten times the allowed silence.
        Thread.sleep(forTimeInterval: 0.5)
        #expect(other.end(by: SIGTERM) == 0)
        #expect(beats(told + messages()) == 0)
    }

    @Test func failingSinksDelayNoFence() throws {
        let silent = try Socket(lab.node, stream: true)
        try silent.bind("127.0.0.1", 8099)
        try silent.listen()
        let text = """
            statistics: 1s
            event_kinds: [alert, quarantine, stats]
            rotate: {size: 64KiB, keep: 2}
            syslog: {to: 'tcp:10.77.9.99:601', kinds: [alert, quarantine, stats]}
            webhook: {url: 'http://127.0.0.1:8099/', timeout: 5m}

            """
        try FileManager.default.createDirectory(
            atPath: scratch.path("log"), withIntermediateDirectories: true)
        let program = try monitor(["-c", try scratch.write("lazaret.yaml", Data(text.utf8))])
        // Waiting for the webhook would take longer than this test waits.
        let isFenced = try scanUntilFenced()
        #expect(isFenced, "\(program.errors)")
        let isWritten = eventually { events.contains(#""event_type":"quarantine""#) }
        #expect(isWritten)
        let isShown = eventually {
            guard let line = events.split(separator: "\n").last(where: { $0.contains("stats") }),
                let event = try? JSONSerialization.jsonObject(with: Data(line.utf8))
                    as? [String: Any],
                let sinks = (event["stats"] as? [String: Any])?["sinks"] as? [[String: Any]]
            else { return false }
            let waiting = sinks.map { $0["waiting"] as? Int ?? 0 }
            return sinks.count == 4 && waiting[1] > 0 && waiting[2] > 0
        }
        #expect(isShown, "\(events.suffix(2000))")
        let end = ContinuousClock.now
        #expect(program.end(by: SIGTERM) == 0)
        #expect(ContinuousClock.now - end < .seconds(patience), "\(program.errors)")
        // The webhook's events wait for the next start.
        let spool = try FileManager.default.contentsOfDirectory(atPath: scratch.path("state/spool"))
        #expect(!spool.isEmpty)
    }
}
