public import AnomalyDetection
import FeatureExtraction
import NetworkAddresses
public import Quarantine
import TextFormats

/// Alerts and quarantine actions as EVE JSON, one object a line: what reads Suricata reads these.
public enum EventJSON {
    /// Where packets came from, as events tell it.
    public enum Origin: Sendable {
        /// One capture; nil for several.
        case capture(String?)
        /// One interface; nil for several.
        case interface(String?)
    }

    /// The alert of a verdict.
    ///
    /// - Parameter slice: the file that holds the incident's packets, under Suricata's name for it.
    public static func alert(
        _ verdict: Verdict, eventID: String, modelID: String, origin: Origin,
        slice: String? = nil, decision: String, quarantineID: String?, isBlocked: Bool = false
    ) -> String {
        let window = verdict.window
        let contact = window.lastContact
        var event = JSONObject()
        event.put(
            "timestamp", UTC.timestamp(nanoseconds: Int64(window.endSecond + 1) * 1_000_000_000))
        event.put("event_type", "alert")
        event.put("src_ip", "\(verdict.subject)")
        if contact.second >= window.startSecond, !contact.address.isUnspecified {
            if [6, 17, 132].contains(contact.ipProtocol) {
                event.put("src_port", Int(contact.sourcePort))
            }
            event.put("dest_ip", "\(contact.address)")
            if [6, 17, 132].contains(contact.ipProtocol) {
                event.put("dest_port", Int(contact.port))
            }
            event.put("proto", Service.protocolName(contact.ipProtocol))
        }
        switch origin {
        case .capture(let name): event.put("pcap_filename", name)
        case .interface(let name): event.put("in_iface", name)
        }
        event.put("capture_file", slice)
        var alert = JSONObject()
        alert.put("action", isBlocked ? "blocked" : "allowed")
        alert.put("signature", "Lazaret \(verdict.pattern?.title ?? "unusual traffic")")
        alert.put("category", verdict.pattern?.category ?? "Misc activity")
        alert.put("severity", severity(verdict))
        event.put("alert", alert)
        event.put(
            "lazaret",
            details(
                verdict, eventID: eventID, modelID: modelID, decision: decision,
                quarantineID: quarantineID))
        return event.text
    }

    private static func severity(_ verdict: Verdict) -> Int {
        verdict.level == .watch ? 3 : verdict.isFarBeyond ? 1 : 2
    }

    private static func details(
        _ verdict: Verdict, eventID: String, modelID: String, decision: String,
        quarantineID: String?
    ) -> JSONObject {
        let window = verdict.window
        var object = JSONObject()
        object.put("event_id", eventID)
        object.put("workload", verdict.workload)
        object.put("offender", "\(verdict.subject)")
        if window.mac != .zero { object.put("mac", "\(window.mac)") }
        object.put("role", "source")
        object.put("window_start", window.startSecond)
        object.put("window_end", window.endSecond + 1)
        object.put("scale_s", window.scale.seconds)
        object.put("score", Double(verdict.score))
        object.put("p_value", verdict.pValue, digits: 8)
        object.put("threshold", Double(verdict.threshold))
        object.put("baseline", verdict.baselineName)
        object.put("model_id", modelID)
        object.put("pattern", verdict.pattern?.rawValue)
        object.put("technique", verdict.pattern?.technique)
        object.put("reasons", verdict.reasons.map(reason))
        object.put("decision", decision)
        object.put("quarantine_id", quarantineID)
        return object
    }

    private static func reason(_ reason: Verdict.Reason) -> JSONObject {
        let description = FeatureSchema.description(of: reason.feature)
        var object = JSONObject()
        object.put("feature", description.name)
        object.put("value", Double(reason.value), digits: 2)
        object.put("unit", description.unit)
        object.put("baseline_p50", Double(reason.baselineMedian), digits: 2)
        object.put("baseline_p99", Double(reason.baselineP99), digits: 2)
        object.put("share", Double(reason.share))
        object.put("text", reason.text)
        return object
    }

    /// The event of one quarantine decision.
    ///
    /// - Parameter failure: why it could not be done; nil: done, or all but done in a dry run.
    public static func quarantine(
        _ decision: QuarantineDecision, isDryRun: Bool, failure: String? = nil
    ) -> String {
        let rule = decision.rule
        var event = JSONObject()
        event.put("timestamp", UTC.timestamp(nanoseconds: decision.time))
        event.put("event_type", "quarantine")
        if let prefix = rule.target.prefix, prefix.isHost {
            event.put("src_ip", "\(prefix.address)")
        }
        var object = JSONObject()
        object.put("quarantine_id", rule.id)
        object.put("action", "\(decision.kind)")
        if case .refuse(let why) = decision.kind { object.put("refused_because", "\(why)") }
        object.put("target", "\(rule.target)")
        object.put("response", rule.action.rawValue)
        object.put("until", UTC.timestamp(nanoseconds: rule.expires))
        object.put("reason", decision.reason)
        if !rule.eventID.isEmpty { object.put("event_id", rule.eventID) }
        object.put("workload", rule.workload)
        object.put("undo", rule.undo)
        object.put("dry_run", isDryRun)
        object.put("failure", failure)
        event.put("lazaret", object)
        return event.text
    }
}
