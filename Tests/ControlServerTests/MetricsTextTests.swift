import EventStore
import Events
import StatusReport
import Testing

@testable import ControlServer
@testable import Monitor

struct MetricsTextTests {
    private func lines(_ change: (inout MonitorStatus) -> Void) -> [Substring] {
        var status = MonitorStatus()
        change(&status)
        return MetricsText.text(status).split(separator: "\n")
    }

    @Test func eachCounterShowsItsOwnNumber() {
        let lines = lines {
            $0.capture.kernelPackets = 1
            $0.capture.kernelDrops = 2
            $0.capture.interfaceDrops = 3
            $0.capture.duplicates = 4
            $0.capture.reopened = 5
            $0.decoder.wireBytes = 6
            $0.flow.flowsStarted = 7
            $0.flow.activeFlows = 8
            $0.flow.evicted = 9
            $0.hostsDropped = 10
            $0.malformed = ["truncated_tcp": 11]
            $0.actions.fence = 12
            $0.actions.extend = 13
            $0.actions.release = 14
            $0.actions.expire = 15
            $0.actions.refuse = 16
        }
        for line in [
            "lazaret_capture_packets_total 1", "lazaret_capture_kernel_drops_total 2",
            "lazaret_capture_interface_drops_total 3", "lazaret_capture_duplicates_total 4",
            "lazaret_capture_reopened_total 5", "lazaret_capture_bytes_total 6",
            "lazaret_flows_started_total 7", "lazaret_flows_active 8",
            "lazaret_flows_evicted_total 9", "lazaret_hosts_refused_total 10",
            "lazaret_decode_errors_total{kind=\"truncated_tcp\"} 11",
            "lazaret_quarantine_actions_total{action=\"fence\"} 12",
            "lazaret_quarantine_actions_total{action=\"extend\"} 13",
            "lazaret_quarantine_actions_total{action=\"release\"} 14",
            "lazaret_quarantine_actions_total{action=\"expire\"} 15",
            "lazaret_quarantine_actions_total{action=\"refuse\"} 16",
        ] { #expect(lines.count { $0 == line } == 1, "\(line)") }
    }

    @Test func eachResultOfAResponseShowsItsOwnNumber() {
        let lines = lines {
            var pause = MonitorStatus.Responses(action: "pause")
            pause.applied = 1
            pause.failed = 2
            pause.retried = 3
            pause.undone = 4
            pause.skipped = 5
            pause.left = 6
            pause.standing = 7
            pause.waiting = 8
            $0.responses = [pause, MonitorStatus.Responses(action: "stop")]
        }.filter { $0.hasPrefix("lazaret_responses") && $0.contains(/"(pause|stop)"/) }
        for (number, name) in [
            (1, #"total{action="pause",result="applied"}"#),
            (2, #"total{action="pause",result="failed"}"#),
            (3, #"total{action="pause",result="retried"}"#),
            (4, #"total{action="pause",result="undone"}"#),
            (5, #"total{action="pause",result="skipped"}"#),
            (6, #"total{action="pause",result="left"}"#),
            (7, #"standing{action="pause"}"#), (8, #"waiting{action="pause"}"#),
        ] {
            #expect(lines.contains("lazaret_responses_\(name) \(number)"), "\(lines)")
        }
        #expect(lines.count == 16 && lines.count { $0.hasSuffix(" 0") } == 8)
    }

    /// A counter that appears with its first event has no rise that an alerting rule could see.
    @Test func whatHasNotHappenedIsZero() {
        let lines = lines { _ in }
        for line in [
            #"lazaret_responses_total{action="pause",result="failed"} 0"#,
            #"lazaret_alerts_total{pattern="port_scan",severity="high"} 0"#,
            #"lazaret_alerts_total{pattern="none",severity="low"} 0"#,
            #"lazaret_incidents_open{severity="medium",state="acknowledged"} 0"#,
        ] { #expect(lines.count { $0 == line } == 1, "\(line)") }
    }

    @Test func alertsAndOpenIncidentsHaveTheirSeverity() {
        var status = MonitorStatus()
        status.alertsByPattern = ["high": ["port_scan": 3, "none": 1], "low": ["beacon": 2]]
        let open = [
            OpenIncidents(severity: .high, state: .new, count: 4),
            OpenIncidents(severity: .low, state: .acknowledged, count: 5),
        ]
        let lines = MetricsText.text(status, open: open).split(separator: "\n")
        let counted = lines.filter {
            ($0.hasPrefix("lazaret_alerts_total{") || $0.hasPrefix("lazaret_incidents_open{"))
                && !$0.hasSuffix(" 0")
        }
        #expect(
            counted == [
                #"lazaret_alerts_total{pattern="port_scan",severity="high"} 3"#,
                #"lazaret_alerts_total{pattern="none",severity="high"} 1"#,
                #"lazaret_alerts_total{pattern="beacon",severity="low"} 2"#,
                #"lazaret_incidents_open{severity="high",state="new"} 4"#,
                #"lazaret_incidents_open{severity="low",state="acknowledged"} 5"#,
            ])
    }

    @Test func countersHaveTheirSuffix() {
        let types = lines { $0.responses = [MonitorStatus.Responses(action: "pause")] }.filter {
            $0.hasPrefix("# TYPE ")
        }.map {
            $0.split(separator: " ")[2...]
        }
        #expect(types.count > 30)
        for type in types {
            let (name, kind) = (type[2], type[3])
            #expect(name.hasPrefix("lazaret_"))
            #expect((kind == "counter") == name.hasSuffix("_total"), "\(name) is a \(kind)")
        }
        #expect(Set(types.map { $0[2] }).count == types.count, "a name has two types")
    }

    @Test func labelsAreEscaped() {
        let lines = lines {
            $0.sinks = [
                .init(
                    name: "C:\\\"a\"\nb", written: 1, lost: 0, waiting: 0, lagSeconds: 0)
            ]
        }
        #expect(lines.contains(#"lazaret_sink_written_total{sink="C:\\\"a\"\nb"} 1"#))
    }

    @Test func aHistogramAddsUp() {
        let lines = lines {
            $0.verdictLatency.add(0.1)
            $0.verdictLatency.add(0.2)
            $0.verdictLatency.add(60)
        }.filter { $0.hasPrefix("lazaret_verdict_latency_seconds") }
        #expect(lines.first == "lazaret_verdict_latency_seconds_bucket{le=\"0.1\"} 1")
        #expect(lines.dropFirst().first == "lazaret_verdict_latency_seconds_bucket{le=\"0.25\"} 2")
        #expect(
            lines.suffix(3) == [
                "lazaret_verdict_latency_seconds_bucket{le=\"+Inf\"} 3",
                "lazaret_verdict_latency_seconds_sum \(0.1 + 0.2 + 60)",
                "lazaret_verdict_latency_seconds_count 3",
            ])
    }
}
