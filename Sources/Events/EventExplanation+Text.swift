import TextFormats

extension EventExplanation {
    /// The explanation as a person reads it.
    public var text: String {
        var lines = head
        lines += ["", "Why"] + reasons.flatMap(Self.lines)
        lines += ["", "Against what", "  " + baselineText]
        lines += ["", "Nearest normal window"] + nearestLines.map { "  " + $0 }
        lines += ["", flowTitle] + flowLines
        lines += ["", "Packets", "  " + sliceText]
        lines += ["", "What would undo it"] + undoLines.map { "  " + $0 }
        if !notes.isEmpty { lines += ["", "Note"] + notes.map { "  " + $0 } }
        return lines.map(\.printable).joined(separator: "\n") + "\n"
    }

    private var head: [String] {
        let who =
            workload == offender || workload == "outside" ? offender : "\(workload) (\(offender))"
        let what = title + (technique.map { " (\($0))" } ?? "")
        var lines = [
            "event \(eventID)  \(time)", "  \(who), as source, over \(windowSeconds) s: \(what)",
        ]
        if let contact { lines.append("  last flow to \(contact)") }
        if let score, let threshold {
            let chance =
                pValue.map { "; a clean minute scores as high with chance \(Self.number($0, 6))" }
                ?? ""
            lines.append(
                "  score \(Self.number(score, 3)), threshold \(Self.number(threshold, 3))\(chance)")
        }
        if let decision { lines.append("  decision: \(decision)") }
        return lines
    }

    private static func lines(_ reason: Reason) -> [String] {
        var sentence = "\(number(reason.value, 2)) \(reason.unit)"
        if let median = reason.median, let p99 = reason.p99 {
            sentence +=
                ", where the median clean window has \(number(median, 2)) and 99 % have at most "
                + number(p99, 2)
        }
        if let share = reason.share { sentence += "; \(number(share * 100, 0)) % of the score" }
        return ["  \(reason.text)", "      \(reason.feature): \(sentence)"]
    }

    private var baselineText: String {
        guard let baseline else { return "the alert does not say" }
        let group =
            switch baselineKind {
            case "node": "the whole node, for want of a narrower one"
            case "workload": "workload \(baseline)"
            default: "\(baseline), for want of one of its own"
            }
        let learnt =
            baselineWindows.map { "\($0) clean windows of \(windowSeconds) s" }
            ?? "name the model with -m MODEL to hear how many windows it learnt"
        return "the baseline of \(group): \(learnt)" + (modelID.map { "; model \($0)" } ?? "")
    }

    private var nearestLines: [String] {
        guard let nearest else { return [nearestNote ?? "not known"] }
        let basis =
            nearest.isExact
            ? ""
            : " (all else ordinary: the alert does not tell it; name its capture with -r for the whole window)"
        let (before, after) = (
            Self.number(nearest.scoreBefore, 3), Self.number(nearest.scoreAfter, 3)
        )
        let threshold = Self.number(nearest.threshold, 3)
        let result =
            nearest.scoreAfter < nearest.threshold
            ? "the score would fall from \(before) to \(after), below \(threshold)"
            : "nothing would lie beyond the clean range, so that its score, \(after), would not count"
        let width = nearest.changes.map(\.feature.count).max() ?? 0
        return ["\(result)\(basis), with"]
            + nearest.changes.map { change in
                "  " + change.feature + String(repeating: " ", count: width - change.feature.count)
                    + "  at most \(Self.number(change.to, 2)) instead of \(Self.number(change.from, 2)) \(change.unit)"
            }
    }

    private var flowTitle: String {
        guard let flowCount, flowCount > flows.count else { return "Flows behind it" }
        return "Flows behind it: the \(flows.count) that tell most, of \(flowCount)"
    }

    private var flowLines: [String] {
        guard !flows.isEmpty else { return ["  none: \(flowSource)"] }
        let ends = flows.map { "\($0.source) -> \($0.destination)" }
        let width = ends.map(\.count).max() ?? 0
        let lines = zip(flows, ends).map { flow, ends in
            let new = flow.isNew == true ? "  new to the baseline" : ""
            return
                "  \(UTC.clock(flow.startNanoseconds / 1_000_000_000))  \(flow.transport)  \(ends)"
                + String(repeating: " ", count: width - ends.count)
                + "  \(flow.packetsOut)/\(flow.packetsIn) packets  \(flow.bytesOut)/\(flow.bytesIn) bytes"
                + "  \(flow.state)  \(flow.communityID)\(new)"
        }
        let more = (flowCount ?? 0) - flows.count
        return lines + (more > 0 ? ["  ... and \(more) more"] : []) + ["  \(flowSource)"]
    }

    private var sliceText: String {
        guard let slice else {
            return
                "no file of their own; 'lazaret replay -r CAPTURE -m MODEL --pcap-out FOLDER' makes one"
        }
        return slice + (isSliceThere ? "" : " (no longer there)")
    }

    private var undoLines: [String] {
        let done = fences.map { fence in
            let how =
                fence.failure.map { ", which failed: \($0)" }
                ?? (fence.isDryRun ? " (not enforced)" : "")
            return
                "\(fence.action) of \(fence.target), \(fence.response), until \(fence.until)\(how)"
        }
        return (done.isEmpty ? ["nothing was fenced for it"] : done) + undo.map { "  " + $0 }
    }

    private static func number(_ value: Double, _ digits: Int) -> String {
        JSONObject.number(value, digits: digits)
    }

    /// The explanation as one JSON object.
    public var json: String {
        var object = JSONObject()
        object.put("event_id", eventID)
        object.put("timestamp", time)
        object.put("workload", workload)
        object.put("offender", offender)
        object.put("signature", title)
        object.put("technique", technique)
        object.put("contact", contact)
        object.put("scale_s", windowSeconds)
        object.put("window_start", windowStart)
        object.put("window_end", windowEnd)
        object.put("score", score)
        object.put("threshold", threshold)
        object.put("p_value", pValue, digits: 8)
        object.put("decision", decision)
        object.put("reasons", reasons.map(Self.object))
        object.put("model_id", modelID)
        object.put("baseline", baseline)
        object.put("baseline_kind", baselineKind)
        object.put("baseline_windows", baselineWindows)
        if let nearest { object.put("nearest_normal", Self.object(nearest)) }
        object.put("nearest_normal_note", nearestNote)
        object.put("flow_source", flowSource)
        object.put("flow_count", flowCount)
        object.put("flows", flows.map(Self.object))
        object.put("capture_file", slice)
        if slice != nil { object.put("capture_file_exists", isSliceThere) }
        object.put("fences", fences.map(Self.object))
        object.put("undo", undo)
        object.put("notes", notes)
        return object.text
    }

    private static func object(_ reason: Reason) -> JSONObject {
        var object = JSONObject()
        object.put("feature", reason.feature)
        object.put("value", reason.value, digits: 2)
        object.put("unit", reason.unit)
        object.put("baseline_p50", reason.median, digits: 2)
        object.put("baseline_p99", reason.p99, digits: 2)
        object.put("share", reason.share)
        object.put("text", reason.text)
        return object
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
        object.put("start", UTC.timestamp(nanoseconds: flow.startNanoseconds))
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

    private static func object(_ fence: Fence) -> JSONObject {
        var object = JSONObject()
        object.put("timestamp", fence.time)
        object.put("action", fence.action)
        object.put("target", fence.target)
        object.put("response", fence.response)
        object.put("until", fence.until)
        object.put("dry_run", fence.isDryRun)
        object.put("failure", fence.failure)
        return object
    }
}
