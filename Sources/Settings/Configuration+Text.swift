import Recording
import Enforcement
import FoundationEssentials
import Monitor
import NetworkAddresses
import PacketCapture
import Quarantine
import SystemSupport
import TextFormats
import Workloads
import Timestamps

extension Configuration {
    /// The whole configuration as a file, including defaults.
    public var text: String {
        let policy = monitor.policy
        let capture = monitor.capture
        func span(_ interval: Interval) -> String { "\(TimeSpan(interval))" }
        var lines = [
            "interfaces: \(Self.list(monitor.interfaces.map(Self.quoted)))",
            "filter: \(Self.quoted(capture.filter))",
            "capture:",
            "  snap_length: \(capture.snapLength)",
            "  buffer_kib: \(capture.bufferSize >> 10)",
            "  promiscuous: \(capture.isPromiscuous)",
            "record:",
            "  file: \(monitor.recording.path.map(Self.quoted) ?? "")",
            "  size: \(ByteCount(bytes: monitor.recording.size))",
            "  keep: \(monitor.recording.kept)",
            "limits:",
            "  memory: \(ByteCount(bytes: monitor.limits.memory))",
            "  cpu: \(monitor.limits.cores.map { "\($0)" } ?? "never")",
            "model: \(model.map(Self.quoted) ?? "")",
            "inventory: \(inventory.map(Self.quoted) ?? "")",
            "workloads:",
            "  docker: \(Self.word(monitor.workloads.docker))",
            "  podman: \(Self.word(monitor.workloads.podman))",
            "  kubernetes: \(Self.word(monitor.workloads.kubernetes))",
            "  name_label: \(monitor.workloads.naming.nameLabel.map(Self.quoted) ?? "")",
            "  labels: \(Self.list(monitor.workloads.naming.labels.map(Self.quoted)))",
            "state: \(Self.quoted(monitor.stateDirectory))",
            "user: \(user.map(Self.quoted) ?? "")",
            "events: \(Self.quoted(monitor.output))",
            "log_level: \(logLevel)",
        ]
        lines += deliveryText
        lines += [
            "statistics: \(span(monitor.statisticsInterval))",
            "enforce: \(monitor.isEnforcing)",
            "learn: \(span(monitor.learningTime))",
            "retrain: \(monitor.retrainInterval.map(span) ?? "never")",
            "keep:",
            "  age: \(span(monitor.keepTime))",
            "  mib: \(monitor.keepBytes >> 20)",
            "control:",
            "  socket: \(control.socket.map(Self.quoted) ?? "never")",
            "  port: \(control.port.map { "\($0)" } ?? "")",
            "  token_file: \(control.tokenFile.map(Self.quoted) ?? "")",
            "  operators: \(Self.list(control.operators.map(Self.quoted)))",
            "  may_force: \(Self.list(control.overriders.map(Self.quoted)))",
            "quarantine:",
            "  windows_in_row: \(policy.persistenceWindows)",
            "  far_beyond: \(policy.farBeyondShare.map { "\($0)" } ?? "never")",
            "  durations: \(Self.list(policy.durations.map(span)))",
            "  forgiven_after: \(span(policy.decay))",
            "  most_at_a_time: \(policy.maximumActive)",
            "  most_of_workloads: \(policy.maximumShareOfWorkloads)",
            "  breaker: \(span(policy.breaker))",
            "  warm_up: \(span(policy.warmUp))",
            "  responses: \(Self.list(policy.actions.map(\.rawValue)))",
            "  limit: \(policy.limitPacketsPerSecond)",
            "  protect_targets: "
                + (policy.protectedConnectionsPerSecond.map { "\($0)" } ?? "never"),
            "  release_grace: \(span(policy.releaseGrace))",
            "  flush_connections: \(monitor.flushesConnections)",
            "  subnets:",
            "    fenced: \(policy.fencesSubnets)",
            "    least: \(policy.subnetMinimum)",
            "    share: \(policy.subnetShare)",
            "    within: \(span(policy.subnetSpan))",
        ]
        lines += Self.block(
            "protected",
            monitor.discovery.named.map {
                "{prefix: \(Self.quoted("\($0.prefix)")), reason: \(Self.quoted($0.reason))}"
            })
        lines += Self.block(
            "allow",
            monitor.allowlist.map { entry in
                let end = entry.expires.map {
                    ", until: \(Date(timeIntervalSince1970: Double($0.second)).ISO8601Format())"
                }
                return "{prefix: \(Self.quoted("\(entry.prefix)")), "
                    + "reason: \(Self.quoted(entry.reason))\(end ?? "")}"
            })
        lines += Self.block(
            "kept",
            policy.kept.map { service in
                let port = service.port.map { ", port: \($0.transport.rawValue)/\($0.number)" }
                return "{name: \(Self.quoted(service.name)), "
                    + "address: \(Self.quoted("\(service.address)"))\(port ?? "")}"
            })
        return lines.joined(separator: "\n") + "\n"
    }

    private static func word(_ choice: WorkloadOptions.Choice) -> String {
        switch choice {
        case .auto: "auto"
        case .never: "never"
        case .path(let path): quoted(path)
        }
    }

    static func list(_ items: [String]) -> String {
        "[\(items.joined(separator: ", "))]"
    }

    private static func block(_ key: String, _ items: [String]) -> [String] {
        items.isEmpty ? ["\(key): []"] : ["\(key):"] + items.map { "  - \($0)" }
    }

    /// Returns a single-quoted YAML scalar.
    static func quoted(_ text: String) -> String {
        "'" + text.replacing("'", with: "''") + "'"
    }
}
