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

    /// What Prometheus makes of the rules: a failed reload and an open incident of high severity
    /// raise an alert, until somebody has dealt with them.
    @Test(.needs("promtool"))
    func theRulesRaiseAlerts() throws {
        let rules = Run.root.appendingPathComponent("config/prometheus-rules.yaml").path
        let reload = #"lazaret_config_last_reload_successful{instance="gw1"}"#
        let open = #"lazaret_incidents_open{instance="gw1",severity="high",state="#
        let cases = """
            rule_files: ['\(rules)']
            evaluation_interval: 1m
            tests:
              - interval: 1m
                input_series:
                  - {series: '\(reload)', values: '1 0 0 1'}
                  - {series: '\(open)"new"}', values: '0 2 0 0'}
                  - {series: '\(open)"acknowledged"}', values: '0 0 2 2'}
                alert_rule_test:
                  - {eval_time: 0m, alertname: LazaretReloadFailed, exp_alerts: []}
                  - eval_time: 1m
                    alertname: LazaretReloadFailed
                    exp_alerts:
                      - exp_labels: {severity: warning, instance: gw1}
                        exp_annotations:
                          summary: Lazaret on gw1 could not reload its configuration
                          description: >-
                            What was read before stays in use. 'lazaret status' on the node says
                            why; mend it and reload again.
                  - {eval_time: 3m, alertname: LazaretReloadFailed, exp_alerts: []}
                  - eval_time: 1m
                    alertname: LazaretOpenIncidents
                    exp_alerts:
                      - exp_labels: {severity: critical, instance: gw1, state: new}
                        exp_annotations:
                          summary: 2 incidents of high severity wait on gw1
                          description: >-
                            'lazaret incidents --severity high --state new' on the node lists them,
                            'lazaret explain' says why. One that is acknowledged, judged or closed
                            no longer counts.
                  - {eval_time: 2m, alertname: LazaretOpenIncidents, exp_alerts: []}

            """
        let file = try scratch.write("rules-test.yaml", Data(cases.utf8))
        let said = try Namespace.command(["promtool", "test", "rules", file])
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
