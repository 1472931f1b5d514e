import EventStore
import Monitor
import StatusReport
import Timestamps

/// A monitor's status in Prometheus' text format. Unless the configuration asks for it, no label
/// contains an address or a workload, since their number is unbounded.
enum MetricsText {
    static func text(
        _ status: MonitorStatus, risk: RiskReport? = nil, open: [OpenIncidents] = []
    ) -> String {
        var page = Page()
        page.gauge("build_info", "Always 1.", 1, ["version": status.version])
        page.gauge(
            "start_time_seconds", "When it began, since 1970.", status.started.secondsSince1970)
        page.gauge(
            "last_update_seconds", "When packets were last worked off, since 1970.",
            status.updated.secondsSince1970)
        page.gauge("enforcing", "1 where offenders are fenced.", status.isEnforcing ? 1 : 0)
        page.gauge(
            "detecting", "1 where it judges by a model; 0 while it learns.",
            status.phase == .detecting ? 1 : 0)
        if let reload = status.reload { page.add(reload) }
        process(status, &page)
        packets(status, &page)
        flows(status, &page)
        if let history = status.history { page.add(history) }
        detection(status, &page)
        page.add(open)
        quarantine(status, &page)
        page.add(status.responses)
        page.add(status.runtimeEvents ?? [])
        entrances(status.entrances, &page)
        sinks(status.sinks, &page)
        if let risk { page.add(risk) }
        return page.text
    }

    private static func process(_ status: MonitorStatus, _ page: inout Page) {
        page.gauge(
            "resident_bytes", "Memory that the process has for itself.",
            Double(status.residentBytes))
        page.counter(
            "rested_seconds_total", "Time that packets waited for the limit of CPU.",
            seconds: status.restedSeconds)
    }

    private static func packets(_ status: MonitorStatus, _ page: inout Page) {
        let capture = status.capture
        page.counter(
            "capture_packets_total", "Packets taken from the kernel.", capture.kernelPackets)
        page.counter(
            "capture_bytes_total", "Bytes of these packets on the wire.",
            status.decoder.wireBytes)
        page.counter(
            "capture_kernel_drops_total", "Packets that the kernel had no room for.",
            capture.kernelDrops)
        page.counter(
            "capture_interface_drops_total", "Packets that an interface lost.",
            capture.interfaceDrops)
        page.counter(
            "capture_duplicates_total", "Packets seen on a second interface.", capture.duplicates
        )
        page.counter(
            "capture_reopened_total", "Times that an interface came back.", capture.reopened)
        page.gauge(
            "capture_interfaces_missing", "Interfaces that are not there.",
            Double(status.missing.count))
        page.gauge(
            "capture_blind", "1 while no packet can arrive, or none of the containers'.",
            status.blind == nil ? 0 : 1)
        for (kind, count) in status.malformed.sorted(by: { $0.key < $1.key }) {
            page.counter(
                "decode_errors_total", "Packets that could not be read to their end.", count,
                ["kind": kind])
        }
    }

    private static func flows(_ status: MonitorStatus, _ page: inout Page) {
        page.counter("flows_started_total", "Flows that began.", status.flow.flowsStarted)
        page.gauge("flows_active", "Flows at this moment.", Double(status.flow.activeFlows))
        page.counter(
            "flows_evicted_total", "Flows that made room for others before their time.",
            status.flow.evicted)
    }

    private static func detection(_ status: MonitorStatus, _ page: inout Page) {
        page.gauge("hosts", "Addresses that are watched.", Double(status.hosts))
        page.counter(
            "hosts_refused_total", "Addresses not watched: the table of hosts was full.",
            UInt64(status.hostsDropped))
        page.counter("windows_total", "Windows that were judged.", UInt64(status.windows))
        page.counter(
            "windows_unscored_total",
            "Anomalous windows of unknown hosts beyond the limit of a second.",
            UInt64(status.windowsUnscored))
        page.counter("verdicts_total", "Anomalous windows.", status.verdicts)
        page.counter(
            "verdicts_dropped_total", "Verdicts that found the queue full.", status.verdictsDropped)
        page.add(alerts: status.alertsByPattern ?? [:])
        page.counter(
            "alerts_suppressed_total", "Alerts that were not reported: too many in that second.",
            status.alertsSuppressed)
        page.counter(
            "alerts_muted_total", "Alerts that were not reported: they are muted.",
            status.alertsMuted)
        page.counter("events_lost_total", "Events that could not be written.", status.eventsLost)
        page.histogram(
            "window_score", "Scores of the windows that left their baseline.",
            bounds: (1...20).map { Double($0) / 20 }, counts: status.scores,
            // Each twentieth counts with its middle value.
            sum: status.scores.enumerated().reduce(0) {
                $0 + (Double($1.offset) + 0.5) / 20 * Double($1.element)
            })
        page.histogram(
            "verdict_latency_seconds", "From the end of the judged second to its verdict.",
            status.verdictLatency)
    }

    private static func quarantine(_ status: MonitorStatus, _ page: inout Page) {
        page.gauge(
            "quarantine_active", "Active fences; without enforcing, those that would be active.",
            Double(status.fences))
        page.gauge(
            "quarantine_breaker_open", "1 while too many fences keep it from more.",
            status.isBreakerOpen ? 1 : 0)
        let actions = status.actions
        for (action, count) in [
            ("fence", actions.fence), ("extend", actions.extend), ("release", actions.release),
            ("expire", actions.expire), ("refuse", actions.refuse),
        ] {
            page.counter(
                "quarantine_actions_total", "What was done to rules, by the policy or by hand.",
                count, ["action": action])
        }
        page.histogram(
            "fence_latency_seconds", "From the end of the judged second to the kernel's answer.",
            status.fenceLatency)
    }

    private static func entrances(
        _ entrances: [MonitorStatus.Entrance], _ page: inout Page
    ) {
        for entrance in entrances {
            page.gauge(
                "control_up", "1 where clients can connect to the entrance.",
                entrance.trouble == nil ? 1 : 0, ["entrance": entrance.name])
        }
        for entrance in entrances where entrance.name == "port" {
            page.counter(
                "control_wrong_tokens_total", "Requests with a wrong token.", entrance.wrongTokens)
            page.counter(
                "control_refused_tokens_total",
                "Requests of users who had sent too many wrong tokens.", entrance.refusedTokens)
        }
    }

    private static func sinks(_ sinks: [MonitorStatus.Sink], _ page: inout Page) {
        for sink in sinks {
            page.counter(
                "sink_written_total", "Events that a sink took.", sink.written, ["sink": sink.name])
        }
        for sink in sinks {
            page.counter(
                "sink_lost_total", "Events that a sink could not take.", sink.lost,
                ["sink": sink.name])
        }
        for sink in sinks {
            page.gauge(
                "sink_waiting", "Events that wait for a sink.", Double(sink.waiting),
                ["sink": sink.name])
        }
        for sink in sinks {
            page.gauge(
                "sink_lag_seconds", "Age of the oldest event that waits.", sink.lagSeconds,
                ["sink": sink.name])
        }
    }

    /// The text under construction; help and type are written once per name.
    struct Page {
        var text = ""
        private var last = ""

        mutating func counter(
            _ name: String, _ help: String, _ value: UInt64, _ labels: [String: String] = [:]
        ) {
            line(name, help, "counter", "\(value)", labels)
        }

        /// Seconds with a fraction.
        mutating func counter(_ name: String, _ help: String, seconds: Double) {
            line(name, help, "counter", Self.number(seconds), [:])
        }

        mutating func gauge(
            _ name: String, _ help: String, _ value: Double, _ labels: [String: String] = [:]
        ) {
            line(name, help, "gauge", Self.number(value), labels)
        }

        mutating func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) {
            self.histogram(
                name, help, bounds: LatencyHistogram.bounds, counts: histogram.counts,
                sum: histogram.sum)
        }

        mutating func histogram(
            _ name: String, _ help: String, bounds: [Double], counts: [UInt64], sum: Double
        ) {
            head(name, help, "histogram")
            var below: UInt64 = 0
            for (bound, count) in zip(bounds, counts) {
                below &+= count
                text += "lazaret_\(name)_bucket{le=\"\(Self.number(bound))\"} \(below)\n"
            }
            let all = counts.reduce(0, &+)
            text += "lazaret_\(name)_bucket{le=\"+Inf\"} \(all)\n"
            text += "lazaret_\(name)_sum \(Self.number(sum))\nlazaret_\(name)_count \(all)\n"
        }

        private mutating func line(
            _ name: String, _ help: String, _ type: String, _ value: String,
            _ labels: [String: String]
        ) {
            head(name, help, type)
            let inside = labels.sorted { $0.key < $1.key }.map { key, value in
                "\(key)=\"\(Self.escaped(value))\""
            }.joined(separator: ",")
            text += "lazaret_\(name)\(inside.isEmpty ? "" : "{\(inside)}") \(value)\n"
        }

        private mutating func head(_ name: String, _ help: String, _ type: String) {
            guard name != last else { return }
            last = name
            text += "# HELP lazaret_\(name) \(help)\n# TYPE lazaret_\(name) \(type)\n"
        }

        /// A label's value (Prometheus' text format 0.0.4).
        private static func escaped(_ value: String) -> String {
            var text = ""
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
            return text
        }

        private static func number(_ value: Double) -> String {
            value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
        }
    }
}
