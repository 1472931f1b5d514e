import Foundation
import TestKit
import Testing
import Timestamps

/// Other programs read Lazaret's output.
struct OtherProgramsTests {
    private let scratch = try! Scratch()

    @Test(.needs("promtool"))
    func prometheusAcceptsTheAlertingRules() throws {
        let rules = Run.root.appendingPathComponent("config/prometheus-rules.yaml").path
        let said = try Namespace.command(["promtool", "check", "rules", rules])
        #expect(said.contains("SUCCESS"), "\(said)")
    }

    /// Few flows, because a receiver of datagrams may lose some of many.
    @Test(.needsKernel, .needs("nfcapd", "nfdump"))
    func nfcapdCollectsEveryFlow() throws {
        let records = (0..<50 as Range<UInt16>).map { number in
            let datagram = Frame.udp(40_000 + number, 4000, [1, 2, 3])
            return CaptureFile.Record(
                Timestamp(second: 1_700_000_000) + .milliseconds(number),
                Frame.ethernet(0x0800, Frame.ipv4("10.0.0.1", "10.0.0.2", 17, datagram)))
        }
        let capture = try scratch.write("flows.pcap", Data(CaptureFile.pcap(records)))
        let space = try Namespace("nfcapd")
        let folder = scratch.path("collected")
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let collector = try space.start(
            "nfcapd", "-b", "127.0.0.1", "-p", "4739", "-w", folder, "-t", "3600")
        defer {
            if collector.isRunning { kill(collector.processIdentifier, SIGKILL) }
        }
        let isListening = try eventually {
            try space.run("cat", "/proc/net/udp").contains("0100007F:1283")
        }
        #expect(isListening)
        let sender = try Background(
            in: space,
            ["flows", "-r", capture, "--format", "ipfix", "-o", "udp://127.0.0.1:4739"])
        #expect(sender.status == 0, "\(sender.errors)")
        let isTaken = try eventually {
            // Its socket's queue is empty.
            let table = try space.run("cat", "/proc/net/udp").split(separator: "\n")
            let line = table.first { $0.contains("0100007F:1283") }
            return line?.contains(" 00000000:00000000 ") ?? false
        }
        #expect(isTaken)
        kill(collector.processIdentifier, SIGTERM)
        collector.waitUntilExit()
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder).first {
                $0.hasPrefix("nfcapd.")
            })
        let listed = try Namespace.command([
            "nfdump", "-q", "-r", "\(folder)/\(file)", "-o", "fmt:%sa %sp %da %dp %pkt",
        ])
        let lines = listed.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        let expected = (0..<50).map { "10.0.0.1 \(40_000 + $0) 10.0.0.2 4000 1" }
        #expect(Set(lines) == Set(expected) && lines.count == 50, "\(listed)")
    }
}

/// The answers of a running monitor, read by programs that support their formats.
@Suite(.needsKernel, .needs("curl"))
struct AnswerFormatTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    private func get(_ path: String) throws -> String {
        try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", bench.socket, "http://lazaret\(path)",
        ])
    }

    @Test(.needs("promtool"))
    func prometheusAcceptsTheMetrics() throws {
        let program = try bench.monitor()
        let metrics = try get("/metrics")
        #expect(metrics.contains("\nlazaret_enforcing 1\n"))
        try bench.lab.node.space.run("promtool", "check", "metrics", input: metrics)
        #expect(program.end(by: SIGTERM) == 0)
    }

    private static let validator = Run.root.appendingPathComponent(
        ".build/venv/bin/openapi-spec-validator"
    ).path

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: validator),
            "needs openapi-spec-validator in .build/venv"))
    func theDescriptionOfTheInterfaceIsValid() throws {
        let program = try bench.monitor()
        let file = try bench.scratch.write(
            "openapi.json", Data(try get("/api/v1/openapi.json").utf8))
        let said = try Namespace.command([Self.validator, file])
        #expect(said.contains("OK"), "\(said)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
