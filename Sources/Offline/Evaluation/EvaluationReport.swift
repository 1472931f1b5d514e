import NetworkAddresses
import TextFormats

/// An evaluation as JSON and as a table.
public enum EvaluationReport {
    public static func json(_ evaluation: Evaluation) -> String {
        var object = JSONObject()
        object.put("attacks", evaluation.attacks.map(attack))
        object.put("attack_count", evaluation.attacks.count)
        object.put("detected_count", evaluation.detectedCount)
        object.put("recall", evaluation.recall)
        object.put("precision", evaluation.precision)
        object.put("roc_auc_windows", evaluation.windowAUC)
        object.put("windows", evaluation.windowCount)
        object.put("hours", evaluation.hours)
        object.put("incidents", evaluation.incidentCount)
        object.put("false_incidents", evaluation.falseIncidents.count)
        object.put("false_incidents_per_hour", evaluation.falseIncidentsPerHour)
        object.put("false_incident_list", evaluation.falseIncidents)
        object.put("victims_flagged", evaluation.victimsFlagged.map(\.description))
        object.put("victims_quarantined", evaluation.victimsQuarantined.map(\.description))
        object.put("clean_workloads_flagged", evaluation.cleanFlagged)
        object.put("clean_workloads_quarantined", evaluation.cleanQuarantined)
        return object.text + "\n"
    }

    private static func attack(_ attack: Evaluation.Attack) -> JSONObject {
        var object = JSONObject()
        object.put("kind", attack.label.kind)
        object.put("start", attack.label.start)
        object.put("end", attack.label.end)
        object.put("src", attack.label.sources.map(\.description))
        object.put("detected", attack.isDetected)
        object.put("seconds_to_detection", attack.secondsToDetection, digits: 2)
        object.put("seconds_to_quarantine", attack.secondsToQuarantine, digits: 2)
        object.put("offenders", attack.offenders.map(\.description))
        object.put("pattern", attack.pattern)
        object.put("best_reason", attack.reason)
        return object
    }

    public static func table(_ evaluation: Evaluation) -> String {
        var text = ""
        if !evaluation.attacks.isEmpty {
            text += row("attack", "detected", "fenced", "what was seen")
            for attack in evaluation.attacks { text += line(attack) }
            text += "\n\(evaluation.detectedCount) of \(evaluation.attacks.count) attacks detected"
            for (name, value) in [
                ("recall", evaluation.recall), ("precision of incidents", evaluation.precision),
            ] {
                text += value.map { "; \(name) \(JSONObject.number($0, digits: 3))" } ?? ""
            }
            if let area = evaluation.windowAUC {
                text += "; ROC AUC over 10 s windows \(JSONObject.number(area, digits: 3))"
            }
            text += "\n"
        }
        text +=
            """
            \(evaluation.incidentCount) incidents in \
            \(JSONObject.number(evaluation.hours * 60, digits: 1)) min, \
            \(evaluation.falseIncidents.count) of them false \
            (\(JSONObject.number(evaluation.falseIncidentsPerHour, digits: 1)) an hour)

            """
        for incident in evaluation.falseIncidents { text += "  false: \(incident.printable)\n" }
        text +=
            "victims flagged: \(list(evaluation.victimsFlagged.map(\.description)))"
            + "; quarantined: \(list(evaluation.victimsQuarantined.map(\.description)))\n"
        text +=
            "clean workloads flagged: \(list(evaluation.cleanFlagged))"
            + "; quarantined: \(list(evaluation.cleanQuarantined))\n"
        return text
    }

    private static func line(_ attack: Evaluation.Attack) -> String {
        func seconds(_ value: Double?) -> String {
            value.map { "\(JSONObject.number($0, digits: 1)) s" } ?? "-"
        }
        return row(
            attack.label.kind, attack.isDetected ? seconds(attack.secondsToDetection) : "NO",
            seconds(attack.secondsToQuarantine),
            [attack.pattern, attack.reason].compactMap(\.self).joined(separator: ": "))
    }

    private static func row(_ cells: String...) -> String {
        let widths = [26, 10, 10, 0]
        return zip(cells, widths).map { cell, width in
            cell.printable + String(repeating: " ", count: max(0, width - cell.count))
        }.joined() + "\n"
    }

    private static func list(_ items: [String]) -> String {
        items.isEmpty ? "none" : items.joined(separator: ", ").printable
    }
}
