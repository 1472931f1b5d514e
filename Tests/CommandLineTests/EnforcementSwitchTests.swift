import Foundation
import TestKit
import Testing

/// Observing and enforcing, switched while a monitor runs.
@Suite(.needsKernel, .needs("curl"))
struct EnforcementSwitchTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func enforcement(_ words: String...) throws -> Run {
        try Run(["enforcement"] + words + ["--socket", bench.socket])
    }

    private func ask(_ path: String, _ body: String? = nil) throws -> String {
        try Namespace.command(
            ["curl", "-s", "-i", "-m", "60", "--unix-socket", bench.socket]
                + (body.map { ["-d", $0] } ?? []) + ["http://lazaret\(path)"])
    }

    /// An alert on the host was reported.
    private func isReported(_ host: Lab.Host, after count: Int = 0) throws -> Bool {
        try eventually {
            try bench.lab.scan(bench.lab.b, by: host)
            return alerts(on: host) > count
        }
    }

    private func alerts(on host: Lab.Host) -> Int {
        let text =
            (try? String(contentsOfFile: bench.scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count {
            $0.contains(#""event_type":"alert""#) && $0.contains(#""src_ip":"\#(host.v4)""#)
        }
    }

    @Test func aPauseStopsFencesAndEndsByItself() throws {
        let program = try bench.monitor()
        let pause = try enforcement("observe", "--for", "1h", "--reason", "maintenance")
        #expect(pause.status == 0 && pause.output.contains("maintenance"), "\(pause.errors)")
        // At once: the status of the last second still said that it enforces.
        let status = bench.status()
        #expect(status.contains("observing (switched by"), "\(status)")
        let configuration = try ask("/api/v1/config")
        #expect(configuration.contains("enforce: false # switched by"), "\(configuration)")
        #expect(configuration.contains("configured: true"))
        #expect(try isReported(bench.lab.a), "\(program.errors)")
        #expect(try !bench.lab.isFenced(bench.lab.a))
        // An operator may still fence.
        let byHand = try bench.quarantine("add", "203.0.113.9", "--for", "5m")
        #expect(byHand.contains("203.0.113.9 fenced"))

        #expect(try enforcement("observe", "--for", "1s").status == 0)
        let isOver = eventually { program.errors.contains("enforce again") }
        #expect(isOver, "\(program.errors)")
        #expect(try enforcement().output == "offenders are fenced, as configured\n")
        #expect(try ask("/api/v1/config").contains("enforce: true\n"))
        #expect(try bench.isFencedForScanning(bench.lab.bystander), "\(program.errors)")
        let trail = try Run("audit", "list", "--state", bench.state).output
        #expect(trail.contains("maintenance") && trail.contains("the time is over"), "\(trail)")
    }

    @Test func aPauseHoldsAcrossARestart() throws {
        let first = try bench.monitor()
        #expect(try enforcement("observe", "--for", "1h").status == 0)
        #expect(first.end(by: SIGKILL) == -SIGKILL)
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m",
                bench.scratch.path("clean.model"), "--state", bench.state, "-o",
                bench.scratch.path("eve.json"), "--socket", bench.socket, "--enforce",
            ])
        let isReady = eventually { bench.status().contains("observing (switched by") }
        #expect(isReady, "\(program.errors)")
        #expect(program.errors.contains("that holds, not the configuration"), "\(program.errors)")
        #expect(try isReported(bench.lab.a), "\(program.errors)")
        #expect(try !bench.lab.isFenced(bench.lab.a))
        #expect(try enforcement("configured").status == 0)
        // Windows that still have its first scan may fence it at once.
        #expect(
            try bench.lab.isFenced(bench.lab.a, forScanning: bench.lab.b), "\(program.errors)")
        #expect(try bench.lab.isBlocked(bench.lab.a, bench.lab.c))
        // After that, the next start follows the configuration.
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let next = try bench.monitor()
        #expect(!next.errors.contains("that holds"), "\(next.errors)")
    }

    @Test func anObservingMonitorBeginsToEnforce() throws {
        let program = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m",
                bench.scratch.path("clean.model"), "--state", bench.state, "-o",
                bench.scratch.path("eve.json"), "--socket", bench.socket,
            ])
        let isReady = eventually { bench.status().contains("observing") }
        #expect(isReady, "\(program.errors)")
        #expect(try isReported(bench.lab.a), "\(program.errors)")
        #expect(try !bench.lab.isFenced(bench.lab.a))
        #expect(try bench.lab.reaches(bench.lab.a, bench.lab.c))
        let on = try enforcement("enforce")
        #expect(on.status == 0 && on.output.hasPrefix("offenders are fenced"), "\(on.errors)")
        // What was only planned is no reason to spare the offender now: windows that still have its
        // first scan may fence it at once.
        #expect(
            try bench.lab.isFenced(bench.lab.a, forScanning: bench.lab.b), "\(program.errors)")
        #expect(try bench.lab.isBlocked(bench.lab.a, bench.lab.c))
        // A second monitor here may not enforce.
        let second = try Background(
            in: bench.lab.node.space,
            [
                "monitor", "-i", "br1", "--state", bench.scratch.path("other"), "-o",
                bench.scratch.path("other.json"), "--socket", "never", "--enforce",
            ])
        #expect(second.status == 1 && second.errors.contains("another monitor enforces"))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(try Run("audit", "verify", "--state", bench.state).status == 0)
    }

    @Test func aWrongSwitchIsABadRequest() throws {
        let program = try bench.monitor()
        for body in [
            "{}", #"{"mode":"off"}"#, #"{"mode":true}"#, #"{"mode":"observe","duration":"0s"}"#,
            #"{"mode":"observe","duration":60}"#, #"{"mode":"configured","duration":"1h"}"#, "x",
        ] {
            let answer = try ask("/api/v1/enforcement", body)
            #expect(answer.contains(" 400 "), "\(body): \(answer)")
        }
        #expect(bench.status().contains("enforcing,"), "\(bench.status())")
        #expect(program.isRunning)
    }

    @Test func aWrongOptionIsReported() throws {
        for words in [
            ["off"], ["--for", "1h"], ["observe", "--for", "soon"], ["configured", "--for", "1h"],
        ] {
            #expect(try Run(["enforcement"] + words).status == 2)
        }
    }
}
