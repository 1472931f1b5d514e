import NetworkAddresses
public import Quarantine
import TextFormats
import Timestamps

/// The active rules as JSON.
public enum RuleReport {
    /// One JSON object.
    public static func json(_ status: RuleStatus) -> String {
        let rule = status.rule
        var object = JSONObject()
        object.put("id", rule.id)
        object.put("target", "\(rule.target)")
        object.put("response", rule.action.rawValue)
        object.put("in_force", status.isInForce)
        object.put("dry_run", rule.isDryRun)
        object.put("remaining_seconds", status.remaining.inSeconds, digits: 3)
        object.put("until_ns", Int(rule.expires.nanoseconds))
        object.put("until", UTC.timestamp(rule.expires))
        object.put("packets_held", Int(clamping: status.packets))
        object.put("bytes_held", Int(clamping: status.bytes))
        object.put("level", rule.level)
        object.put("workload", rule.workload)
        object.put("reason", rule.reason)
        object.put("evidence", rule.evidence.isEmpty ? nil : rule.evidence)
        object.put("event_id", rule.eventID)
        object.put("features", rule.features)
        object.put("by", rule.origin)
        object.put("forced", rule.isForced)
        object.put("undo", rule.undo)
        return object.text
    }
}
