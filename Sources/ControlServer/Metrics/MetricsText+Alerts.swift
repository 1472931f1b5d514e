internal import AttackPatterns
import EventStore
internal import Events
import StatusReport
internal import Timestamps

extension MetricsText.Page {
    /// The severities that alerts and incidents have.
    private static let severities: [Event.Severity] = [.high, .medium, .low]

    /// Every severity with every pattern, so that the first alert is a rise.
    mutating func add(alerts: [String: [String: UInt64]]) {
        for severity in Self.severities {
            for pattern in Pattern.allCases.map(\.rawValue) + ["none"] {
                counter(
                    "alerts_total", "Alerts that were reported.",
                    alerts[severity.word]?[pattern] ?? 0,
                    ["severity": severity.word, "pattern": pattern])
            }
        }
    }

    mutating func add(_ open: [OpenIncidents]) {
        for severity in Self.severities {
            for state in Triage.State.allCases where state.isOpen {
                let count = open.first { $0.severity == severity && $0.state == state }?.count
                gauge(
                    "incidents_open", "Incidents that nobody has judged or closed.",
                    Double(count ?? 0), ["severity": severity.word, "state": state.rawValue])
            }
        }
    }

    /// Named as Prometheus and Alertmanager name their own.
    mutating func add(_ reload: MonitorStatus.Reload) {
        gauge(
            "config_last_reload_successful",
            "0 where the last reload failed, and what was read before is in use.",
            reload.failed == nil ? 1 : 0)
        gauge(
            "config_last_reload_success_timestamp_seconds",
            "When configuration, model and feedback in use were read, since 1970.",
            reload.read.secondsSince1970)
    }
}
