import ControlServer
import Events
import FoundationEssentials
import Monitor
import Quarantine
import StatusReport
import TextFormats

/// The content of one screen.
struct TopScreen {
    private struct Rate: Decodable {
        var packets: Double
    }

    private var status: MonitorStatus
    private var incidents: [IncidentSummary]
    private var rules: [RuleStatus]
    private var rates: [Rate]

    static func read(_ client: ControlClient) async throws -> TopScreen {
        func list<T: Decodable>(_ path: String) async throws -> [T] {
            try JSONDecoder().decode([T].self, from: Data(try await client.get(path)))
        }
        return TopScreen(
            status: try await client.status(),
            incidents: try await list("/api/v1/incidents?limit=50"),
            rules: try await client.rules(),
            rates: try await list("/api/v1/rates"))
    }

    func text(size: (columns: Int, rows: Int), isColoured: Bool) -> String {
        func paint(_ text: String, _ code: String) -> String {
            isColoured ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
        }
        func clip(_ text: String) -> String {
            String(text.printable.prefix(size.columns))
        }
        var lines = StatusText.text(status, isColoured: isColoured).split(separator: "\n")
            .map(String.init)
        let graph = Self.bars(rates.suffix(size.columns - 14).map(\.packets))
        if !graph.isEmpty { lines.append("packets/s   " + graph) }
        lines.append("")
        lines.append(paint(clip("FENCED               LEFT       HELD BACK  WHY"), "1"))
        for status in rules.prefix(max(3, size.rows / 4)) {
            let rule = status.rule
            let left = TimeSpan(status.remaining)
            lines.append(
                clip(
                    column("\(rule.target)" + (rule.isDryRun ? " (dry)" : ""), 21)
                        + column("\(left)", 11) + column("\(status.packets)", 11)
                        + rule.reason))
        }
        if rules.isEmpty { lines.append("nothing is fenced") }
        lines.append("")
        lines.append(paint(clip("INCIDENTS  LAST      SCORE  WORKLOAD              WHAT"), "1"))
        for incident in incidents.prefix(max(0, size.rows - lines.count - 1)) {
            let isFenced = incident.decision == .quarantine
            lines.append(
                paint(
                    clip(
                        column(incident.decision.rawValue, 11)
                            + column(UTC.clock(Int64(incident.end)), 10)
                            + column(JSONObject.number(incident.score, digits: 2), 7)
                            + column(
                                incident.workload == incident.offender
                                    ? incident.offender
                                    : "\(incident.workload) \(incident.offender)",
                                22)
                            + incident.summary), isFenced ? "31" : "33"))
        }
        if incidents.isEmpty { lines.append("none so far") }
        return lines.prefix(size.rows).joined(separator: "\n") + "\n"
    }

    private func column(_ text: String, _ width: Int) -> String {
        text.count < width
            ? text + String(repeating: " ", count: width - text.count)
            : text.prefix(width - 1) + " "
    }

    /// Values as a row of eighths of a block.
    private static func bars(_ values: [Double]) -> String {
        let blocks = Array(" ▁▂▃▄▅▆▇█")
        guard let most = values.max(), most > 0 else { return "" }
        return String(values.map { blocks[Int(($0 / most * 8).rounded())] })
    }
}
