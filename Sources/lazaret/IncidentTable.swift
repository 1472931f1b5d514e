import ControlServer
import TextFormats

/// Incidents as a table: a row for each, and below it its further patterns.
enum IncidentTable {
    private static let head = [
        "INCIDENT", "STATE", "DECISION", "START (UTC)", "END (UTC)", "OFFENDER", "TARGET",
        "SUMMARY",
    ]

    static func text(_ incidents: [ControlClient.Incident]) -> String {
        TextTable.text(head, incidents.flatMap(rows))
    }

    private static func rows(_ incident: ControlClient.Incident) -> [[String]] {
        let comment = incident.triage.comment.map { $0.isEmpty ? "" : " (\($0.printable))" } ?? ""
        let row = [
            incident.eventId.printable, incident.triage.state.printable,
            incident.decision.printable, UTC.short(incident.start), UTC.short(incident.end),
            incident.who.printable, (incident.targetText ?? "-").printable,
            incident.summary.printable + comment,
        ]
        let others = incident.otherPatterns.map { other in
            below(
                "also: \(other.summary); evidence: \(other.evidence)", start: other.start,
                end: other.end, target: other.targetText)
        }
        return [row] + others
    }

    private static func below(
        _ text: String, start: Int64? = nil, end: Int64? = nil, target: String? = nil
    ) -> [String] {
        [
            "", "", "", start.map(UTC.short) ?? "", end.map(UTC.short) ?? "", "",
            (target ?? "").printable, text.printable,
        ]
    }
}
