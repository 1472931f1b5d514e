import AnomalyDetection
import FeatureExtraction
import NetworkAddresses
import Quarantine
import RuntimeEvents
import SenderAttribution
import TextFormats
import Timestamps

extension EventExplanation {
    /// The explanation as text for the operator.
    public var text: String {
        var lines = head
        lines += ["", "Why"] + alert.reasons.flatMap(Self.lines)
        if let first = alert.firstSecond, !alert.runtimeEvents.isEmpty {
            lines +=
                ["", "Runtime events"] + alert.runtimeEvents.map { "  " + $0.text(from: first) }
        }
        lines += ["", "Against what", "  " + baselineText]
        lines += ["", "Nearest normal window"] + nearestLines.map { "  " + $0 }
        lines += ["", flowTitle] + flowLines
        lines += ["", "Packets", "  " + sliceText]
        lines += ["", "Rules, and how to undo them"] + undoLines.map { "  " + $0 }
        if !notes.isEmpty { lines += ["", "Note"] + notes.map { "  " + $0 } }
        return lines.map(\.printable).joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        let offender = "\(alert.offender)"
        let who =
            alert.workload == offender || alert.workload == "outside"
            ? offender : "\(alert.workload) (\(offender))"
        let what = title + (alert.technique.map { " (\($0))" } ?? "")
        var lines = [
            "event \(alert.identifier ?? "")  \(windowText)",
            "  \(who), as source, over \(alert.scale.seconds) s: \(what)",
        ]
        if let attribution = alert.attribution {
            lines.append(
                "  evidence: \(attribution.evidence.rawValue), \(attribution.text)")
        }
        if let target = alert.target { lines.append("  target: \(target.text)") }
        if let contact, alert.target.map({ !$0.text.hasSuffix(contact) }) ?? true {
            lines.append("  last flow to \(contact)")
        }
        if let threshold = alert.threshold {
            let chance =
                alert.pValue.map {
                    "; a clean minute scores as high with chance \(Self.chance($0))"
                } ?? ""
            lines.append(
                "  score \(Self.number(alert.score, 3)), threshold "
                    + "\(Self.number(threshold, 3))\(chance)")
        }
        if let running = alert.running { lines.append("  \(running.text)") }
        if let decision = alert.decision { lines.append("  decision: \(decision.rawValue)") }
        if alert.isMuted {
            lines.append("  muted: it was not reported; 'lazaret mute' lists the mutes")
        }
        return lines
    }

    /// A chance, as far as it can be known: no training is long enough for smaller ones.
    private static func chance(_ value: Double) -> String {
        let least = 1e-6
        return value < least
            ? "below 1 in 1,000,000" : JSONObject.number(value, significant: 2)
    }

    /// The judged seconds; of an event without them, its time.
    private var windowText: String {
        alert.window.map { UTC.span(Int64($0.lowerBound), Int64($0.upperBound)) }
            ?? UTC.moment(time)
    }

    private static func lines(_ reason: Event.Alert.Reason) -> [String] {
        guard let measured = reason.measurement else { return ["  \(reason.text)"] }
        var sentence = "\(number(measured.value, 2)) \(measured.unit)"
        if let median = measured.baselineMedian, let p99 = measured.baselineP99 {
            sentence +=
                ", where the median clean window has \(number(median, 2)) and 99 % have at most "
                + number(p99, 2)
        }
        if let share = measured.share { sentence += "; \(number(share * 100, 0)) % of the score" }
        return ["  \(reason.text)", "      \(measured.feature): \(sentence)"]
    }

    private var baselineText: String {
        guard let baseline else { return "not in the alert" }
        let group =
            switch baselineKind {
            case "node": "the whole node, for want of a narrower one"
            case "workload": "workload \(baseline)"
            default: "\(baseline), for want of one of its own"
            }
        let learned =
            baselineWindows.map { "\($0) clean windows of \(alert.scale.seconds) s" }
            ?? "name the model with -m MODEL to see how many windows it learned from"
        return "the baseline of \(group): \(learned)"
            + (alert.modelID.map { "; model \($0)" } ?? "")
    }

    private var nearestLines: [String] {
        guard let nearest else { return [nearestNote ?? "not known"] }
        let basis =
            nearest.isExact
            ? ""
            : " (all other features taken as ordinary: they are not in the alert; name its capture "
                + "with -r for the whole window)"
        let (before, after) = (
            Self.number(nearest.scoreBefore, 3), Self.number(nearest.scoreAfter, 3)
        )
        let threshold = Self.number(nearest.threshold, 3)
        let result =
            nearest.scoreAfter < nearest.threshold
            ? "the score would fall from \(before) to \(after), below \(threshold)"
            : "no alert, as nothing would lie beyond the clean range (score \(after))"
        let width = nearest.changes.map(\.feature.count).max() ?? 0
        return ["\(result)\(basis), with"]
            + nearest.changes.map { change in
                "  " + change.feature + String(repeating: " ", count: width - change.feature.count)
                    + "  at most \(Self.number(change.to, 2)) instead of "
                    + "\(Self.number(change.from, 2)) \(change.unit)"
            }
    }

    private var flowTitle: String {
        guard let flowCount, flowCount > flows.count else { return "Flows behind it" }
        return "Flows behind it: the \(flows.count) most relevant of \(flowCount)"
    }

    private var flowLines: [String] {
        guard !flows.isEmpty else { return ["  none: \(flowSource)"] }
        let ends = flows.map { "\($0.source) -> \($0.destination)" }
        let width = ends.map(\.count).max() ?? 0
        let lines = zip(flows, ends).map { flow, ends in
            let new = flow.isNew == true ? "  new to the baseline" : ""
            return
                "  \(UTC.moment(flow.start))  \(flow.transport)  \(ends)"
                + String(repeating: " ", count: width - ends.count)
                + "  \(flow.packetsOut)/\(flow.packetsIn) packets"
                + "  \(flow.bytesOut)/\(flow.bytesIn) bytes"
                + "  \(flow.state)  \(flow.communityID)\(new)"
        }
        let more = (flowCount ?? 0) - flows.count
        return lines + (more > 0 ? ["  ... and \(more) more"] : []) + ["  \(flowSource)"]
    }

    private var sliceText: String {
        guard let file = alert.captureFile else {
            return
                "no file of their own; the dashboard's Download takes them from the recording of a "
                + "monitor with -w; 'lazaret replay -r CAPTURE -m MODEL --pcap-out FOLDER' "
                + "makes one"
        }
        return file + (isCaptureFileThere ? "" : " (no longer there)")
    }

    private var undoLines: [String] {
        let done = changes.map { _, change in
            let how =
                change.failure.map { ", which failed: \($0)" }
                ?? (change.isDryRun ? " (not enforced)" : "")
            return "\(change.action.rawValue) of \(change.target), \(change.response.rawValue), "
                + "until \(UTC.moment(change.until))\(how)"
        }
        return (done.isEmpty ? ["nothing was fenced for it"] : done) + undo.map { "  " + $0 }
    }

    private static func number(_ value: Double, _ digits: Int) -> String {
        JSONObject.number(value, digits: digits)
    }

    /// The explanation as one JSON object.
    public var json: String {
        var object = JSONObject()
        object.put("event_id", alert.identifier)
        object.put("timestamp", UTC.timestamp(time))
        object.put("workload", alert.workload)
        object.put("offender", "\(alert.offender)")
        object.put("signature", title)
        object.put("technique", alert.technique)
        alert.target?.put(in: &object)
        object.put("contact", contact)
        object.put("scale_s", alert.scale.seconds)
        object.put("window_start", alert.window?.lowerBound)
        object.put("window_end", alert.window?.upperBound)
        object.put("score", alert.score)
        object.put("threshold", alert.threshold)
        object.put("p_value", alert.pValue, significant: 2)
        object.put("decision", alert.decision?.rawValue)
        let reasons = alert.reasons.map { $0.json(alert.scale) }
        object.put("reasons", json: "[" + reasons.joined(separator: ",") + "]")
        if !alert.runtimeEvents.isEmpty {
            object.put(
                "runtime_events", alert.runtimeEvents.map { $0.object(from: alert.firstSecond) })
        }
        object.put("model_id", alert.modelID)
        object.put("baseline", baseline)
        object.put("baseline_kind", baselineKind)
        object.put("baseline_windows", baselineWindows)
        if let nearest { object.put("nearest_normal", Self.object(nearest)) }
        object.put("nearest_normal_note", nearestNote)
        object.put("flow_source", flowSource)
        object.put("flow_count", flowCount)
        object.put("flows", flows.map(Self.object))
        object.put("capture_file", alert.captureFile)
        if alert.captureFile != nil { object.put("capture_file_exists", isCaptureFileThere) }
        object.put("fences", changes.map(Self.object))
        object.put("undo", undo)
        object.put("notes", notes)
        return object.text
    }

    private static func object(_ nearest: Nearest) -> JSONObject {
        var object = JSONObject()
        object.put(
            "changes",
            nearest.changes.map { change in
                var object = JSONObject()
                object.put("feature", change.feature)
                object.put("unit", change.unit)
                object.put("value", change.from, digits: 2)
                object.put("at_most", change.to, digits: 2)
                return object
            })
        object.put("score_before", nearest.scoreBefore)
        object.put("score_after", nearest.scoreAfter)
        object.put("threshold", nearest.threshold)
        object.put("within_clean_range", nearest.isWithinRange)
        object.put("exact", nearest.isExact)
        return object
    }

    private static func object(_ flow: Flow) -> JSONObject {
        var object = JSONObject()
        object.put("start", UTC.timestamp(flow.start))
        object.put("source", flow.source)
        object.put("destination", flow.destination)
        object.put("proto", flow.transport)
        object.put("pkts_toserver", Int(clamping: flow.packetsOut))
        object.put("pkts_toclient", Int(clamping: flow.packetsIn))
        object.put("bytes_toserver", Int(clamping: flow.bytesOut))
        object.put("bytes_toclient", Int(clamping: flow.bytesIn))
        object.put("state", flow.state)
        object.put("community_id", flow.communityID)
        if let isNew = flow.isNew { object.put("new", isNew) }
        return object
    }

    private static func object(_ time: Timestamp, _ change: Event.QuarantineChange) -> JSONObject {
        var object = JSONObject()
        object.put("timestamp", UTC.timestamp(time))
        object.put("action", change.action.rawValue)
        object.put("target", "\(change.target)")
        object.put("response", change.response.rawValue)
        object.put("until", UTC.timestamp(change.until))
        object.put("dry_run", change.isDryRun)
        object.put("failure", change.failure)
        return object
    }
}
