import ControlServer
import TextFormats

/// Incidents as a table: a row for each, and below it its further patterns and what became of it.
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
            incident.decisionWord.printable, UTC.short(incident.start), UTC.short(incident.end),
            incident.who.printable, (incident.targetText ?? "-").printable,
            incident.summary.printable + comment,
        ]
        let others = incident.otherPatterns.map { other in
            below(
                "also: \(other.summary); evidence: \(other.evidence)", start: other.start,
                end: other.end, target: other.targetText)
        }
        return [row] + others + (reason(incident).map { [below("decision: \($0)")] } ?? [])
    }

    private static func below(
        _ text: String, start: Int64? = nil, end: Int64? = nil, target: String? = nil
    ) -> [String] {
        [
            "", "", "", start.map(UTC.short) ?? "", end.map(UTC.short) ?? "", "",
            (target ?? "").printable, text.printable,
        ]
    }

    /// The decision with its times, its author and its reason; nil: there is nothing to add.
    private static func reason(_ incident: ControlClient.Incident) -> String? {
        incident.outcome.flatMap { $0.state == "watched" ? nil : $0.text }
    }
}

extension ControlClient.Incident {
    /// What became of the decision, in a word or two.
    var decisionWord: String {
        switch outcome?.state {
        case nil: decision
        case "watched": "watch"
        case "would_fence": "would fence"
        case .some(let state): state
        }
    }
}
