internal import ModelFiles
internal import TextFormats
internal import Timestamps

/// A monitor's status as one screen of text.
public enum StatusText {
    public static func text(_ status: MonitorStatus, isColoured: Bool) -> String {
        func paint(_ text: String, _ code: String) -> String {
            isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
        }
        func span(_ seconds: Int) -> String { "\(TimeSpan(seconds: Int64(seconds)))" }
        let mode = (status.isEnforcing ? paint("enforcing", "1;31") : "observing") + choice(status)
        var rows: [(String, String)] = [
            (
                "lazaret \(status.version)",
                """
                \(paint(status.phase.rawValue, "1")), \(mode), up \(span(status.uptimeSeconds)), \
                pid \(status.pid)
                """
            ),
            ("interfaces", status.interfaces.joined(separator: ", ").printable),
            ("names", names(status).printable),
        ]
        if let learning = status.learning {
            let percent = learning.secondsDone * 100 / max(learning.secondsTotal, 1)
            rows.append(
                (
                    "learning",
                    """
                    \(percent) %, \(span(learning.secondsDone)) of \(span(learning.secondsTotal)): \
                    \(learning.workloads) workloads, \(learning.windows) windows, \
                    \(learning.facts) contacts
                    """
                ))
            if !learning.arriving.isEmpty {
                rows.append(("", arriving(learning.arriving).printable))
            }
            for suspect in learning.suspects.prefix(5) {
                rows.append(("", paint("not clean: \(suspect)".printable, "33")))
            }
        }
        if let model = status.model {
            rows.append(
                (
                    "model",
                    "\(model.id.prefix(12)), \(model.workloads) workloads, learned "
                        + UTC.span(model.firstSecond, model.lastSecond)
                ))
            let thin = model.quality.filter(\.isThin)
            for workload in thin.prefix(shownThin) {
                rows.append(("", paint("thin: \(workload)".printable, "33")))
            }
            if thin.count > shownThin {
                rows.append(("", paint("thin: \(thin.count - shownThin) more", "33")))
            }
            for line in LearningQuality.leftOut(model.quality) {
                rows.append(("", paint("not learned: \(line)".printable, "33")))
            }
        }
        rows += counters(status)
        for (number, responses) in status.responses.enumerated() {
            rows.append((number == 0 ? "responses" : "", text(responses).printable))
        }
        for (number, source) in (status.runtimeEvents ?? []).enumerated() {
            rows.append((number == 0 ? "runtime events" : "", text(source).printable))
        }
        if let history = status.history { rows.append(("history", text(history).printable)) }
        if status.troubles.isEmpty {
            rows.append(("health", paint("good", "32")))
        } else {
            for (number, trouble) in status.troubles.enumerated() {
                rows.append((number == 0 ? "health" : "", paint(trouble.printable, "31")))
            }
        }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }

    /// The number of workloads with a thin training that are listed.
    private static let shownThin = 5

    /// The workloads with most contacts that are still new.
    private static func arriving(_ arriving: [String: Int]) -> String {
        let order = arriving.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let total = arriving.values.reduce(0, +)
        return "\(total) contacts new in the last fifth of the time: "
            + order.prefix(shownThin).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }

    /// Who has switched the mode, and until when: ` (alice, until …)`.
    private static func choice(_ status: MonitorStatus) -> String {
        guard let state = status.enforcement, let by = state.by else { return "" }
        let until = state.until.map {
            ", until \(UTC.moment($0))"
        }
        return " (switched by \(by.printable)\(until ?? ""))"
    }

    private static func names(_ status: MonitorStatus) -> String {
        status.namedWorkloads == 0
            ? status.identities : "\(status.namedWorkloads) workloads, from \(status.identities)"
    }

    private static func counters(_ status: MonitorStatus) -> [(String, String)] {
        let bad = status.malformed.values.reduce(0, &+)
        let latency = status.verdictLatency
        let mean = latency.count == 0 ? 0 : latency.sum / Double(latency.count)
        return [
            (
                "packets",
                """
                \(grouped(status.capture.kernelPackets)), now \
                \(grouped(UInt64(status.packetsPerSecond.rounded())))/s, \
                \(rate(status.bitsPerSecond)); \(grouped(status.capture.kernelDrops)) \
                dropped by the kernel, \
                \(grouped(bad)) malformed
                """
            ),
            (
                "flows",
                "\(grouped(status.flow.activeFlows)) active, "
                    + """
                    \(grouped(status.flow.flowsStarted)) so far; \
                    \(grouped(UInt64(status.hosts))) addresses watched
                    """
            ),
            (
                "windows",
                "\(grouped(UInt64(status.windows))) judged, \(grouped(status.verdicts)) anomalous, "
                    + "\(grouped(status.alerts)) alerts"
                    + (latency.count == 0
                        ? "" : ", \(JSONObject.number(mean, digits: 2)) s to a verdict")
            ),
            (
                "quarantine",
                """
                \(status.fences) active \(status.fences == 1 ? "fence" : "fences")\
                \(status.appliesRules ? "" : " if enforced")\(evidence(status)); so far \
                \(status.actions.fence) added, \(status.actions.release) released, \
                \(status.actions.expire) expired, \(status.actions.refuse) refused
                """
            ),
        ]
    }

    /// The number of rules by their evidence: ` (by port 3, by handshake 1)`.
    private static func evidence(_ status: MonitorStatus) -> String {
        guard !status.fenceEvidence.isEmpty else { return "" }
        let parts = status.fenceEvidence.sorted { $0.key < $1.key }.map { "by \($0) \($1)" }
        return " (\(parts.joined(separator: ", ")))"
    }

    /// Formats 1234567 as 1,234,567.
    static func grouped(_ value: UInt64) -> String {
        var text = ""
        for (index, digit) in String(value).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// Formats 1234567 as 1.2 MB.
    public static func bytes(_ bytes: UInt64) -> String {
        let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        for (size, name) in units where Double(bytes) >= size {
            return "\(JSONObject.number(Double(bytes) / size, digits: 1)) \(name)"
        }
        return "\(bytes) B"
    }

    static func rate(_ bits: Double) -> String {
        let units = [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")]
        for (size, name) in units where bits >= size {
            return "\(JSONObject.number(bits / size, digits: 1)) \(name)"
        }
        return "\(Int(bits)) bit/s"
    }
}
